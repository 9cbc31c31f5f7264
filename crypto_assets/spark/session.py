"""The Spark session of batch work: one a process, started at its first use, on this machine or on a cluster."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from crypto_assets.config import Settings
from crypto_assets.endpoints import service_folder
from crypto_assets.errors import ConfigurationError
from crypto_assets.spark.launch import launch, local_configuration, rules

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

type Create = Callable[[Mapping[str, str]], SparkSession]
"""What makes a session of a configuration."""

CONNECT = "sc"
MASTERS = (CONNECT, "local", "spark", "yarn", "k8s")
"""What SPARK_REMOTE may begin with."""


@dataclass(frozen=True, slots=True)
class SparkOptions:
    """How the session is to be; what is not said here, a cluster's own `spark-defaults.conf` says."""

    folder: Path
    """Takes what Spark leaves behind on this machine: scratch files, warehouse, Derby."""
    master: str | None = None
    """A Connect address (`sc://…`) or a master's URL; None runs Spark in this process."""
    jars: tuple[Path, ...] = ()
    java_home: Path | None = None
    memory: str = "1g"
    """Of the Java of driver and of each executor."""
    tasks: int | None = None
    """Most tasks at once on this machine; None for one a core."""
    hive: bool = False
    """Tables of Hive; a session without them that runs already is ended and begun anew."""
    metastore: str | None = None
    """`thrift://…` of Hive's metastore; None keeps one in Derby below `folder`, for one process at a time."""
    ui: bool = False
    hadoop: Mapping[str, str] = field(default_factory=dict[str, str])
    """Hadoop's own configuration, without `spark.hadoop.`: endpoint and keys of S3, HDFS."""

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        jars: tuple[Path, ...] = (),
        java_home: Path | None = None,
        hive: bool = False,
        hadoop: Mapping[str, str] | None = None,
    ) -> SparkOptions:
        """As SPARK_REMOTE, SPARK_MEMORY, SPARK_TASKS, SPARK_UI and HIVE_METASTORE_URI say."""
        return cls(
            folder=service_folder(settings.data_dir, "spark"),
            master=settings.spark_remote,
            jars=jars,
            java_home=java_home,
            memory=settings.spark_memory,
            tasks=settings.spark_tasks,
            hive=hive,
            metastore=settings.hive_metastore_uri,
            ui=settings.spark_ui,
            hadoop=hadoop or {},
        )

    @property
    def is_local(self) -> bool:
        """Whether tasks run on this machine, as children of this process."""
        return self.master is None or self.master == "local" or self.master.startswith("local[")

    @property
    def of_java(self) -> tuple[object, ...]:
        """What a Java process is started with, and keeps for as long as it lives."""
        return self.is_local, self.jars, self.java_home, self.memory

    @property
    def is_connect(self) -> bool:
        """Whether another process holds the session and this one only speaks to it."""
        return self.master is not None and self.master.startswith(f"{CONNECT}://")


def batch_session(options: SparkOptions, create: Create | None = None) -> SparkSession:
    """The session of this process, started where there is none, or where its Java has died.

    UTC, ANSI SQL, TIMESTAMP_MICROS in Parquet, Arrow; quiet. `create` makes it, by default Spark's own builder. A
    session that runs keeps its options, except that it takes those of Hadoop, and that one with Hive takes the place of
    one without. Raises ConfigurationError where SPARK_REMOTE means nothing, Java cannot be started, or Connect's
    packages are missing.
    """
    with _lock:
        if _held and (not is_alive() or (options.hive and not _held[0][1].hive)):
            end_session()
        if not _held:
            _held.append((_start(options, create), options))
        session = _held[0][0]
        for name, value in options.hadoop.items():  # a server may have been started since the session was
            if session.conf.get(name, None) != value:
                session.conf.set(name, value)
        return session


def end_session() -> None:
    """End the session of this process, be its Java alive or not; the next `batch_session` starts another."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    with _lock:
        for session, options in list(_held):
            _held.clear()
            answers = options.is_connect or _is_stopped(session) is not None
            try:
                if answers:
                    session.stop()
            except (Py4JError, PySparkException, OSError):
                answers = False  # it died in between
            if not answers:
                _forget_java()


def is_alive() -> bool:
    """Whether there is a session with a Java that answers; a Connect session is held to be alive."""
    return any(options.is_connect or _is_stopped(session) is False for session, options in _held)


def _is_stopped(session: SparkSession) -> bool | None:
    """Whether Spark has ended in its Java, by its own will or a cluster's; None where Java does not answer."""
    from py4j.protocol import Py4JError
    from pyspark import SparkContext

    process = getattr(SparkContext._gateway, "proc", None)  # pyright: ignore[reportPrivateUsage]
    if process is not None and process.poll() is not None:
        return None
    try:  # a killed process closes its connections a moment before it is seen to have ended
        return session.sparkContext._jsc.sc().isStopped()  # pyright: ignore
    except (Py4JError, OSError, AttributeError):
        return None


