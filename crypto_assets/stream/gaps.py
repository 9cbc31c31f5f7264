"""The gap ledger: what a disconnection, a restart or a full disk cost, and what became of it.

A gap of trades or candles is `open` until REST has given what is missing (`repaired`) or has confirmed that there is
nothing (`halted`); what cannot be asked for again is `unrecoverable`. Entries of one `gap_id` replace each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from crypto_assets.stream.avro import decode, encode
from crypto_assets.stream.consuming import header_pairs, read_to_the_ends
from crypto_assets.stream.topics import GAPS

type State = Literal["open", "repaired", "halted", "unrecoverable"]

MOST_IDS = 10_000
"""Trades of one entry: a longer gap is several, each repaired by itself."""
MOST_REPAIRED = 2_000_000
"""Trades of one hole that REST is asked for; what is older stays missing, and the ledger says so."""
MOST_CANDLES = 1_000
REPAIRABLE = ("trades", "klines")


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """One entry; `gaps.avsc` describes the fields."""

    gap_id: str
    dataset: str
    symbol: str
    timeframe: str | None = None
    start: datetime
    end: datetime
    first_id: int | None = None
    last_id: int | None = None
    cause: str
    state: State
    detail: str
    noticed_at: datetime
    changed_at: datetime
    recovered: int = 0

    def become(self, state: State, *, now: datetime, detail: str, recovered: int | None = None) -> Gap:
        """The entry that follows this one."""
        rows = self.recovered if recovered is None else recovered
        return msgspec.structs.replace(self, state=state, changed_at=now, detail=detail, recovered=rows)


def plan_trade_gaps(
    symbol: str, *, first_id: int, last_id: int, start: datetime, end: datetime, cause: str, now: datetime
) -> list[Gap]:
    """Entries for missing trade ids, both ends included: open ones of at most MOST_IDS, and what is too old for REST.

    `start` and `end` are those of the events beside the gap; all its parts carry them, as nobody knows more.
    """

    def entry(gap_id: str, first: int, last: int, state: State, detail: str) -> Gap:
        return Gap(
            gap_id=f"trades:{symbol}:{gap_id}",
            dataset="trades",
            symbol=symbol,
            start=start,
            end=max(start, end),
            first_id=first,
            last_id=last,
            cause=cause,
            state=state,
            detail=detail,
            noticed_at=now,
            changed_at=now,
        )

    asked = max(first_id, last_id - MOST_REPAIRED + 1)
    gaps: list[Gap] = []
    for first in range(asked, last_id + 1, MOST_IDS):
        last = min(last_id, first + MOST_IDS - 1)
        gaps.append(entry(f"{first}", first, last, "open", f"{last - first + 1:,} trades did not come"))
    if asked > first_id:
        told = f"{asked - first_id:,} trades are more than REST is asked for; the archive will have them"
        gaps.append(entry(f"{first_id}-{asked - 1}", first_id, asked - 1, "unrecoverable", told))
    return gaps


def plan_kline_gaps(
    symbol: str, timeframe: str, *, first: datetime, count: int, step: timedelta, cause: str, now: datetime
) -> list[Gap]:
    """Open entries for candles that did not come closed: `count` from the open time `first`, MOST_CANDLES an entry."""
    gaps: list[Gap] = []
    for begun in range(0, count, MOST_CANDLES):
        candles = min(MOST_CANDLES, count - begun)
        start = first + begun * step
        gaps.append(
            Gap(
                gap_id=f"klines:{symbol}:{timeframe}:{start:%Y-%m-%dT%H:%M:%S}",
                dataset="klines",
                symbol=symbol,
                timeframe=timeframe,
                start=start,
                end=start + candles * step,
                cause=cause,
                state="open",
                detail=f"{candles:,} candles did not come closed",
                noticed_at=now,
                changed_at=now,
            )
        )
    return gaps


def plan_lost_span(
    dataset: str,
    symbol: str,
    *,
    start: datetime,
    end: datetime,
    pace: timedelta | None,
    cause: str,
    now: datetime,
    messages: int | None = None,
) -> Gap | None:
    """The entry of a stream that cannot be asked for again; None where a silence of that length is its normal pace."""
    if end <= start or (pace is not None and end - start <= 2 * pace):
        return None
    lost = "messages between may be missing" if messages is None else f"{messages:,} messages were dropped"
    return Gap(
        gap_id=f"{dataset}:{symbol}:{cause}:{start:%Y-%m-%dT%H:%M:%S.%f}",
        dataset=dataset,
        symbol=symbol,
        start=start,
        end=end,
        cause=cause,
        state="unrecoverable",
        detail=f"{(end - start).total_seconds():,.1f} s: {lost}, and nobody gives them again",
        noticed_at=now,
        changed_at=now,
    )


def settle_gap(gap: Gap, *, recovered: int, absent: int, now: datetime) -> Gap:
    """The entry once REST has answered for all of a gap: rows that it gave, and numbers that it does not know."""
    total = gap.recovered + recovered
    if absent == 0:
        detail = f"{total:,} rows came from REST" if total else "all came late"
        return gap.become("repaired", now=now, detail=detail, recovered=total)
    if total:
        detail = f"{total:,} rows came from REST; {absent:,} do not exist at the exchange"
        return gap.become("repaired", now=now, detail=detail, recovered=total)
    return gap.become("halted", now=now, detail=f"the exchange confirms that {absent:,} do not exist", recovered=0)


def encode_gap(gap: Gap) -> bytes:
    """The entry as a value of the topic."""
    return encode(GAPS.name, msgspec.structs.asdict(gap))


def decode_gap(value: bytes, headers: Iterable[tuple[str, bytes | str | None]] | None) -> Gap:
    """The entry of a message; raises BadPayload where it is none."""
    record: dict[str, Any] = decode(GAPS.name, value, headers)
    return Gap(**record)


def latest_entries(entries: Iterable[Gap]) -> list[Gap]:
    """The newest entry of each gap, in the order in which the gaps were noticed."""
    newest: dict[str, Gap] = {}
    for entry in entries:
        newest[entry.gap_id] = entry
    return sorted(newest.values(), key=lambda gap: (gap.noticed_at, gap.gap_id))


def read_ledger(servers: str, exchange: str) -> list[Gap]:
    """Every gap of an exchange in its newest state; empty where the ledger has not been begun.

    Raises KafkaException where Kafka does not answer.
    """
    messages = read_to_the_ends(servers, "gap-ledger", {GAPS.of(exchange): None})
    entries = ((message.value(), header_pairs(message)) for message in messages)
    return latest_entries(decode_gap(value, headers) for value, headers in entries if value is not None)
