"""Looks every half minute for what is wrong, and tells people: `python -m crypto_assets.alerts`."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from datetime import UTC, datetime

import dagster as dg

from crypto_assets.alerts.delivery import logger
from crypto_assets.alerts.ledger import read_alerts
from crypto_assets.alerts.observe import OpenDagster
from crypto_assets.alerts.watch import EVERY_S, Watch
from crypto_assets.config import Settings, read_settings
from crypto_assets.dagster_home import open_dagster
from crypto_assets.errors import AlertsError, ConfigurationError
from crypto_assets.processes import end_on_signals, log_to_stderr
from crypto_assets.secrecy import mask_logs

BUSY = "Another program looks just now, the sensor alerts perhaps: this one leaves it to that."


def main() -> int:
    """Look until a signal, or once; 1 where the configuration or the ledger cannot be used."""
    options = _parse_arguments()
    log_to_stderr()
    end_on_signals()
    try:
        settings = read_settings()
        mask_logs(settings)
        if options.list:
            return _list(settings)
        watch, instance = Watch(settings), _dagster(settings)
        return _look(watch, instance) if options.once else _keep_looking(watch, instance)
    except (ConfigurationError, AlertsError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _look(watch: Watch, instance: OpenDagster) -> int:
    looked = watch.look(instance=instance, log=logger, now=datetime.now(UTC))
    print(BUSY if looked is None else looked.sentence, flush=True)
    return 0


def _keep_looking(watch: Watch, instance: OpenDagster) -> int:
    logger.info("looking every %d s for what is wrong with %s", EVERY_S, watch.settings.data_dir)
    pause, said = threading.Event(), ""
    while True:
        try:
            looked = watch.look(instance=instance, log=logger, now=datetime.now(UTC))
            sentence = BUSY if looked is None else looked.sentence
        except AlertsError as error:
            sentence = str(error)
        if sentence != said:
            logger.info("%s", sentence)
            said = sentence
        pause.wait(EVERY_S)


def _list(settings: Settings) -> int:
    lasting = [alert for alert in read_alerts(settings) if alert.is_open and alert.told_at is not None]
    for alert in lasting:
        print(f"{alert.severity.upper()}: {alert.subject}, since {alert.first_at:%Y-%m-%d %H:%M:%S} UTC")
        print(f"    {alert.sentence}\n    What to do: {alert.advice}")
    if not lasting:
        print("Nothing is wrong, as far as was looked.")
    return 0


def _dagster(settings: Settings) -> OpenDagster:
    """Dagster's storage as its home says, opened at the first look; None where Dagster was never started."""
    opened: dg.DagsterInstance | None = None
    opening = threading.Lock()

    def instance() -> dg.DagsterInstance | None:
        nonlocal opened
        with opening:
            opened = opened or open_dagster(settings.data_dir, environment=os.environ)
            return opened

    return instance


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m crypto_assets.alerts", description=__doc__)
    parser.add_argument("--once", action="store_true", help="look once, tell what is due, and end")
    parser.add_argument("--list", action="store_true", help="print what lasts; nothing is looked at or told")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