def configuration(options: SparkOptions) -> dict[str, str]:
    """Every setting of the session, by its name in Spark; raises ConfigurationError on an impossible SPARK_REMOTE."""
    if options.is_connect:
        return {**rules(), **_BATCH, "spark.remote": options.master or ""}
    local = options.is_local
    own = _local(options) if local else _cluster(options)
    return {
        **own,
        **_BATCH,
        "spark.master": _master(options),
        "spark.app.name": "crypto_assets",
        "spark.ui.enabled": str(options.ui).lower(),
        **(_hive(options) if options.hive else {}),
        **{f"spark.hadoop.{name}": value for name, value in options.hadoop.items()},
    }


_BATCH = {
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}
_lock = threading.RLock()
_held: list[tuple[SparkSession, SparkOptions]] = []
"""The one session of this process, or none."""
_java: list[tuple[object, ...]] = []
"""What the Java of this process was started with; it outlives sessions."""
JAVA_ENDS_S = 30.0


def _start(options: SparkOptions, create: Create | None) -> SparkSession:
    settings = configuration(options)
    options.folder.mkdir(parents=True, exist_ok=True)
    if not options.is_connect:
        if _java and _java[0] != options.of_java:
            _end_java()
        _java[:] = [options.of_java]
    try:
        session = launch(settings, create, environment=_environment(options))
    except ImportError as error:
        raise ConfigurationError(
            f"SPARK_REMOTE={options.master} needs the packages of Spark Connect ({error}). Install pyspark[connect], "
            "or give a master's URL (spark://, yarn, k8s://)."
        ) from error
    if not options.is_connect:
        session.sparkContext.setLogLevel("OFF")  # what fails is said once, by whoever asked for it
    return session


def _master(options: SparkOptions) -> str:
    if options.master is None:
        return f"local[{min(options.tasks or cores(), cores())}]"
    if not options.master.startswith(MASTERS):
        raise ConfigurationError(
            f"SPARK_REMOTE={options.master} is no Spark: it is sc://spark.test:port (Connect) or a master's URL, "
            "spark://spark.test:port, yarn, k8s://https://spark.test:port or local[2]."
        )
    return options.master


def _local(options: SparkOptions) -> dict[str, str]:
    java = f'"-Dderby.system.home={options.folder}"'
    return {
        **local_configuration(options.jars, folder=options.folder, heap=options.memory, java=java),
        "spark.python.worker.reuse": "true",  # and with them what they have imported
        "spark.executorEnv.PYTHONPATH": os.pathsep.join(filter(None, sys.path)),  # Python workers find this project
        "spark.sql.shuffle.partitions": str(2 * cores()),
    }


def _cluster(options: SparkOptions) -> dict[str, str]:
    return {
        **rules(),
        "spark.driver.memory": options.memory,
        "spark.executor.memory": options.memory,
        "spark.jars": ",".join(map(str, options.jars)),
        "spark.driver.extraJavaOptions": f'-Duser.timezone=UTC "-Dderby.system.home={options.folder}"',
        "spark.executor.extraJavaOptions": "-Duser.timezone=UTC",
        "spark.python.worker.reuse": "true",
        "spark.ui.showConsoleProgress": "false",
    }


def _hive(options: SparkOptions) -> dict[str, str]:
    place = {"spark.sql.catalogImplementation": "hive"}
    if options.metastore:
        return {**place, "spark.hadoop.hive.metastore.uris": options.metastore}
    derby = f"jdbc:derby:;databaseName={options.folder / 'metastore'};create=true"
    return {**place, "spark.hadoop.javax.jdo.option.ConnectionURL": derby}


def _environment(options: SparkOptions) -> dict[str, str]:
    java = {"JAVA_HOME": str(options.java_home)} if options.java_home else {}
    if options.is_local:
        return {**java, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    return {**java, "PYSPARK_PYTHON": os.environ.get("PYSPARK_PYTHON", sys.executable)}


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _end_java() -> None:
    """Ends a Java without a session, which would go on with the jars and the memory that it was started with.

    The process first: to close a connection waits for the thread that reads from it, where Java called back once, and
    that thread waits for Java.
    """
    from pyspark import SparkContext

    gateway = SparkContext._gateway  # pyright: ignore[reportPrivateUsage]
    process = getattr(gateway, "proc", None)
    if process is not None:
        process.stdin.close()  # it ends with its standard input
        try:
            process.wait(JAVA_ENDS_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if gateway is not None:
        gateway.close()
        gateway.shutdown_callback_server()
    _forget_java()


def _forget_java() -> None:
    """Lets pyspark start another Java: it has no public way to be told that the former has died."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    SparkContext._gateway = SparkContext._jvm = None  # pyright: ignore
    SparkContext._active_spark_context = None  # pyright: ignore
    SparkSession._instantiatedSession = None  # pyright: ignore
