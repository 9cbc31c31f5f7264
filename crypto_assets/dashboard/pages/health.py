"""The page Health: how the platform is, at a glance, the worst first."""

from __future__ import annotations

import streamlit as st

from crypto_assets.dashboard.context import PageContext
from crypto_assets.dashboard.health.charts import days_chart, gaps_chart
from crypto_assets.dashboard.health.figures import EVENTS_OF, Calendar, Events, LakeFigures, Losses
from crypto_assets.dashboard.health.kept import Look
from crypto_assets.dashboard.health.markup import STYLE, bar, overview, verdict
from crypto_assets.dashboard.health.pulse import Pulse
from crypto_assets.dashboard.health.signals import Level, Signal, of_disk
from crypto_assets.dashboard.health.tables import (
    checks_table,
    cost_table,
    programs_chips,
    runs_table,
    services_chips,
    sizes_table,
    streams_table,
    symbols_table,
    writes_table,
)
from crypto_assets.dashboard.links import asset_link, asset_url
from crypto_assets.dashboard.states import empty, part
from crypto_assets.dashboard.words import age, number, percent, plain, span, utc
from crypto_assets.health.words import size
from crypto_assets.stream.gap_table import GAP_LEDGER

ALL = "All symbols"
FIRST_LOOK_S = 0.6
"""How long the first visitor waits for the lake's figures; later ones see the last known at once."""
LATER_LOOK_S = 0.4
"""The same for parts below what is seen first."""
QUICK_S, SLOW_S = 3, 6
START = "make up\nmake live"


def render(context: PageContext) -> None:
    """Draw the page."""
    st.html(STYLE)
    st.subheader("Health")
    pulse = _pulse(context)
    pulse.begin_quick()
    # Each part has a place that is not its own, as on the live page: it may be drawn again before the page was sent.
    for draw in (_overview, _checks, _lake, _calendar):
        with st.container():
            draw(context, pulse)
    left, right = st.columns(2)
    with left:
        _streams(context, pulse)
    with right:
        _storage(pulse)
    with st.container():
        _keep_reading(pulse)


@st.fragment(run_every=QUICK_S)
def _keep_reading(pulse: Pulse) -> None:
    """Below everything, so that the page is drawn before what takes long begins; it ends with the last visitor."""
    pulse.begin()


@st.cache_resource(show_spinner=False)
def _pulse(_context: PageContext) -> Pulse:
    return Pulse(_context)


@st.fragment(run_every=QUICK_S)
def _overview(context: PageContext, pulse: Pulse) -> None:
    signals = pulse.signals(wait_s=FIRST_LOOK_S)
    lake = pulse.lake.look().value
    st.caption(f"{verdict(signals)} As of {utc(context.now())}, for {context.exchange}.")
    if lake is not None and lake.is_empty:
        with part("The lake is empty"):
            empty(
                "Nothing has been written yet. The demo makes three symbols in minutes; live data needs services:",
                run=f"make demo\n{START}",
            )
    st.html(overview(signals, urls={signal.area: url for signal in signals if (url := _url(context, signal))}))


def _url(context: PageContext, signal: Signal) -> str | None:
    return asset_url(context.settings, signal.asset) if signal.asset else None


@st.fragment(run_every=SLOW_S)
def _checks(context: PageContext, pulse: Pulse) -> None:
    look = pulse.events.look()
    with part("Failed checks and runs", note=_note(look, f"of the last {EVENTS_OF.days} days"), down=look.problem):
        if look.value is not None:
            _draw_events(context, look.value[0])
        elif look.is_awaited:
            st.caption("Dagster's history is being read…")


def _draw_events(context: PageContext, events: Events | None) -> None:
    now = context.now()
    if events is None:
        empty("Dagster has not run here yet, so that no check has.", run="make ui")
        return
    if not all(check.passed for check in events.checks):
        st.html(checks_table(events, context.settings, now=now))
    elif events.checks:
        newest = max(check.at for check in events.checks)
        st.caption(
            f"All {number(len(events.checks))} checks passed when they last ran, the newest {age(newest, now=now)}."
        )
    else:
        empty(f"No check has run in the last {EVENTS_OF.days} days.", run="make ui")
    if any(run.failed for run in events.runs):
        st.html(runs_table(events, context.settings, now=now))
    elif events.runs:
        st.caption(f"None of {number(len(events.runs))} runs failed.")


