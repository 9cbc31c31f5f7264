"""What was foretold beside what happened, what the model is worth, and what it was made of."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pyarrow as pa
import streamlit as st

from crypto_assets.dashboard import words
from crypto_assets.dashboard.choosing import choose_symbol
from crypto_assets.dashboard.context import PageContext
from crypto_assets.dashboard.forecasts import realised
from crypto_assets.dashboard.forecasts.charts import draw_predictions, draw_skill
from crypto_assets.dashboard.forecasts.models import Models, read_models
from crypto_assets.dashboard.forecasts.realised import Record, record_of
from crypto_assets.dashboard.forecasts.skill import SkillCurve, skill_curve
from crypto_assets.dashboard.links import asset_link
from crypto_assets.dashboard.market.cards import Card, cards
from crypto_assets.dashboard.market.history import lake_candles
from crypto_assets.dashboard.market.messages import assets_of
from crypto_assets.dashboard.market.shared import feed_of, price_of
from crypto_assets.dashboard.states import DOWN, empty, failure, part, sentence_of
from crypto_assets.forecast.card import ModelCard, as_markdown
from crypto_assets.forecast.checkpoints import Checkpoints
from crypto_assets.forecast.drift import WEEK_DAYS, week_skill
from crypto_assets.forecast.evaluations import ModelEvaluation
from crypto_assets.forecast.judge.report import as_markdown as report_of
from crypto_assets.forecast.judge.verdict import percent
from crypto_assets.forecast.notice import notice
from crypto_assets.forecast.options import INTERVAL_SHARE
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS, STEP_S, Outcome, horizon_name
from crypto_assets.forecast.promotions import Promotions
from crypto_assets.run_tags import command_to_materialise, command_to_run
from crypto_assets.spans import Span
from crypto_assets.stream.forecaster.latest import Outlook, read_outlook, read_stored_outlook

LATEST_EVERY_S, RECORD_EVERY_S = 1.0, 20.0
HOURS = {"3 h": 3, "24 h": 24, "7 days": 168}
BPS = 1e4
MOMENT = timedelta(microseconds=1)


def render(context: PageContext) -> None:
    """Draw the page; its parts then draw themselves again."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("### Forecast", width="content")
        symbol = choose_symbol(context)
    st.caption(notice(context.exchange))
    with st.container():  # a place that is not the part's own: see the live page
        _latest(context, symbol)
    models = _model(context, symbol)
    with st.container():
        _record(context, symbol, step_s=_step_s(models))
    if models is not None and models.evaluated is not None:
        _evaluation(context, models.evaluated, is_open=not models.is_promoted)
    if models is not None and models.card is not None:
        _card(context, models.card)


def command(context: PageContext, symbol: str) -> str:
    """What makes a model of yesterday, judges it and promotes it where it deserves that."""
    return command_to_run("forecast", f"{_yesterday(context)}|{symbol}")


def _yesterday(context: PageContext) -> date:
    return context.now().date() - timedelta(days=1)


@st.fragment(run_every=LATEST_EVERY_S)
def _latest(context: PageContext, symbol: str) -> None:
    with part("Latest prediction", link=asset_link(context.settings, LSTM_PREDICTIONS.name)):
        try:
            found, reason = read_outlook(context.redis, context.exchange, symbol), None
        except DOWN as error:
            found, reason = None, sentence_of(error)
        if found is None:
            try:
                with context.database() as connection:
                    found = read_stored_outlook(connection, context.exchange, symbol)
            except DOWN as error:
                reason = f"{reason or ''} {sentence_of(error)}".strip()
        if reason:
            failure(reason)
        if found is None:
            empty(
                f"Nothing is foretold live of {symbol}. With a promoted model the forecaster does, once it runs:",
                run="make up",
            )
        elif not found.predictions:
            st.markdown(f":gray[○] {words.plain(found.detail or found.state)}")
        else:
            _show_latest(context, symbol, found)


