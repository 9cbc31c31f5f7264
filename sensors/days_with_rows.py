"""Days of PostgreSQL's tables that got rows, as events of the assets that stand for the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from crypto_assets.config import read_settings
from crypto_assets.postgres.days import inserts_of_days
from crypto_assets.postgres.tables import FactTable
from resources.postgres import PostgresResource

INTERVAL_S = 120

type Describe = Callable[[Connection, str, date], tuple[dict[str, Any], str] | None]
"""Metadata and data version of a day of an exchange; None where there are no rows of it."""


def events_of_days(
    asset: str, table: FactTable, postgres: PostgresResource, *, seen: Mapping[str, int], describe: Describe
) -> tuple[list[dg.AssetMaterialization], dict[str, int]]:
    """A materialization of each day whose number of inserts is another one than was seen, and the numbers.

    Its data version changes with its rows: that is what assets downstream follow. Raises CryptoAssetsError.
    """
    events: list[dg.AssetMaterialization] = []
    first_day, today = read_settings().partitions_start, datetime.now(UTC).date()
    with postgres.transaction() as connection:
        inserts = inserts_of_days(connection, table)
        for day, number in inserts.items():
            # Event times that jumped lie anywhere: the graph has no partition for such a day.
            if seen.get(day.isoformat()) == number or not first_day <= day <= today:
                continue
            if (described := describe(connection, postgres.exchange, day)) is not None:
                metadata, version = described
                tags = {"dagster/data_version": version}
                events.append(dg.AssetMaterialization(asset, partition=day.isoformat(), metadata=metadata, tags=tags))
    return events, {day.isoformat(): number for day, number in inserts.items()}