@st.fragment(run_every=SLOW_S)
def _lake(context: PageContext, pulse: Pulse) -> None:
    look, now = pulse.lake.look(wait_s=LATER_LOOK_S), context.now()
    link = asset_link(context.settings, "gold_features")
    with part("Bronze to gold", link=link, note=_note(look, "days are UTC"), down=look.problem):
        if look.value is None:
            _await(look)
        elif look.value.is_empty:
            empty("No dataset has a day yet.", run="make demo")
        else:
            figures: LakeFigures = look.value
            st.html(symbols_table(figures, context.symbols, context.settings))
            with st.expander("Last writes of bronze, by dataset"):
                st.html(writes_table(figures, context.settings, now=now))


@st.fragment(run_every=SLOW_S)
def _calendar(context: PageContext, pulse: Pulse) -> None:
    days, losses = pulse.calendar.look(wait_s=LATER_LOOK_S), pulse.losses.look(wait_s=LATER_LOOK_S)
    with part("Calendar", note=_note(days, "of several symbols the one that is worst off"), down=days.problem):
        symbols = _chosen_symbols(context)
        if days.value is not None:
            _draw_days(days.value, symbols)
        _await(days)
    link = asset_link(context.settings, GAP_LEDGER.name)
    with part("Gaps of the streams", link=link, note=_note(losses, "minutes lost by day"), down=losses.problem):
        if losses.value is not None:
            _draw_losses(losses.value, symbols)
        _await(losses)


def _chosen_symbols(context: PageContext) -> tuple[str, ...]:
    """One symbol, or all of them."""
    if len(context.symbols) == 1:
        return context.symbols
    options = [ALL, *context.symbols]
    picked = st.segmented_control(
        "Symbols", options, default=ALL, label_visibility="collapsed", required=True, key="health-symbols"
    )
    return (picked,) if picked in context.symbols else context.symbols


def _draw_days(calendar: Calendar, symbols: tuple[str, ...]) -> None:
    if any(day.rows is not None for day in calendar.days):
        st.altair_chart(days_chart(calendar, symbols), width="stretch", key="health-days")
    else:
        empty("No day of any dataset is in the lake.", run="make demo")


def _draw_losses(losses: Losses, symbols: tuple[str, ...]) -> None:
    if any(gap.symbol in symbols for gap in losses.gaps):
        st.altair_chart(gaps_chart(losses, symbols), width="stretch", key="health-gaps")
    elif losses.ledger_at is None:
        empty("There is no gap ledger: no stream has run that could have lost anything. Start them:", run=START)
    else:
        st.caption(f"The ledger has no gap since {losses.start}: the streams lost nothing.")


@st.fragment(run_every=QUICK_S)
def _streams(context: PageContext, pulse: Pulse) -> None:
    programs, services, now = pulse.programs.look(), pulse.services.look(), context.now()
    with part("Streams and lag", link=asset_link(context.settings, "trade_stream"), down=programs.problem):
        if programs.value is None:
            _await(programs)
        elif all(health.state == "unknown" for health in programs.value):
            st.caption(plain(programs.value[0].sentence))
        else:
            st.html(programs_chips(programs.value))
            if any(health.is_alive and health.beat and health.beat.streams for health in programs.value):
                st.html(streams_table(programs.value, now=now))
            else:
                empty("No stream flows.", run=START)
    with part("Services", down=services.problem):
        if services.value is None:
            _await(services)
        else:
            st.html(services_chips(services.value))
            if any(service.state == "down" for service in services.value):
                st.caption("`make up` starts what live data needs; what is on demand starts at its first use.")


@st.fragment(run_every=SLOW_S)
def _storage(pulse: Pulse) -> None:
    look = pulse.storage.look(wait_s=LATER_LOOK_S)
    with part("Storage and cost", note=_note(look, "the lake's files were listed"), down=look.problem):
        if look.value is None:
            _await(look)
            return
        storage = look.value
        disk, level = storage.fullest, of_disk(storage).level
        st.markdown(
            f"**{size(disk.free)}** of {size(disk.total)} free ({percent(disk.free_share, digits=1)}); "
            f"the lake holds **{size(storage.bytes)}** in {number(sum(s.files for s in storage.sizes))} files."
        )
        st.html(bar(1 - disk.free_share, Level.WELL if level is Level.WELL else level))
        usage = storage.costs[0].usage
        st.caption(
            f"What {usage.month:%B %Y} would cost: a month of these bytes, and so far about {number(usage.writes)} "
            f"writes and {number(usage.reads)} reads; without traffic and taxes."
        )
        st.html(cost_table(storage))
        with st.expander("Datasets by size"):
            st.html(sizes_table(storage))


def _note[T](look: Look[T], what: str) -> str:
    """How old the figures of a part are."""
    return what if look.age_s is None else f"{what}; read {span(look.age_s)} ago"


def _await[T](look: Look[T]) -> None:
    if look.is_awaited:
        st.caption("Being read…")
