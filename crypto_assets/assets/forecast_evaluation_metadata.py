"""What is shown of an evaluation: its verdict first, then a picture, the table, and what was looked for."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import msgspec

from crypto_assets.forecast.evaluating import EvaluateAnswer
from crypto_assets.forecast.evaluations import ModelEvaluation, StoredEvaluation
from crypto_assets.forecast.judge.leaks import LeakKind
from crypto_assets.forecast.judge.report import as_markdown
from crypto_assets.forecast.notice import notice
from crypto_assets.pictures.skill import skill_picture


def describe_evaluation(stored: StoredEvaluation, answer: EvaluateAnswer, *, rows: int) -> dict[str, Any]:
    """Metadata of an evaluation; `rows` are its forecasts."""
    evaluated = stored.evaluated
    verdict = evaluated.verdict
    figures = {
        "skill_percent": verdict.skill,
        "skill_percent_low": verdict.interval.low if verdict.interval else None,
        "skill_percent_high": verdict.interval.high if verdict.interval else None,
        "skill_percent_median_of_seeds": verdict.median_skill,
    }
    return {
        "verdict": verdict.sentence,
        "notice": dg.MetadataValue.md(f"**{notice(evaluated.exchange)}**"),
        "skill": dg.MetadataValue.md(skill_picture(evaluated.evaluation)),
        "figures": dg.MetadataValue.md(as_markdown(evaluated.evaluation)),
        "leaks": dg.MetadataValue.md(leaks_as_markdown(evaluated)),
        "promote": verdict.promote,
        "model_id": evaluated.model_id,
        **{name: 100 * value for name, value in figures.items() if value is not None},
        **{f"p_{one.baseline.partition(' (')[0].replace(' ', '_')}": one.test.p for one in verdict.comparisons},
        "dagster/row_count": rows,
        "dagster/uri": stored.uri,
        "bytes": stored.bytes,
        "changed": answer.changed,
        "evaluated": answer.evaluated,
        "folds": len(evaluated.evaluation.folds),
        "seeds": len(evaluated.evaluation.seeds),
        "networks_fitted": answer.fitted,
        "networks_taken_over": answer.taken_over,
        "peak_mb": answer.peak_mb,
        "computed_again": "; ".join(evaluated.audited),
        "checkpoint_sha256": evaluated.checkpoint_sha256,
        "training_set_sha256": evaluated.training_set_sha256,
    }


def leaks_as_markdown(evaluated: ModelEvaluation) -> str:
    """Each kind of leak that is looked for, and what was found."""
    lines = ["| leak | found |", "|---|---|"]
    for kind in LeakKind:
        found = [leak.sentence for leak in evaluated.leaks if leak.kind is kind]
        more = f" And {len(found) - 1} more like it." if len(found) > 1 else ""
        lines.append(f"| {kind.value} | {found[0].replace('|', '/') + more if found else 'no'} |")
    return "\n".join(lines)


def version_of(evaluated: ModelEvaluation) -> str:
    """sha256 of all that an evaluation says, but for when it was made."""
    timeless = msgspec.structs.replace(evaluated, made_at=datetime.min.replace(tzinfo=UTC))
    return hashlib.sha256(msgspec.json.encode(timeless)).hexdigest()


def warning_of(evaluated: ModelEvaluation) -> str | None:
    """What a person should know tomorrow: a leak. That a model beats nothing is the usual outcome, and no warning."""
    return f"{len(evaluated.leaks)} leaks; {evaluated.leaks[0]}" if evaluated.leaks else None
