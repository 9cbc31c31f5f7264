"""A bronze partition while it is being completed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crypto_assets.convergence.delivery import Delivery, Question, content_version
from crypto_assets.errors import ConfigurationError, InputIncomplete
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import Answer, Manifest, Part, Position
from crypto_assets.schemas import Dataset
from crypto_assets.spans import Span, day_span, from_us, missing_spans, times_us

IMPORTED = "imported"
"""`exchange` of rows that a person brought; they may stand beside any exchange's."""
LIVE = "live"


class PartitionWork:
    """Collects what sources give; nothing belongs to the partition until its manifest is published."""

    def __init__(self, dataset: Dataset, symbol: str, day: date, *, lake: Lake, exchange: str) -> None:
        self.dataset = dataset
        self.symbol = symbol
        self.day = day
        self.lake = lake
        held = lake.manifest(dataset, symbol, day) or Manifest()
        self._exchange = exchange
        others = {part.exchange for part in held.parts} - {exchange, IMPORTED}
        if others and exchange != IMPORTED:
            raise ConfigurationError(
                f"{dataset.name} {day} {symbol} in {lake.uri} holds data of {', '.join(sorted(others))}, and EXCHANGE "
                f"gives data of {exchange}. One lake keeps one exchange: set DATA_DIR or LAKE_URI to another place."
            )
        self.parts: list[Part] = list(held.parts)
        self.sentences: list[str] = []
        self.added: dict[str, int] = {}
        self.positions: tuple[Position, ...] = held.positions
        self.duplicates = held.duplicates
        self.held_halts = held.halts
        self._rejected = held.rejected
        self._held_answers = held.answers
        self._answers: list[Answer] = []
        self._times: dict[str, npt.NDArray[np.int64]] = {}

    @property
    def rows(self) -> int:
        """Rows of all parts so far."""
        return sum(part.rows for part in self.parts)

    @property
    def begin(self) -> datetime:
        """Start of the day."""
        return day_span(self.day).start

    @property
    def _origins(self) -> set[str]:
        return {part.origin for part in self.parts}

    def holds(self, source: str) -> bool:
        """Whether an origin of this source was found published."""
        return any(answer.source == source for answer in self._answers)

    def put(self, question: Question) -> None:
        """Ask an origin if it offers something new, and keep what it says."""
        before = next((a for a in self._held_answers if a.origin == question.origin), None)
        identity = question.identity()
        if identity is None:
            self.sentences.append(f"{question.source}: {question.absent}")
            self._answers += [before] if before else []
            return
        if before and before.version == identity:
            self.sentences.append(f"{question.source}: {before.note} Unchanged.")
            self._answers.append(before)
            return
        delivery = question.ask()
        self.take(delivery)
        self.sentences.append(f"{question.source}: {delivery.note}")
        self._answers.append(Answer(question.source, question.origin, identity, delivery.note))

    def take(self, delivery: Delivery) -> None:
        """Write what an origin delivered; parts of another version of the same origin leave the partition."""
        self.parts = [part for part in self.parts if part.origin != delivery.origin]
        if delivery.rows.num_rows:
            self.parts += self.lake.write_part(
                self.dataset,
                self.symbol,
                self.day,
                delivery.rows,
                source=delivery.source,
                origin=delivery.origin,
                version=delivery.version,
                exchange=self._exchange,
            )
            self._times[delivery.origin] = times_us(delivery.rows[self.dataset.time_column])
            self.added[delivery.source] = self.added.get(delivery.source, 0) + delivery.rows.num_rows
        if delivery.rejected.num_rows and self.lake.publish_rejected(
            self.dataset, self.symbol, self.day, delivery.rejected, version=content_version(delivery.rejected)
        ):
            self._rejected += delivery.rejected.num_rows

    def read(self, parts: Sequence[Part], columns: Sequence[str]) -> pa.Table:
        """Columns of some of the parts."""
        return self.lake.read_parts(self.dataset, self.symbol, self.day, parts, columns=columns)

    def lists(self, path: str) -> bool:
        """Whether a file of this path belongs to the partition."""
        return any(part.path == path for part in self.parts)

    def write_live(self, path: str, rows: pa.Table, *, origin: str, version: str) -> None:
        """Write rows of the live streams as a file of this path."""
        times = times_us(rows[self.dataset.time_column])
        count, size = self.lake.write_file(self.dataset, self.symbol, self.day, path, [rows])
        start, last = from_us(int(times.min())), from_us(int(times.max()))
        self.parts.append(Part(path, count, size, LIVE, origin, version, self._exchange, start, last))
        self._times[origin] = np.concatenate([self._times.get(origin, np.empty(0, np.int64)), times])
        self.added[LIVE] = self.added.get(LIVE, 0) + rows.num_rows

    def replace(self, parts: Sequence[Part], by: Part | None) -> None:
        """Let a file take the place of others."""
        gone = {part.path for part in parts}
        self.parts = [part for part in self.parts if part.path not in gone] + ([by] if by else [])

    def reject(self, rejected: pa.Table) -> None:
        """Keep messages that could not be used; each comes here once, as positions are published with their count."""
        version = content_version(rejected)
        self.lake.publish_rejected(self.dataset, self.symbol, self.day, rejected, version=version)
        self._rejected += rejected.num_rows

    def leave(self, question: Question) -> None:
        """Let what an origin said before stand, without asking."""
        self._answers += [a for a in self._held_answers if a.origin == question.origin]

    def keep_answers(self) -> None:
        """Let the answers that the partition holds stand: nobody was asked."""
        self._answers = list(self._held_answers)

    def missing(self, span: Span, *, pace: timedelta, on_grid: bool) -> tuple[Span, ...]:
        """Runs of slots of the span that no row fills; with `on_grid` only a row at a slot's start does."""
        times = [self._times_of(origin) for origin in self._origins]
        return missing_spans(np.concatenate(times) if times else np.empty(0, np.int64), span, pace, on_grid=on_grid)

    def after_last_row(self, span: Span) -> Span:
        """The part of the span after the last row held."""
        last = max((int(self._times_of(origin).max()) for origin in self._origins), default=None)
        return span if last is None else Span(min(max(span.start, from_us(last + 1)), span.end), span.end)

    def check_retired(self) -> None:
        """Raise InputIncomplete where the day was deleted by retention and sources give less of it than there was."""
        retired = self.lake.retired(self.dataset, self.symbol, self.day)
        if retired is None:
            return
        keys = self.lake.count_keys(self.dataset, self.symbol, self.day, self.parts)
        if keys < retired.keys:
            raise InputIncomplete(
                f"{self.dataset.name} {self.day} {self.symbol}: its {retired.rows:,} rows were deleted by retention on "
                f"{retired.at:%Y-%m-%d}, once what is made from them was verified, and sources give {keys:,} of "
                f"{retired.keys:,} now. Nothing was written; silver and gold of the day stay as they are."
            )

    def publish(self, halts: tuple[Span, ...]) -> tuple[Manifest, bool]:
        """Make what was collected the partition; False where it was so already."""
        manifest = Manifest(
            parts=tuple(sorted(self.parts, key=lambda part: part.path)),
            answers=tuple(self._answers),
            halts=halts,
            rejected=self._rejected,
            duplicates=self.duplicates,
            positions=self.positions,
        )
        return manifest, self.lake.publish_manifest(self.dataset, self.symbol, self.day, manifest)

    def _times_of(self, origin: str) -> npt.NDArray[np.int64]:
        if origin not in self._times:
            column = self.dataset.time_column
            held = [part for part in self.parts if part.origin == origin]
            self._times[origin] = times_us(self.read(held, [column])[column])
        return self._times[origin]
