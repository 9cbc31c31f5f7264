"""The page Features: what the features of a day are, how they moved, and the day as a file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import cast

import streamlit as st

from crypto_assets.dashboard.choosing import choose_symbol
from crypto_assets.dashboard.context import PageContext
from crypto_assets.dashboard.features.charts import correlation_chart, missing_chart, spread_chart
from crypto_assets.dashboard.features.downloads import as_csv, as_parquet, file_name
from crypto_assets.dashboard.features.gold_day import GoldDay, read_gold_day, span_of_hours, version_of
from crypto_assets.dashboard.features.lanes import BY_NAME, MOST_LANES, drawable, over_candles
from crypto_assets.dashboard.features.selection import Selection, select
from crypto_assets.dashboard.features.statistics import METHODS, correlation, spread
from crypto_assets.dashboard.features.texts import (
    definitions,
    label_of,
    not_drawn,
    sources_of,
    spread_rows,
    state_of_day,
    warmth_of,
)
from crypto_assets.dashboard.links import asset_link
from crypto_assets.dashboard.states import empty, part
from crypto_assets.dashboard.words import plain
from crypto_assets.features.declaration import FEATURES, GOLD_FEATURES

DAYS_KEPT = 8
"""Days in memory, for all visitors together: some 2 MB each."""
CHARTS_A_ROW = 3
QUERY = ("day", "feature", "hours")


def render(context: PageContext) -> None:
    """Draw the page."""
    st.subheader("Features")
    asked = st.query_params.get("symbol")
    symbol = choose_symbol(context)
    if asked is not None and asked not in context.symbols:
        _refuse([f"The symbol of the address is none of {', '.join(context.symbols)}; {symbol} is shown."])
    days = list(reversed(context.lake.days(GOLD_FEATURES, symbol)))
    if not days:
        _no_day(context, symbol)
        return
    selection = _choose(symbol, days)
    link = asset_link(context.settings, GOLD_FEATURES.name, partition=f"{selection.day}|{symbol}")
    day: GoldDay | None = None
    with part("Over the candles", link=link):
        day = _day(context, symbol, selection.day)
        if day is None:
            st.caption("The day was taken away a moment ago. Choose another one.")
        else:
            _draw_over_candles(context, day, selection)
    if day is not None:
        _draw_views(day, selection.features, link=link)
        _draw_downloads(day, selection.features)


def _no_day(context: PageContext, symbol: str) -> None:
    with part(f"{symbol} has no features yet", link=asset_link(context.settings, GOLD_FEATURES.name)):
        others = [other for other in context.symbols if context.lake.newest_day(GOLD_FEATURES, other)]
        also = f" {', '.join(others)} has; choose it above." if others else ""
        empty(
            f"No day of {GOLD_FEATURES.name} of {symbol} is in the lake.{also} The demo makes some in minutes; a "
            f"backfill makes those of {symbol} that you name:",
            run=f"make demo\ncrypto-assets backfill {symbol} 2024-08-01 2024-08-07",
        )


def _choose(symbol: str, days: Sequence[date]) -> Selection:
    """What the widgets say; before anybody touched them it is what the address says, or what was shown last."""
    state, asked = st.session_state, {name: st.query_params.get_all(name) for name in QUERY}
    if not any(asked.values()):
        asked = state.get("features_query", {})
    given = select(asked, symbol=symbol, days=days)
    _refuse(given.refused)
    day_key = f"features-day-{symbol}"
    if state.get(day_key) not in days:
        state[day_key] = given.day
    state.setdefault("features-names", list(given.features))
    state.setdefault("features-hours", given.hours)
    left, right = st.columns([1, 4])
    day = left.selectbox("Day (UTC)", days, key=day_key)
    names = right.multiselect(
        f"Features, of {len(FEATURES)}",
        [feature.name for feature in FEATURES],
        key="features-names",
        format_func=lambda name: label_of(BY_NAME[name]),
        placeholder="Choose features, by name or family",
    )
    hours = cast("tuple[int, int]", st.slider("Hours (UTC)", 0, 24, step=1, key="features-hours"))
    chosen = Selection(day=day, features=tuple(names), hours=hours if hours[0] < hours[1] else given.hours)
    _keep_in_address(chosen)
    return chosen


def _keep_in_address(chosen: Selection) -> None:
    query = chosen.as_query()
    st.session_state["features_query"] = {
        name: value if isinstance(value, list) else [value] for name, value in query.items()
    }
    for name in QUERY:
        if name not in query:
            st.query_params.pop(name, None)
        elif st.query_params.get_all(name) != st.session_state["features_query"][name]:
            st.query_params[name] = query[name]


def _refuse(sentences: Sequence[str]) -> None:
    for sentence in sentences:
        st.info(sentence, icon=":material/link_off:")


def _day(context: PageContext, symbol: str, day: date) -> GoldDay | None:
    return _read(context.lake.uri, symbol, day, version_of(context.lake, symbol, day), _context=context)


@st.cache_resource(max_entries=DAYS_KEPT, show_spinner=False)
def _read(uri: str, symbol: str, day: date, version: str, *, _context: PageContext) -> GoldDay | None:
    del uri, version  # they tell one content from another
    return read_gold_day(_context.lake, symbol, day)


def _draw_over_candles(context: PageContext, day: GoldDay, selection: Selection) -> None:
    st.caption(state_of_day(day, now=context.now()))
    if day.candles.is_empty():
        st.caption(plain(f"Candles of {day.day} are not in silver, so that the features stand alone."))
    if not selection.features:
        st.caption("Choose features above; their lines appear below the candles.")
    span = span_of_hours(day.day, selection.hours)
    drawn = drawable(day, selection.features, span)
    chart = over_candles(day, drawn, span)
    if chart is not None:
        st.altair_chart(chart, width="stretch", key="features-over-candles")
    for sentence in not_drawn(selection.features, drawn):
        st.caption(sentence)


@st.fragment
def _draw_views(day: GoldDay, names: Sequence[str], *, link: str) -> None:
    titles = ("Distribution", "Correlation", "Nulls and warm-up", "Definitions")
    with part("In figures", link=link):
        if not names:
            st.caption("Choose features above.")
            return
        views = (_draw_spread, _draw_correlation, _draw_missing, _draw_definitions)
        for tab, draw in zip(st.tabs(titles, key="features-view", on_change="rerun"), views, strict=True):
            if tab.open:
                with tab:
                    draw(day, names)


def _draw_spread(day: GoldDay, names: Sequence[str]) -> None:
    spreads = [spread(day.gold, BY_NAME[name]) for name in names]
    drawn = [found for found in spreads if found.median is not None][:MOST_LANES]
    for start in range(0, len(drawn), CHARTS_A_ROW):
        for column, found in zip(st.columns(CHARTS_A_ROW), drawn[start : start + CHARTS_A_ROW], strict=False):
            column.altair_chart(spread_chart(day.gold, found), width="stretch", key=f"spread-{found.feature.name}")
    st.caption("Minutes of the day by value; red is the median, grey the values that 5 % and 95 % do not exceed.")
    figures = st.column_config.NumberColumn
    numeric = ("median", "5 %", "95 %", "least", "most", "mean", "deviation")
    st.dataframe(
        spread_rows(spreads),
        hide_index=True,
        column_config={name: figures(format="%.5g") for name in numeric}
        | {"feature": st.column_config.TextColumn(pinned=True)},
        key="spread-table",
    )


def _draw_correlation(day: GoldDay, names: Sequence[str]) -> None:
    picked = st.segmented_control("Coefficient", METHODS, default=METHODS[0], required=True, key="features-method")
    found = correlation(day.gold, names, method=next(method for method in METHODS if method == (picked or METHODS[0])))
    if len(found.names) > 1:
        st.altair_chart(correlation_chart(found), width="stretch", key="features-correlation")
    else:
        st.caption("A correlation needs two features whose values change.")
    if found.left_out:
        st.caption(f"Left out, as they have no value or one only: {', '.join(f'`{name}`' for name in found.left_out)}.")
    st.caption(
        "Spearman's is of the ranks: whether two rise together, however they do. Pearson's asks for a straight line. "
        "Neighbouring minutes of a feature are much alike, so that a day proves less than its 1,440 rows seem to."
    )


def _draw_missing(day: GoldDay, names: Sequence[str]) -> None:
    st.markdown(warmth_of(day))
    st.caption(sources_of(day.gold))
    lacking = [name for name in names if spread(day.gold, BY_NAME[name]).missing]
    if lacking:
        st.altair_chart(missing_chart(day.gold, lacking), width="stretch", key="features-missing")
        absent = sorted({BY_NAME[name].source.value.replace("_", " ") for name in lacking})
        st.caption(
            f"They read {', '.join(absent)}. Features of a source that was not recorded are null, as they should be."
        )
    else:
        st.caption(f"Each of the {len(names)} chosen features has a value in every row.")


def _draw_definitions(day: GoldDay, names: Sequence[str]) -> None:
    del day
    st.markdown(definitions(names))


def _draw_downloads(day: GoldDay, names: Sequence[str]) -> None:
    with part(
        "Take the day along", note="All minutes of the day, whatever hours are shown. Columns say what they mean."
    ):
        every = st.toggle(f"All {len(FEATURES)} features", value=not names, key="features-all")
        columns = [feature.name for feature in FEATURES] if every else list(names)
        with st.container(horizontal=True):
            for kind, mime, make in (
                ("parquet", "application/vnd.apache.parquet", as_parquet),
                ("csv", "text/csv", as_csv),
            ):
                st.download_button(
                    f"{kind.upper() if kind == 'csv' else 'Parquet'} of {len(columns)} features",
                    data=partial(make, day, columns),
                    file_name=file_name(day, kind),
                    mime=mime,
                    on_click="ignore",
                    icon=":material/download:",
                    key=f"features-{kind}",
                )
