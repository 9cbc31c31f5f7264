"""Reads answers of the simulator back: rows of zips, and sums over candles and trades."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from decimal import Decimal

from starlette.testclient import TestClient

type Row = list[str]


def unzip(body: bytes) -> tuple[str, str]:
    """Name and text of the only member."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        (name,) = archive.namelist()
        return name, archive.read(name).decode()


def archive_rows(client: TestClient, path: str) -> list[Row]:
    """Values of a file of the archive, its header included."""
    answer = client.get(f"/{path}")
    assert answer.status_code == 200, answer.text
    return [line.split(",") for line in unzip(answer.content)[1].splitlines()]


def joined_candles(candles: Sequence[Row]) -> list[str]:
    """The candle that consecutive candles make: open, high, low, close, volume, quote volume, count, taker buys.

    A candle without trades repeats the price before it, which need not be a price of the whole.
    """
    total = [_sum(candle[n] for candle in candles) for n in (5, 7, 8, 9, 10)]
    total[2] = str(sum(int(candle[8]) for candle in candles))
    traded = [candle for candle in candles if candle[8] != "0"] or candles[:1]
    columns = list(zip(*traded, strict=True))
    high, low = max(map(Decimal, columns[2])), min(map(Decimal, columns[3]))
    return [columns[1][0], f"{high:.8f}", f"{low:.8f}", columns[4][-1], *total]


def figures_of(candle: Row) -> list[str]:
    """The same figures of one candle."""
    return [candle[n] for n in (1, 2, 3, 4, 5, 7, 8, 9, 10)]


def candle_of_trades(trades: Sequence[tuple[str, str, str, bool]]) -> list[str]:
    """The figures of the candle that trades (price, quantity, quote quantity, is buyer maker) make, in their order."""
    prices = [Decimal(price) for price, *_ in trades]
    bought = [trade for trade in trades if not trade[3]]
    return [
        trades[0][0],
        f"{max(prices):.8f}",
        f"{min(prices):.8f}",
        trades[-1][0],
        _sum(trade[1] for trade in trades),
        _sum(trade[2] for trade in trades),
        str(len(trades)),
        _sum(trade[1] for trade in bought),
        _sum(trade[2] for trade in bought),
    ]


def _sum(amounts: Iterable[str]) -> str:
    return f"{sum(map(Decimal, amounts)):.8f}"
