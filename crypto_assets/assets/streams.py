"""The live streams: topics of Kafka that this graph watches and bronze reads, but does not make."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import dagster as dg

from crypto_assets.partitions import DaySymbol
from crypto_assets.stream.avro import schema_of
from crypto_assets.stream.topics import (
    KLINES,
    LIQUIDATIONS,
    MARK_PRICE,
    ORDERBOOK,
    TICKERS,
    TOPICS,
    TRADES,
    Topic,
)

GROUP = "stream"
UNCHANGED = "live"
"""Data version of every stream: a new message does not make yesterday's bronze out of date."""

DESCRIPTIONS = {
    TRADES.name: "Every trade of the spot market, as it happens.",
    KLINES.name: "Candles of the spot market, of a second to a quarter of an hour, while they last and when closed.",
    TICKERS.name: "Statistics of the last 24 hours of the spot market, every second.",
    ORDERBOOK.name: "The ten best bids and asks of the spot market, ten times a second.",
    MARK_PRICE.name: "Mark price, index price and coming funding of the perpetual, every second.",
    LIQUIDATIONS.name: "Liquidation orders of the perpetual; at most one a second is published, and none for hours.",
}

PACE = dg.FreshnessPolicy.time_window(warn_window=timedelta(minutes=2), fail_window=timedelta(minutes=5))
RARE = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=12), fail_window=timedelta(hours=48))
"""Of liquidations: a calm market has none for most of a day."""

STREAMS: dict[str, Topic] = {topic.stream: topic for topic in TOPICS if topic.stream is not None}
"""Topic by the name of the asset that stands for it."""


def stream_assets(_: DaySymbol) -> list[dg.AssetSpec]:
    """An external asset for each stream; the sensor `market_stream` says how it flows."""
    return [_stream_spec(name, topic) for name, topic in STREAMS.items()]


def streams_of(topic: Topic | None) -> list[str]:
    """The asset that stands for a topic, as the inputs of another; empty where there is no topic, or no asset of it."""
    return [topic.stream] if topic and topic.stream else []


def _stream_spec(name: str, topic: Topic) -> dg.AssetSpec:
    retention = "for ever" if topic.retention is None else f"{topic.retention / timedelta(days=1):g} days"
    return dg.AssetSpec(
        name,
        group_name=GROUP,
        kinds={"kafka", "avro"},
        description=(
            f"{DESCRIPTIONS[topic.name]}\n\nThe collector writes it; the sensor market_stream observes it every "
            "minute, and records a materialization when messages came, which is what its freshness is judged by."
        ),
        metadata={
            "dagster/column_schema": _column_schema(topic),
            "dagster/table_name": topic.name,
            "topic": f"<exchange>.{topic.name}",
            "key": "symbol",
            "kafka_partitions": topic.partitions,
            "retention": retention,
        },
        freshness_policy=RARE if topic is LIQUIDATIONS else PACE,
    )


def _column_schema(topic: Topic) -> dg.TableSchema:
    fields: list[dict[str, Any]] = schema_of(topic.name)["fields"]
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=field["name"],
                type=_type_of(field["type"]),
                description=field.get("doc"),
                constraints=dg.TableColumnConstraints(nullable=_is_nullable(field["type"])),
            )
            for field in fields
        ]
    )


def _is_nullable(kind: object) -> bool:
    return isinstance(kind, list) and "null" in kind


def _type_of(kind: Any) -> str:
    """How a person writes an Avro type: a logical type by its name, a union without its null."""
    match kind:
        case list():
            return " or ".join(_type_of(one) for one in kind if one != "null")
        case {"logicalType": str(logical)}:
            return logical
        case {"type": "array", "items": items}:
            return f"array of {_type_of(items)}"
        case {"type": str(named)}:
            return named
        case _:
            return str(kind)