def _show_latest(context: PageContext, symbol: str, outlook: Outlook) -> None:
    now, quote, first = context.now(), assets_of(symbol)[1], outlook.predictions[0]
    price = price_of(context, feed_of(context), symbol)
    share = words.percent(first.interval_share, digits=0)
    shown = [Card("Price at that moment", words.price(first.price), unit=quote, age=words.age(first.as_of, now=now))]
    if price is not None:
        shown.append(Card("Price now", words.price(price[1]), unit=quote, age=words.age(price[0], now=now)))
    for one in outlook.predictions:
        between = f"{words.price(one.low)} – {words.price(one.high)}"
        is_inside = "" if price is None else "; now inside" if one.low <= price[1] <= one.high else "; now outside"
        due = words.age(one.target_time, now=now)
        shown.append(
            Card(
                f"{horizon_name(one.horizon_s)} ahead",
                words.price(one.predicted_price),
                unit=f"{quote}, {one.predicted_return * BPS:+.2f} bps",
                change_of=f"{share}: {between}{is_inside if one.target_time > now else ''}",
                age=f"for {one.target_time:%H:%M:%S} UTC, {due}",
            )
        )
    st.html(cards(shown))
    st.caption(f"Foretold at {words.utc(first.as_of)} by {words.plain(first.model_id)}. {words.plain(outlook.detail)}")


def _model(context: PageContext, symbol: str) -> Models | None:
    """Draw which model is in force, and return what is known of all; None where that cannot be read."""
    models = None
    with part("Model", link=asset_link(context.settings, "lstm_evaluation", view="checks")):
        models = _models(context, symbol)
        _show_models(context, symbol, models)
    return models


def _show_models(context: PageContext, symbol: str, models: Models) -> None:
    now = context.now()
    if models.problem:
        failure(models.problem)
    if models.made is None and models.in_force is None:
        what = f"No model of {symbol} has been made yet. This trains one on the days until yesterday and judges it:"
        empty(what, run=command(context, symbol))
        return
    if (held := models.in_force) is not None:
        against = f" Promoted against the verdict, because: {words.plain(held.reason)}" if held.reason else ""
        st.markdown(
            f":green-badge[promoted] **{words.plain(held.model_id)}** is in force since "
            f"{words.utc(held.promoted_at, seconds=False)}, {words.age(held.promoted_at, now=now)}: it "
            f"{words.plain(held.verdict)}{against}"
        )
    else:
        st.markdown(":orange-badge[not promoted] No model is in force: nothing is foretold, live or by day.")
    if (newest := models.evaluated) is not None and (held is None or newest.model_id != held.model_id):
        state = "would be promoted" if newest.verdict.promote else "not promoted"
        st.markdown(
            f":gray-badge[{state}] **{words.plain(newest.model_id)}**, judged {words.age(newest.made_at, now=now)}: "
            f"{words.plain(newest.verdict.sentence)}"
        )
    if models.waits is not None:
        empty(f"The model of {models.waits} has not been judged yet:", run=command(context, symbol))


def _step_s(models: Models | None) -> int:
    """Seconds between two rows of what the model reads."""
    return STEP_S[models.card.data.source if models is not None and models.card is not None else "gold_features"]


@st.cache_data(ttl=30, max_entries=32, show_spinner=False)
def _models(_context: PageContext, symbol: str) -> Models:
    uri = _context.settings.checkpoints
    return read_models(_context.lake, Checkpoints(uri), Promotions(uri), symbol)


@st.fragment(run_every=RECORD_EVERY_S)
def _record(context: PageContext, symbol: str, *, step_s: int) -> None:
    with part("Foretold and what happened", link=asset_link(context.settings, LSTM_PREDICTIONS.name)):
        table, reasons = _predictions(context, symbol)
        for reason in reasons:
            failure(reason)
        if not table.num_rows:
            empty(
                f"Nothing was foretold of {symbol} yet. Once a model is promoted, this foretells the days it has not "
                "seen, and the forecaster of `make up` what comes:",
                run=command_to_materialise(LSTM_PREDICTIONS.name, f"{_yesterday(context)}|{symbol}"),
            )
            return
        horizons = sorted(set(table["horizon_s"].to_pylist()))
        with st.container(horizontal=True):
            horizon = st.segmented_control(
                "Horizon", horizons, default=horizons[0], format_func=lambda s: f"{horizon_name(s)} ahead",
                label_visibility="collapsed", key="horizon", required=True,
            )  # fmt: skip
            asked = st.segmented_control(
                "Time", list(HOURS), default="3 h", label_visibility="collapsed", key="forecast-hours", required=True
            )
        record = record_of(table, horizon if horizon in horizons else horizons[0])
        _show_record(context, symbol, record, hours=HOURS.get(asked or "", 3), step_s=step_s)


