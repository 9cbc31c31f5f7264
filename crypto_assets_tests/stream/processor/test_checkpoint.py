"""Whether a checkpoint fits the topics, told from Spark's files and Kafka's offsets."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crypto_assets.stream.processor.checkpoint import KEPT_ASIDE, Checkpoint
from crypto_assets.stream.topic_states import TopicState

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def held(*, id_: str = "a", first: int = 0, end: int = 100) -> dict[str, TopicState]:
    return {"x.trades": TopicState("x.trades", id_, ((first, end),))}


def spark_wrote(checkpoint: Checkpoint, number: int, *, offset: int, finished: bool) -> None:
    """What Spark leaves of a batch that reads up to an offset."""
    spark = Path(checkpoint.location)
    for folder in ("offsets", "commits"):
        (spark / folder).mkdir(parents=True, exist_ok=True)
    lines = ["v1", json.dumps({"batchWatermarkMs": 0}), json.dumps({"x.trades": {"0": offset}})]
    (spark / "offsets" / str(number)).write_text("\n".join(lines))
    if finished:
        (spark / "commits" / str(number)).write_text('v1\n{"nextBatchWatermarkMs":0}')


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    """One that has read up to offset 50, and begun to read up to 60."""
    made = Checkpoint(tmp_path / "simulator-7")
    assert made.fit(held(), now=NOW) is None
    spark_wrote(made, 9, offset=50, finished=True)
    spark_wrote(made, 10, offset=60, finished=False)
    return made


def aside(checkpoint: Checkpoint) -> list[Path]:
    return sorted(checkpoint.folder.parent.glob("*.aside-*"))


@pytest.mark.parametrize("there", [held(), held(first=50, end=60)])
def test_a_checkpoint_that_fits_is_kept(checkpoint: Checkpoint, there: dict[str, TopicState]) -> None:
    assert checkpoint.fit(there, now=NOW) is None
    assert (Path(checkpoint.location) / "commits" / "9").exists()


@pytest.mark.parametrize(
    ("there", "reason"),
    [
        (held(id_="b"), "x.trades was made again"),
        (held(end=59), "was read to offset 60, but now ends at 59"),
        (held(first=51), "lost 1 messages"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_put_aside(
    checkpoint: Checkpoint, there: dict[str, TopicState], reason: str
) -> None:
    assert reason in (checkpoint.fit(there, now=NOW) or "")
    assert not Path(checkpoint.location).exists()
    assert (aside(checkpoint)[0] / "spark" / "commits" / "9").exists()
    assert checkpoint.fit(there, now=NOW) is None


@pytest.mark.parametrize("text", ["", "v1\n", "v1\n{}\n{torn"])
def test_a_checkpoint_that_cannot_be_read_is_put_aside(checkpoint: Checkpoint, text: str) -> None:
    (Path(checkpoint.location) / "offsets" / "10").write_text(text)
    assert "cannot be read" in (checkpoint.fit(held(), now=NOW) or "")
    assert len(aside(checkpoint)) == 1


def test_the_oldest_of_those_put_aside_go(checkpoint: Checkpoint) -> None:
    for n in range(KEPT_ASIDE + 2):
        checkpoint.fit(held(id_=str(n)), now=NOW + timedelta(seconds=n))
        spark_wrote(checkpoint, 0, offset=1, finished=True)
    assert len(aside(checkpoint)) == KEPT_ASIDE
