"""Asks REST for trades and candles that did not come, one gap after the other, beside the streams."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import count

from crypto_assets.binance.spot import PAGE, SpotClient
from crypto_assets.binance.wire import PrintedKline, PrintedTrade
from crypto_assets.errors import BadPayload, Blocked, ExchangeError, Refused
from crypto_assets.spans import to_us
from crypto_assets.stream.collector.encoding import PREPARED, AvroText, Encoder, encoder, long, text
from crypto_assets.stream.collector.ledger import Ledger, numbers_of
from crypto_assets.stream.collector.sink import Sink
from crypto_assets.stream.collector.states import CollectedState
from crypto_assets.stream.gaps import Gap, settle_gap

_log = logging.getLogger(__name__)

REST: AvroText = text("rest")
_trade = encoder("trades", *PREPARED)
_kline = encoder("klines", *PREPARED)
IDLE_S = 0.2
FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0
GIVE_UP_AFTER = timedelta(hours=1)
"""A gap for which the exchange gives neither rows nor a proof that there are none, for so long while this run asks."""
REQUEST_IS_WRONG = range(-1199, -1099)
"""The exchange's codes for what is wrong with a request itself, such as a symbol that it does not have any more."""

type Fields = tuple[str | int | bool, ...]
"""Of a record, in the order of the schema: those between the symbol and the time of the event, which REST has not."""


