"""The documented range rules of the REST API, over rows given by a test; slow and obvious."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from crypto_assets_tests.binance.local_server import Asked, LocalServer, Reply, json_reply

MINUTE_MS = 60_000
Row = Any


def kline(open_ms: int, *, price: str = "64000.10", length_ms: int = MINUTE_MS) -> list[Row]:
    """A candle as REST sends it."""
    return [open_ms, price, price, price, price, "1.5", open_ms + length_ms - 1, "96000.15", 3, "0.5", "32000.05", "0"]


def agg_trade(agg_id: int, time_ms: int, **more: Row) -> dict[str, Row]:
    """An aggregated trade of spot; USD-M has no `M`."""
    return {
        "a": agg_id,
        "p": "64000.10",
        "q": "0.5",
        "f": agg_id * 2,
        "l": agg_id * 2 + 1,
        "T": time_ms,
        "m": True,
    } | more


def trade(trade_id: int, time_ms: int) -> dict[str, Row]:
    """A single trade."""
    return {
        "id": trade_id,
        "price": "64000.10",
        "qty": "0.5",
        "quoteQty": "32000.05",
        "time": time_ms,
        "isBuyerMaker": False,
        "isBestMatch": True,
    }


def select(
    rows: Sequence[Row], asked: Asked, *, time: Callable[[Row], int], key: Callable[[Row], int] | None = None
) -> list[Row]:
    """What the exchange answers: oldest `limit` rows from start or id on, both ends included."""
    query = asked.query
    limit = int(query.get("limit", 500))
    if key and "fromId" in query:
        return [row for row in rows if key(row) >= int(query["fromId"])][:limit]
    first, last = int(query["startTime"]), int(query["endTime"])
    return [row for row in rows if first <= time(row) <= last][:limit]


def serve(
    server: LocalServer,
    path: str,
    rows: Sequence[Row],
    *,
    time: Callable[[Row], int],
    key: Callable[[Row], int] | None = None,
    change: Callable[[list[Row]], list[Row]] = lambda page: page,
) -> None:
    """Answer `path` from `rows`; `change` spoils every page."""

    def route(asked: Asked) -> Reply:
        return json_reply(change(select(rows, asked, time=time, key=key)))

    server.routes[path] = route


def serve_time(server: LocalServer, path: str, ms: int) -> None:
    """Let the exchange's clock stand."""
    server.routes[path] = lambda _: json_reply({"serverTime": ms})
