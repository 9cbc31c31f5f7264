"""`crypto-assets model`: which models there are, what is known of one, and putting one in force."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crypto_assets.cli.arguments import Day, Symbol
from crypto_assets.cli.telling import FAILED, Json, end, print_json, print_table, told

if TYPE_CHECKING:
    from crypto_assets.config import Settings
    from crypto_assets.forecast.evaluations import ModelEvaluation
    from crypto_assets.forecast.promotions import Promotion

LONGEST_REASON = 500
app = typer.Typer(help="Models of the forecast: list, show, put in force.", no_args_is_help=True)


@app.command("list")
@told
def list_models(
    symbol: Annotated[str | None, typer.Argument(metavar="SYMBOL", help="Such as BTCUSDT; without, of all.")] = None,
    as_json: Json = False,
) -> None:
    """List the models, the newest last, with the verdict on each and whether it is in force."""
    from crypto_assets.config import read_settings
    from crypto_assets.reading.asked import asked_symbol

    settings = read_settings()
    found = _models(settings, None if symbol is None else asked_symbol(symbol))
    if as_json:
        print_json(found)
    elif not found:
        typer.echo("There is no model yet: crypto-assets backfill SYMBOL DAY DAY --job forecast makes one.")
    else:
        print_table(
            ("model", "state", "verdict"),
            ((model["model_id"], model["state"], model["why"]) for model in found),
        )


@app.command()
@told
def show(
    symbol: Symbol,
    day: Annotated[str | None, typer.Argument(metavar="DAY", help="Without, the model in force.")] = None,
    as_json: Json = False,
) -> None:
    """Show the card of a model, the verdict on it, and when and why it was promoted."""
    from crypto_assets.config import read_settings
    from crypto_assets.errors import InputIncomplete
    from crypto_assets.forecast.card import as_markdown
    from crypto_assets.forecast.checkpoint import read_card
    from crypto_assets.forecast.checkpoints import Checkpoints
    from crypto_assets.forecast.notice import notice
    from crypto_assets.forecast.promotions import Promotions
    from crypto_assets.reading.asked import asked_day

    settings = read_settings()
    checkpoints, promotions = Checkpoints(settings.checkpoints), Promotions(settings.checkpoints)
    current = promotions.current(symbol)
    if day is not None:
        of_day = asked_day(day)
        content = checkpoints.read(symbol, of_day)
    elif current is not None:
        of_day, content = current.as_of_day, promotions.content(current)
    else:
        raise InputIncomplete(
            f"No model of {symbol} is in force. `crypto-assets model list {symbol}` shows which there are."
        )
    if content is None:
        made = ", ".join(str(one) for one in checkpoints.days(symbol)) or "none"
        raise InputIncomplete(f"There is no model of {symbol} as of {of_day}. Days that have one: {made}.")
    card = read_card(content)
    evaluated = _evaluated(settings, symbol, of_day)
    entries = [entry for entry in promotions.all(symbol) if entry.model_id == card.model_id]
    is_in_force = current is not None and current.model_id == card.model_id
    if as_json:
        verdict = evaluated.verdict if evaluated else None
        print_json({"card": card, "verdict": verdict, "promotions": entries, "in_force": is_in_force})
        return
    typer.echo(as_markdown(card))
    typer.echo(f"\n{_verdict(evaluated)}")
    for entry in entries:
        typer.echo(f"Promoted {entry.promoted_at:%Y-%m-%d %H:%M} UTC: {entry.why}")
    state = "It is in force." if is_in_force else "It is not in force."
    typer.echo(f"{state} {notice(card.exchange)}")


@app.command()
@told
def promote(
    symbol: Symbol,
    day: Day,
    *,
    force_with_reason: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Promote also against the verdict. The reason is kept, and shown wherever the model is.",
        ),
    ] = None,
) -> None:
    """Put the model of a day in force, if its verdict allows it.

    Where something leaked into it, or its file is not the one that was judged, it is refused whatever the reason.
    """
    from crypto_assets.config import read_settings
    from crypto_assets.errors import InputIncomplete
    from crypto_assets.forecast.checkpoints import Checkpoints
    from crypto_assets.forecast.promoting import promote_or_say_why_not, read_judged
    from crypto_assets.forecast.promotions import Promotions
    from crypto_assets.lake.lake import Lake
    from resources.exchange import exchange_now

    reason = "" if force_with_reason is None else _checked_reason(force_with_reason)
    settings = read_settings()
    checkpoints, promotions = Checkpoints(settings.checkpoints), Promotions(settings.checkpoints)
    judged = read_judged(Lake(settings.lake), symbol, day, checkpoints=checkpoints, promotions=promotions)
    if judged is None:
        raise InputIncomplete(
            f"There is no evaluation of {symbol} {day}, and no model is promoted that nobody judged. Make it: "
            f"crypto-assets backfill {symbol} {day} {day} --job forecast"
        )
    market_time = partial(exchange_now, settings, wall=datetime.now(UTC))
    decision = promote_or_say_why_not(judged, market_time=market_time, reason=reason)
    if not decision.promoted:
        refused = " No reason changes that." if reason else ""
        advice = " --force-with-reason promotes it all the same." if decision.takes_a_reason else refused
        end(f"{decision.sentence}{advice}", status=FAILED)
    typer.echo(decision.sentence)


def _checked_reason(text: str) -> str:
    from crypto_assets.errors import BadQuestion

    reason = " ".join(text.split())
    if not reason or len(reason) > LONGEST_REASON or not reason.isprintable():
        raise BadQuestion(f"A reason is a text of at most {LONGEST_REASON} characters that others will read.")
    return reason


def _models(settings: Settings, symbol: str | None) -> list[dict[str, Any]]:
    """Every model that is stored or was ever promoted, by symbol and day."""
    from crypto_assets.forecast.checkpoints import Checkpoints
    from crypto_assets.forecast.promotions import Promotions

    checkpoints, promotions = Checkpoints(settings.checkpoints), Promotions(settings.checkpoints)
    found: list[dict[str, Any]] = []
    for name in checkpoints.symbols() if symbol is None else [symbol]:
        current, entries = promotions.current(name), promotions.all(name)
        days = {*checkpoints.days(name), *(entry.as_of_day for entry in entries)}
        for day in sorted(days):
            of_day = [entry for entry in entries if entry.as_of_day == day]
            found.append(_model(name, day, _evaluated(settings, name, day), of_day, current=current))
    return found


def _model(
    symbol: str,
    day: date,
    evaluated: ModelEvaluation | None,
    promoted: list[Promotion],
    *,
    current: Promotion | None,
) -> dict[str, Any]:
    newest = promoted[-1] if promoted else None
    model_id = evaluated.model_id if evaluated else newest.model_id if newest else f"{symbol}-{day}"
    entry = newest if newest is not None and newest.model_id == model_id else None
    is_in_force = entry is not None and entry == current
    state = "not promoted"
    if entry is not None:
        state = f"{'in force' if is_in_force else 'promoted'}{' by a person' if entry.reason else ''}"
    return {
        "model_id": model_id,
        "symbol": symbol,
        "as_of_day": day,
        "state": state,
        "in_force": is_in_force,
        "verdict": None if evaluated is None else evaluated.verdict.sentence,
        "why": entry.why if entry else _verdict(evaluated),
        "promoted_at": entry.promoted_at if entry else None,
        "reason": entry.reason if entry else "",
    }


def _evaluated(settings: Settings, symbol: str, day: date) -> ModelEvaluation | None:
    from crypto_assets.forecast.evaluations import Evaluations
    from crypto_assets.lake.lake import Lake

    stored = Evaluations(Lake(settings.lake)).read(symbol, day)
    return None if stored is None else stored.evaluated


def _verdict(evaluated: ModelEvaluation | None) -> str:
    if evaluated is None:
        return "Nobody has judged it: materialise lstm_evaluation."
    return evaluated.verdict.sentence