class Repairer:
    """Works through the open gaps of a ledger, the oldest first."""

    def __init__(self, rest: SpotClient, ledger: Ledger, sink: Sink, *, now: Callable[[], datetime]) -> None:
        self.repaired = 0
        """Rows that came from REST."""
        self._rest = rest
        self._ledger = ledger
        self._sink = sink
        self._now = now
        self._begun_at = now()
        self._requests = count(1)
        self._due_s: dict[str, float] = {}
        self._tries: dict[str, int] = {}

    async def run(self) -> None:
        """Until cancelled."""
        self._begun_at = self._now()
        while True:
            now_s = time.monotonic()
            due = [gap for gap in self._ledger.open.values() if self._due_s.get(gap.gap_id, 0.0) <= now_s]
            if not due or not self._sink.is_accepting:
                await asyncio.sleep(IDLE_S)
                continue
            await self._attempt(min(due, key=lambda gap: (gap.noticed_at, gap.gap_id)))

    async def _attempt(self, gap: Gap) -> None:
        state = self._ledger.state_of(gap)
        if state is None:
            self._ledger.open.pop(gap.gap_id)
            return
        try:
            settled = await self._repair(gap, state)
        except (ExchangeError, BadPayload) as error:
            if not _is_final(error):
                _log.warning("gap %s cannot be repaired yet: %s", gap.gap_id, error)
                self._later(gap, f": {error}", with_all=isinstance(error, Blocked))
                return
            settled = gap.become("unrecoverable", now=self._now(), detail=f"the exchange refuses it: {error}")
        if settled is None:
            self._later(self._ledger.open[gap.gap_id])
            return
        _log.info("gap %s is %s: %s", settled.gap_id, settled.state, settled.detail)
        self._due_s.pop(gap.gap_id, None)
        self._tries.pop(gap.gap_id, None)
        self._ledger.write(settled)

    def _later(self, gap: Gap, why: str = "", *, with_all: bool = False) -> None:
        """Ask again after a pause, or give up; `with_all` lets all open gaps wait, as none would fare better."""
        now = self._now()
        if now - max(gap.noticed_at, self._begun_at) > GIVE_UP_AFTER:
            told = f"the exchange gives neither rows nor an end{why}"
            self._ledger.write(gap.become("unrecoverable", now=now, detail=told))
            return
        tries = self._tries[gap.gap_id] = self._tries.get(gap.gap_id, 0) + 1
        due_s = time.monotonic() + min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** (tries - 1))
        for gap_id in self._ledger.open if with_all else (gap.gap_id,):
            self._due_s[gap_id] = max(due_s, self._due_s.get(gap_id, 0.0))

    async def _repair(self, gap: Gap, state: CollectedState) -> Gap | None:
        """The gap's next entry; None where it has to be asked for again."""
        first, last = numbers_of(gap)
        if gap.dataset == "trades":
            try:
                recovered, is_whole = await self._trades(gap, state, first, last)
            except (Refused, Blocked) as error:
                if _is_final(error):
                    raise
                _log.info("gap %s is looked for among the newest trades: %s", gap.gap_id, error)
                recovered, is_whole = await self._newest_trades(gap, state, first, last)
        else:
            recovered, is_whole = await self._klines(gap, state)
        if state.track.missing(first, last) and not is_whole:
            if recovered:
                more = gap.recovered + recovered
                self._ledger.write(gap.become("open", now=self._now(), detail="being repaired", recovered=more))
            return None
        return settle_gap(gap, recovered=recovered, absent=state.track.missing(first, last), now=self._now())

    async def _trades(self, gap: Gap, state: CollectedState, first: int, last: int) -> tuple[int, bool]:
        """Rows that were missing, and whether the exchange's answer reaches beyond the gap."""
        recovered, wanted = 0, first
        while wanted <= last:
            limit = min(PAGE, last - wanted + 2)  # one more than is missing: it proves that no other lies before it
            rows = await asyncio.to_thread(self._rest.printed_trades, gap.symbol, wanted, limit=limit)
            if not rows:
                return recovered, False
            within = [(row.trade_id, _fields_of_trade(row)) for row in rows if first <= row.trade_id <= last]
            recovered += self._emit(state, _trade, within)
            wanted = max(row.trade_id for row in rows) + 1
        return recovered, wanted > last + 1 or bool(
            await asyncio.to_thread(self._rest.printed_trades, gap.symbol, last + 1, limit=1)
        )

    async def _newest_trades(self, gap: Gap, state: CollectedState, first: int, last: int) -> tuple[int, bool]:
        """As `_trades`, where the exchange gives no trades from an id on: enough for a short gap that is young."""
        rows = await asyncio.to_thread(self._rest.newest_trades, gap.symbol)
        within = [(row.trade_id, _fields_of_trade(row)) for row in rows if first <= row.trade_id <= last]
        ids = [row.trade_id for row in rows]
        return self._emit(state, _trade, within), bool(ids) and min(ids) <= first and last <= max(ids)

    async def _klines(self, gap: Gap, state: CollectedState) -> tuple[int, bool]:
        start_ms, end_ms = (to_us(moment) // 1000 for moment in (gap.start, gap.end))
        timeframe = gap.timeframe or "1m"
        rows = await asyncio.to_thread(
            self._rest.printed_klines, gap.symbol, timeframe, start_ms=start_ms, end_ms=end_ms
        )
        clock = await asyncio.to_thread(self._rest.server_time)
        numbered = [(row.open_time_ms * 1000 // state.step_us, _fields_of_kline(row, timeframe)) for row in rows]
        return self._emit(state, _kline, numbered), to_us(clock) // 1000 > end_ms + 5_000

    def _emit(self, state: CollectedState, encode: Encoder, rows: Iterable[tuple[int, Fields]]) -> int:
        """Send the rows that are missing still, each with its number; how many there were."""
        connection, received_us = text(f"rest-{next(self._requests)}"), time.time_ns() // 1000
        sent = 0
        for number, fields in rows:
            if not state.track.is_missing(number):
                continue
            state.track.admit(number)
            value = encode(state.head, *fields, None, long(received_us), connection, sent, REST)
            self._sink.emit(state.outlet, state.key, state.outlet.frame + value, received_us // 1000)
            sent += 1
        self.repaired += sent
        return sent


def _is_final(error: ExchangeError | BadPayload) -> bool:
    """Whether the same request can never be answered; 403, 451 and 404 may be over soon."""
    return isinstance(error, Refused) and error.code in REQUEST_IS_WRONG


def _fields_of_trade(row: PrintedTrade) -> Fields:
    return row.trade_id, row.time_ms * 1000, row.price, row.quantity, row.is_buyer_maker


def _fields_of_kline(row: PrintedKline, timeframe: str) -> Fields:
    return (
        *(timeframe, row.open_time_ms * 1000, row.close_time_ms * 1000),
        *(row.open, row.high, row.low, row.close, row.volume, row.quote_volume, row.count),
        *(row.taker_buy_volume, row.taker_buy_quote_volume, True),
    )
