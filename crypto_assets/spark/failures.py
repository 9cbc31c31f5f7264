"""Why a piece of work on Spark failed, as a sentence that says what to change."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from crypto_assets.errors import CryptoAssetsError, RateLimited

GUIDE = "docs/spark.md"

_KILLED = (
    "its Python process was killed, most often because memory ran out. Let fewer tasks run at once (SPARK_TASKS), or "
    "give the machine more memory."
)
_NO_MEMORY = (
    "its Python process got no more memory. Let fewer tasks run at once (SPARK_TASKS); on a cluster raise "
    "spark.executor.pyspark.memory, or spark.executor.memoryOverhead."
)
_JAVA_MEMORY = "Spark's Java ran out of memory. Give it more: SPARK_MEMORY."
_EXECUTOR = (
    "its executor was lost. Where the cluster killed it for its memory, raise SPARK_MEMORY or "
    "spark.executor.memoryOverhead, or lower spark.executor.cores."
)
_NOT_PACKAGED = f"the executors have not this project's code or packages. {GUIDE} says how to send them along."
_DRIVER = (
    "Spark's Java ended before it was done. What was written stays. Run it again; if the system killed it, lower "
    "SPARK_MEMORY or SPARK_TASKS, so that both fit into this machine's memory."
)

_SIGNS: tuple[tuple[str, str], ...] = (
    ("java.lang.OutOfMemoryError", _JAVA_MEMORY),
    ("SparkOutOfMemoryError", _JAVA_MEMORY),
    ("UNABLE_TO_ACQUIRE_MEMORY", _JAVA_MEMORY),
    ("ExecutorLostFailure", _EXECUTOR),
    ("No module named", _NOT_PACKAGED),
    ("Python worker exited unexpectedly", _KILLED),
    ("Python worker failed to connect back", _NOT_PACKAGED),
    ("MemoryError", _NO_MEMORY),
)
"""What the text of Spark's error holds, the strongest first, and what it means."""
_ENDED = ("SparkContext was shut down", "stopped SparkContext", "RETRIES_EXCEEDED", "StatusCode.UNAVAILABLE")
"""What is said where Spark is no more; the last two of a Connect server."""
_OF_SPARK = (_KILLED, _NO_MEMORY, _JAVA_MEMORY, _EXECUTOR, _DRIVER)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an item was not done."""

    kind: str
    """Name of the error's class."""
    sentence: str
    retryable: bool = False
    """Whether the same work may succeed later."""
    wait_s: float = 0.0
    """How long whoever refused asks to wait."""
    ours: bool = False
    """Whether the work itself raised it on purpose: then it is not tried again unless it is retryable."""
    trace: str = ""
    """Where a bug was."""
    driver_lost: bool = False
    """Whether there is no Spark any more to try it again on."""

    @property
    def of_spark(self) -> bool:
        """Whether a process of Spark failed, rather than the work: it is tried again alone."""
        return self.sentence in _OF_SPARK


def failure_of_work(error: Exception) -> Failure:
    """What the work raised, seen inside its task."""
    if isinstance(error, CryptoAssetsError):
        wait_s = error.retry_after_s if isinstance(error, RateLimited) else 0.0
        return Failure(type(error).__name__, str(error), error.retryable, wait_s, ours=True)
    if isinstance(error, MemoryError):
        return Failure("MemoryError", _NO_MEMORY)
    kind = type(error).__name__
    return Failure(kind, f"{kind}: {error}", trace=traceback.format_exc())


def failure_of_spark(error: Exception) -> Failure:
    """What Spark says of a task, or of itself."""
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    kind, text = type(error).__name__, str(error)
    told_by_java = isinstance(error, Py4JJavaError | PySparkException)
    if not told_by_java or any(sign in text for sign in _ENDED):
        return Failure("SparkEnded", _DRIVER, retryable=True, driver_lost=True)
    for sign, sentence in _SIGNS:
        if sign in text:
            return Failure(kind, sentence, trace=text)
    return Failure(kind, f"Spark could not run it: {_telling_line(text)}", trace=text)


def _telling_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    caused = [line for line in lines if line.startswith("Caused by:")]
    return (caused or lines or ["no reason given"])[-1 if caused else 0][:500]
