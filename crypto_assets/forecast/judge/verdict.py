"""Whether a model may be promoted, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import msgspec

from crypto_assets.forecast.judge.baselines import PERSISTENCE
from crypto_assets.forecast.judge.evaluation import Evaluation
from crypto_assets.forecast.judge.figures import Comparison
from crypto_assets.forecast.judge.significance import Interval, chance


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the newest fold says of the checkpoint's model at the primary horizon."""

    promote: bool
    sentence: str
    symbol: str
    horizon: int
    """Rows ahead."""
    fold: int
    seed: int
    rows: int
    skill: float | None
    """Against persistence."""
    interval: Interval | None
    median_skill: float | None
    """Over the models of all seeds, on the same rows."""
    comparisons: tuple[Comparison, ...]
    not_beaten: tuple[str, ...]
    """Baselines that the model is not better than with significance."""
    leaks: tuple[str, ...] = ()


def judge(evaluation: Evaluation, *, leaks: Sequence[str] = ()) -> Verdict:
    """Decide on the newest fold, at the primary horizon, for the model of the first seed: the checkpoint's.

    It is promoted when its losses are smaller than those of every baseline (one-sided Diebold-Mariano, p < alpha for
    each of them: all must hold, so that no correction for their number is due), the bootstrap interval of its skill
    against persistence is above zero, the median skill of all seeds is above zero, and nothing leaked.
    """
    options = evaluation.options.judge
    horizon = evaluation.horizons[options.primary]
    fold, seed = evaluation.folds[-1].number, evaluation.seeds[0]
    cell = evaluation.model(horizon=horizon, seed=seed, fold=fold)
    skills = evaluation.skills(horizon=horizon, fold=fold)
    not_beaten = tuple(one.baseline for one in cell.comparisons if not one.test.p < options.alpha)
    errors = cell.errors
    assert errors is not None  # of all forecasters only `majority sign` has none
    is_certain = errors.interval is not None and errors.interval.low > 0
    middle = median(skills) if len(skills) == len(evaluation.seeds) else None
    is_typical = middle is not None and middle > 0
    found = Verdict(
        promote=not leaks and not not_beaten and is_certain and is_typical,
        sentence="",
        symbol=evaluation.symbol,
        horizon=horizon,
        fold=fold,
        seed=seed,
        rows=cell.rows,
        skill=errors.skill,
        interval=errors.interval,
        median_skill=middle,
        comparisons=cell.comparisons,
        not_beaten=not_beaten,
        leaks=tuple(leaks),
    )
    where = f"{cell.rows:,} newest test rows, {duration(horizon * evaluation.step_us)} ahead"
    return msgspec.structs.replace(found, sentence=_sentence(found, where=where, seeds=len(evaluation.seeds)))


def duration(length_us: int) -> str:
    """A horizon for people: `15 min`, `10 s`."""
    seconds = length_us // 1_000_000
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"


def percent(share: float | None, interval: Interval | None = None) -> str:
    """`1.8 % ± 0.6 %`: a share and half of its interval's width; `no figure` for None."""
    if share is None:
        return "no figure"
    return f"{share:.2%}".replace("%", " %") + (
        f" ± {(interval.high - interval.low) / 2:.2%}".replace("%", " %") if interval else ""
    )


def _sentence(verdict: Verdict, *, where: str, seeds: int) -> str:
    p = {one.baseline: one.test.p for one in verdict.comparisons}
    figure = f"{percent(verdict.skill, verdict.interval)} ({chance(p[PERSISTENCE])})"
    others = [name for name in verdict.not_beaten if name != PERSISTENCE]
    named = _listed([f"{name} ({chance(p[name])})" for name in others])
    is_certain = verdict.interval is not None and verdict.interval.low > 0
    if verdict.leaks:
        return f"{_listed(verdict.leaks)}: not promoted, its figures mean nothing (skill {figure}; {where})."
    if PERSISTENCE in verdict.not_beaten or not is_certain:
        also = f"; nor {named}" if others else ""
        return f"does not beat persistence: skill {figure} on {where}{also}."
    if others:
        return f"beats persistence by {figure} on {where}, but does not beat {named}."
    typical = f"the median skill of {seeds} seeds is {percent(verdict.median_skill)}"
    if not verdict.promote:
        return f"beats persistence by {figure} on {where} with one seed only: {typical}."
    closest = max((name for name in p if name != PERSISTENCE), key=lambda name: p[name])
    rest = f"every other baseline ({closest} the least: {chance(p[closest])})"
    return f"beats persistence by {figure} and {rest} on {where}; {typical}."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)
