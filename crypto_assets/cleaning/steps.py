"""What each step of a cleaning did, counted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One step: rows that came in, rows it dropped, added, moved or flagged, and rows that went on."""

    name: str
    rows_in: int
    affected: int
    rows_out: int


@dataclass(frozen=True, slots=True)
class CleaningSteps:
    """The steps in the order in which they ran; what leaves one enters the next."""

    steps: tuple[Step, ...]

    def __getitem__(self, name: str) -> Step:
        """The step of that name; raises KeyError."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def as_metadata(self) -> dict[str, int]:
        """Three figures a step, such as `step_2_deduplicate_affected`, in the order of the steps."""
        return {
            f"step_{number}_{step.name}_{what}": count
            for number, step in enumerate(self.steps, start=1)
            for what, count in (
                ("rows_in", step.rows_in),
                ("affected", step.affected),
                ("rows_out", step.rows_out),
            )
        }
