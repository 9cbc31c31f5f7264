"""What so many symbols need: messages, disk, requests, money; `python deploy/sizing.py --symbols 10`.

Printed as the tables of docs/sizing.md. What was measured stands below as constants, each with where; the rest is
arithmetic on it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from crypto_assets.health.storage import PRICES, READS_PER_FILE, WRITES_PER_FILE

DAY_S = 86_400
MONTH_DAYS = 30
KAFKA_DAYS = 7
BRONZE_DAYS = 7
GB = 1e9
TRADES_A_DAY = {"simulated": 33_000, "BTCUSDT, mean": 2_207_000, "BTCUSDT, busiest": 7_568_000}
"""Simulated: 194 trades of three symbols in 171 s. BTCUSDT: mean and maximum of a day's sum of `count` of one-minute
candles, from the archive of August 2024."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One topic, of one symbol."""

    name: str
    rate: float | None
    """Messages a second; None for trades, of which there are as many as there are."""
    disk_bytes: int
    """On Kafka's disk for each message, batches compressed."""
    days: int = KAFKA_DAYS


STREAMS = (
    Stream("orderbook", 10.07, 428, days=2),
    Stream("klines", 2.51, 116),
    Stream("tickers", 1.01, 285),
    Stream("mark_price", 1.01, 160),
    Stream("trades", None, 148),
)
"""Simulated market, three symbols, 173 s through collector and Kafka on one machine: rates of a symbol, and bytes of a
topic's segments by message. Binance's documentation has the same rates."""

LAKE_BYTES = {
    "bronze klines 1m, 5m, 15m": (286_000, BRONZE_DAYS),
    "bronze mark price, funding, open interest, liquidations": (1_124_000, BRONZE_DAYS),
    "silver klines and perpetual": (148_000, None),
    "gold features": (619_000, None),
}
"""Bytes of a day of a symbol, and days kept (None for ever): the lake of `make demo`, Parquet, simulated market."""
BOOKS_A_DAY = 864_000
"""The stream's ten states a second; the lake of `make demo` has one."""
BOOK_BYTES = {"bronze": 146.8, "silver": 118.2}
"""Of a state with ten levels a side, where there was one a second: of ten a second each says less that is new, so that
this is more than it will be."""
TRADE_BYTES = 15.6
"""Of a row of bronze_trades: 76,234 simulated trades in 1,191,056 bytes."""
FILES_A_DAY = 70
"""Files of a day of a symbol in that lake, with manifests."""
FLUSHES_A_DAY, FILES_A_FLUSH = 288, 12
"""Every five minutes a part and a manifest of six datasets, while streams are taken; not measured over a day."""
POSTGRES_TRADE_BYTES, POSTGRES_PRICE_BYTES = 173, 177
"""Of a row with its indexes: 200,000 generated trades and 80,000 prices in PostgreSQL 16."""


@dataclass(frozen=True, slots=True)
class Need:
    """What `symbols` need, each with so many trades a day."""

    symbols: int
    trades_a_day: int

    @property
    def messages_a_second(self) -> float:
        """Of all streams."""
        return self.symbols * sum(self._rate(stream) for stream in STREAMS)

    @property
    def kafka_gb(self) -> float:
        """On Kafka's disk, one copy, once retention has begun to delete."""
        return self.symbols * sum(self._rate(s) * DAY_S * s.disk_bytes * s.days for s in STREAMS) / GB

    @property
    def lake_gb_a_day(self) -> float:
        """That stays: silver and gold."""
        tables = sum(size for size, days in LAKE_BYTES.values() if days is None)
        return self.symbols * (tables + BOOKS_A_DAY * BOOK_BYTES["silver"]) / GB

    @property
    def bronze_gb(self) -> float:
        """Held at a time, once retention has begun to delete."""
        tables = sum(size for size, days in LAKE_BYTES.values() if days is not None)
        streams = BOOKS_A_DAY * BOOK_BYTES["bronze"] + self.trades_a_day * TRADE_BYTES
        return self.symbols * (tables + streams) * BRONZE_DAYS / GB

    @property
    def postgres_gb_a_month(self) -> float:
        """Trades, which stay, and a week of prices."""
        trades = self.trades_a_day * POSTGRES_TRADE_BYTES * MONTH_DAYS
        return self.symbols * (trades + DAY_S * POSTGRES_PRICE_BYTES * KAFKA_DAYS) / GB

    @property
    def requests_a_month(self) -> tuple[int, int]:
        """Writes (with listings) and reads of an object store, by files that come to be."""
        files = self.symbols * (FILES_A_DAY + FLUSHES_A_DAY * FILES_A_FLUSH) * MONTH_DAYS
        return round(files * WRITES_PER_FILE), round(files * READS_PER_FILE)

    def month_cost(self, *, months: int, store: str = "s3") -> float:
        """Storage and requests in the month of that number, as full as it is at its end, in the store's currency."""
        prices = PRICES[store]
        writes, reads = self.requests_a_month
        held_gib = (self.lake_gb_a_day * MONTH_DAYS * months + self.bronze_gb) * GB / 1024**3
        requests = writes / 1000 * prices.thousand_writes + reads / 1000 * prices.thousand_reads
        return held_gib * prices.gigabyte_month + requests

    def _rate(self, stream: Stream) -> float:
        return self.trades_a_day / DAY_S if stream.rate is None else stream.rate


def table(counts: Sequence[int]) -> Iterator[str]:
    """Rows of Markdown: a line for each number of symbols and kind of market."""
    yield (
        "| symbols | trades a day of each | messages/s | Kafka, GB | bronze, GB | silver, gold, GB/month "
        "| PostgreSQL, GB/month | writes/month | S3, month 1 | month 12 |"
    )
    yield "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for symbols in counts:
        for kind, trades in TRADES_A_DAY.items():
            need = Need(symbols, trades)
            writes, _ = need.requests_a_month
            yield (
                f"| {symbols} | {trades:,} ({kind}) | {need.messages_a_second:,.0f} | {need.kafka_gb:,.1f} | "
                f"{need.bronze_gb:,.1f} | {need.lake_gb_a_day * MONTH_DAYS:,.1f} | {need.postgres_gb_a_month:,.1f} | "
                f"{writes:,} | {need.month_cost(months=1):,.0f} USD | {need.month_cost(months=12):,.0f} USD |"
            )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python deploy/sizing.py", description="What so many symbols need.")
    parser.add_argument("--symbols", type=int, nargs="+", default=[1, 3, 10, 50], help="numbers of symbols")
    print("\n".join(table(parser.parse_args(arguments).symbols)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