def _show_record(context: PageContext, symbol: str, record: Record, *, hours: int, step_s: int) -> None:
    last = record.rows["as_of"][-1].as_py()
    shown = record.between(last - timedelta(hours=hours) + MOMENT, last + MOMENT)
    horizon_s = record.rows["horizon_s"][0].as_py()
    share = record.rows["interval_share"][-1].as_py() or INTERVAL_SHARE
    draw_predictions(shown, symbol=symbol, quote=assets_of(symbol)[1], horizon_s=horizon_s, share=share)
    st.caption(_coverage_of(shown, share=share, until=words.age(last, now=context.now())))
    outcome = record.outcome
    if outcome is None:
        st.caption("What came of them is not known yet: it takes the candles of those moments.")
        return
    curve = _curve(outcome, symbol, horizon_s, int(outcome.as_of_us[-1]), outcome.came.size, step_s)
    if curve.points:
        draw_skill(curve, horizon_s=horizon_s)
    week = week_skill(outcome, step_s=step_s)
    worth = percent(week.skill, week.interval)
    st.caption(
        f"All {week.realised:,} that came due: skill {worth} (95 %, block bootstrap). Above zero a forecast is worth "
        "more than saying that the price stays; where the interval holds zero, nobody can tell."
    )


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def _curve(_outcome: Outcome, symbol: str, horizon_s: int, last_us: int, count: int, step_s: int) -> SkillCurve:  # noqa: ARG001  what names the outcome
    return skill_curve(_outcome, step_s=step_s)


def _coverage_of(record: Record, *, share: float, until: str) -> str:
    known = record.outcome.came.size if record.outcome else 0
    backcast = sum(record.rows["is_backcast"].to_pylist())
    text = f"{record.rows.num_rows:,} predictions, the last {until}; {known:,} came due"
    text += (
        f", {words.percent(record.inside, digits=1)} of them inside, where {share:.0%} are meant to lie."
        if known
        else "."
    )
    return text + (f" {backcast:,} are backcasts: their model was promoted later." if backcast else "")


@st.cache_data(ttl=15, max_entries=32, show_spinner=False)
def _predictions(_context: PageContext, symbol: str) -> tuple[pa.Table, list[str]]:
    """The newest week of predictions with what came of them, and why a source could not be read."""
    reasons: list[str] = []
    stored = live = LSTM_PREDICTIONS.schema.empty_table()
    now = _context.now()
    try:
        days = _context.lake.days(LSTM_PREDICTIONS, symbol)[-WEEK_DAYS:]
        stored = _context.lake.read_days(LSTM_PREDICTIONS, symbol, days)
    except DOWN as error:
        reasons.append(sentence_of(error))
    span = Span(now - timedelta(days=WEEK_DAYS), now + timedelta(days=1))
    try:
        with _context.database() as connection:
            live = realised.live_predictions(connection, _context.exchange, symbol, start=span.start, end=span.end)
        live = _with_what_came(_context, symbol, live)
    except DOWN as error:
        reasons.append(f"{sentence_of(error)} Live predictions are left out.")
    return realised.joined(stored, live), reasons


def _with_what_came(context: PageContext, symbol: str, live: pa.Table) -> pa.Table:
    if not live.num_rows:
        return live
    start = min(live["target_time"].to_pylist()) - timedelta(minutes=1)
    closed = lake_candles(context.lake, symbol, exchange=context.exchange, start=start, end=context.now())
    return realised.with_closes(live, [*closed, *feed_of(context).tail(symbol).candles])


def _evaluation(context: PageContext, found: ModelEvaluation, *, is_open: bool) -> None:
    said = (
        f"{words.plain(found.model_id)}, judged {words.age(found.made_at, now=context.now())} on rows that were used "
    )
    with part("Evaluation", link=asset_link(context.settings, "lstm_evaluation")):
        st.caption(f"{said} for no choice; the newest fold decides. Skill is against the last price.")
        with st.expander("Against every baseline, newest fold", expanded=is_open):
            st.markdown(report_of(found.evaluation, fold=found.evaluation.folds[-1].number))


def _card(context: PageContext, card: ModelCard) -> None:
    with part("Model card", link=asset_link(context.settings, "lstm_checkpoint")):
        st.caption(f"{words.plain(card.model_id)}, made {words.age(card.made_at, now=context.now())}.")
        with st.expander("What it was made of, how, and where it ends"):
            st.markdown(re.sub(r"^(#+) ", r"###\1 ", as_markdown(card), flags=re.MULTILINE))
