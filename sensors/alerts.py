"""Looks every half minute for what is wrong, and tells people."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg

from crypto_assets.alerts.watch import EVERY_S, Watch
from crypto_assets.config import Settings, read_settings
from crypto_assets.errors import AlertsError

NAME = "alerts"


def alerts_sensor() -> dg.SensorDefinition:
    """Runs by default; it starts no run, and a look ends within the time that Dagster gives a tick."""
    watches: dict[Settings, Watch] = {}

    @dg.sensor(
        name=NAME,
        minimum_interval_seconds=EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Looks at streams, bronze, silver, gold, runs, checks, disks, forecasts and restarts. What is wrong is "
            "told once, and once more when it is over: to ALERT_WEBHOOK_URL, by e-mail, and in the log of the tick."
        ),
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        settings = read_settings()
        watch = watches.get(settings)
        if watch is None:
            watches.clear()
            watch = watches[settings] = Watch(settings)
        instance = context.instance  # of this tick only
        try:
            looked = watch.look(instance=lambda: instance, log=context.log, now=datetime.now(UTC))
        except AlertsError as error:
            return dg.SkipReason(f"0 alerts could be told: {error}")
        if looked is None:
            return dg.SkipReason("0 looks: another program, `python -m crypto_assets.alerts` perhaps, looks just now.")
        return dg.SkipReason(looked.sentence)

    return alerts
