"""Runs orders one after the other in this process: `python -m crypto_assets.runs.worker ORDERS`.

Standard output carries events for the parent; Dagster's log, and what programs beneath print, go to standard error.
"""

from __future__ import annotations

import os
import sys
import uuid

import dagster as dg

from crypto_assets.runs.abandoned import end_abandoned, tags_of_process
from crypto_assets.runs.events import Checked, Event, Failed, Order, Written, decode_orders, encode_event


def main() -> None:
    """Run until an order fails; exit 1 then."""
    keep_output_for_events()
    from crypto_assets.definitions import defs

    loaded = defs()
    with dg.DagsterInstance.get() as instance:
        for order in decode_orders(sys.argv[1]):
            if not run_order(order, definitions=loaded, instance=instance):
                sys.exit(1)


def run_order(order: Order, *, definitions: dg.Definitions, instance: dg.DagsterInstance) -> bool:
    """Whether the run succeeded; the parent is told of what it wrote, checked and failed at.

    Runs of this machine that were killed are ended first: what they hold would be waited for.
    """
    end_abandoned(instance)
    job = (
        definitions.resolve_implicit_global_asset_job_def()
        if order.job is None
        else definitions.resolve_job_def(order.job)
    )
    run_id = str(uuid.uuid4())  # known before the run begins, so that nothing of it goes unheard
    instance.add_event_listener(run_id, _report)
    result = job.execute_in_process(
        instance=instance,
        run_id=run_id,
        asset_selection=[dg.AssetKey(name) for name in order.assets],
        tags={**order.tags, **tags_of_process()},
        run_config={"ops": {asset: {"config": order.options} for asset in order.assets if order.options}},
        raise_on_error=False,
    )
    return result.success


def keep_output_for_events() -> None:
    """Give programs that this process starts its standard error as their output, where Java reports its own death."""
    events = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout = os.fdopen(events, "w", encoding="utf-8")


def tell(event: Event) -> None:
    """Hand an event to the parent."""
    print(encode_event(event), flush=True)


def _report(entry: dg.EventLogEntry) -> None:
    event = entry.dagster_event
    told = None if event is None else _event_for_parent(event)
    if told is not None:
        tell(told)


def _event_for_parent(event: dg.DagsterEvent) -> Event | None:
    match event.event_type:
        case dg.DagsterEventType.ASSET_MATERIALIZATION if event.asset_key is not None:
            return Written(event.asset_key.to_user_string())
        case dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            return Checked(
                asset=evaluation.asset_key.to_user_string(),
                check=evaluation.check_name,
                passed=evaluation.passed,
                is_error=evaluation.severity is dg.AssetCheckSeverity.ERROR,
                sentence=evaluation.description or "",
            )
        case dg.DagsterEventType.STEP_FAILURE:
            error = event.step_failure_data.error
            cause = error.cause if error is not None and error.cause is not None else error
            return Failed(event.step_key or "?", cause.message.strip() if cause is not None else event.message or "")
        case _:
            return None


if __name__ == "__main__":
    main()
