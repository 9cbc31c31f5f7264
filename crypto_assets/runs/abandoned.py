"""Runs of this machine whose process was killed: told of as failed, and their places in pools given back.

Nobody else does that for a run that no daemon launched. It would be shown as going on for ever, and a few of them would
hold every place of a pool, such as that of assets that ask the exchange: no run would get past that any more.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress

import dagster as dg
import psutil

PROCESS_TAG = "crypto_assets/process"
"""Host, process id and start of the process that does a run."""
SAME_START_S = 2.0
"""The system tells a start by a clock that is corrected now and then."""
UNFINISHED = (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED)


def tags_of_process() -> dict[str, str]:
    """Tags of a run that this process does. Dagster is not to repeat it where it dies: who started it knows better."""
    own = psutil.Process()
    process = f"{socket.gethostname()} {own.pid} {own.create_time():.2f}"
    return {PROCESS_TAG: process, "dagster/max_retries": "0"}


def end_abandoned(instance: dg.DagsterInstance) -> int:
    """How many runs of this machine were found whose process is gone; each has failed then, and holds nothing."""
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=list(UNFINISHED)))
    abandoned = [run for run in runs if _is_gone(run.tags)]
    for run in abandoned:
        instance.report_run_failed(run, "The process of this run ended without a word: it was killed.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(abandoned)


def _is_gone(tags: Mapping[str, str]) -> bool:
    host, _, process = tags.get(PROCESS_TAG, "").partition(" ")
    if host != socket.gethostname():
        return False
    pid, _, created = process.partition(" ")
    with suppress(psutil.NoSuchProcess):
        found = psutil.Process(int(pid))
        is_same = abs(found.create_time() - float(created)) < SAME_START_S
        return not is_same or found.status() == psutil.STATUS_ZOMBIE
    return True
