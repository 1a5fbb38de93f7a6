"""What was measured on the positions of a plate, and what they come to when pooled."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from flowroi.errors import FlowRoIError
from flowroi.evaluation.results import SubjectResult, Summary
from flowroi.plates.base import Position
from flowroi.targets import Target


@dataclass(frozen=True, slots=True)
class PositionResult:
    """The evaluation of one position, condensed.

    Attributes
    ----------
    position : Position
    frames : int
        How many were measured.
    dtype : str
    raw : SubjectResult
        The uncompressed movie, its frames added up into one.
    archives : dict of int to SubjectResult
        Likewise, by the number of the plate's archive; without those that have not got the position.
    gains : dict of int to float or None
        Bytes of the first codec over each archive's, at equal PSNR on the cells.
    codec : str or None
        Its name.
    truth : str
    segmenter : dict or None
        See `Evaluation`.
    missed_targets : tuple of str
        Targets that the first archive misses, with what it reaches.
    verdict : str
    warnings : tuple of str
    """

    position: Position
    frames: int
    dtype: str
    raw: SubjectResult
    archives: dict[int, SubjectResult]
    gains: dict[int, float | None]
    codec: str | None
    truth: str
    segmenter: dict[str, Any] | None
    missed_targets: tuple[str, ...]
    verdict: str
    warnings: tuple[str, ...]

    @property
    def page(self) -> str:
        """Where its report is, below the plate's folder."""
        return f"{self.position}/report.html"

    def summary(self, archive: int) -> Summary | None:
        """Return the figures of an archive; None where it has not got the position."""
        of = self.archives.get(archive)
        return None if of is None else replace(of.summary(), frames=self.frames)


@dataclass(frozen=True, slots=True)
class PlateEvaluation:
    """The evaluation of a plate.

    Attributes
    ----------
    name, path : str
        Of the raw plate.
    archives : tuple of str
        Their names.
    positions : tuple of PositionResult
        Those that were measured, in plate order.
    failed : tuple of (Position, FlowRoIError)
        Those that could not be, and why.
    missing : tuple of (Position, str)
        Positions that an archive has not got, and its name.
    unlabelled : tuple of Position
        Those left out for want of labels.
    targets : tuple of Target
        What the first archive should reach at every position.
    warnings : tuple of str
        About the plate as a whole.
    """

    name: str
    path: str
    archives: tuple[str, ...]
    positions: tuple[PositionResult, ...]
    failed: tuple[tuple[Position, FlowRoIError], ...]
    missing: tuple[tuple[Position, str], ...]
    unlabelled: tuple[Position, ...]
    targets: tuple[Target, ...]
    warnings: tuple[str, ...]

    @property
    def met(self) -> bool | None:
        """Whether the first archive meets all targets at every position that it was measured at; None without any."""
        measured = [result for result in self.positions if 0 in result.archives]
        return not any(result.missed_targets for result in measured) if self.targets and measured else None

    @property
    def whole(self) -> bool:
        """Whether every position that was asked for, and has labels, was measured in every archive."""
        return not self.failed and not self.missing

    @property
    def peaks(self) -> tuple[int, ...]:
        """The different peaks of the PSNR, in rising order."""
        return tuple(sorted({result.raw.peak for result in self.positions}))

    def pooled(self, archive: int, positions: Iterable[PositionResult] | None = None) -> Summary | None:
        """Return an archive's figures over all positions, or some of them; None where it has none of them.

        Errors, bytes, cells and pixels are added up before anything is divided, and before the logarithm of the PSNR,
        whose peak is the largest of all positions'.
        """
        return self._pooled([(r.archives[archive], r.frames) for r in self._of(positions) if archive in r.archives])

    def pooled_raw(self) -> Summary | None:
        """Return what was found on the uncompressed movies."""
        return self._pooled([(result.raw, result.frames) for result in self.positions])

    def gains(self, archive: int) -> list[float]:
        """Return the gains that are known, smallest first."""
        return sorted(gain for result in self.positions if (gain := result.gains.get(archive)) is not None)

    def median_gain(self, archive: int) -> float | None:
        """Return the median of the gains that are known."""
        known = self.gains(archive)
        return statistics.median(known) if known else None

    def worst_first(self, archive: int) -> list[PositionResult]:
        """Return the positions that an archive has got, the least PSNR on the cells first; those without cells last."""
        having = [result for result in self.positions if archive in result.archives]

        def psnr(result: PositionResult) -> float:
            found = result.summary(archive)
            return math.nan if found is None or found.roi_psnr is None else found.roi_psnr

        return sorted(having, key=lambda result: (math.isnan(psnr(result)), psnr(result), result.position))

    def wells(self, archive: int) -> dict[str, Summary]:
        """Return an archive's figures by well, its fields pooled."""
        by_well: dict[str, list[PositionResult]] = {}
        for result in self.positions:
            by_well.setdefault(result.position.well, []).append(result)
        found = {well: self.pooled(archive, results) for well, results in by_well.items()}
        return {well: summary for well, summary in found.items() if summary is not None}

    def _of(self, positions: Iterable[PositionResult] | None) -> Iterable[PositionResult]:
        return self.positions if positions is None else positions

    def _pooled(self, parts: list[tuple[SubjectResult, int]]) -> Summary | None:
        if not parts:
            return None
        first = parts[0][0]
        whole = replace(first, peak=self.peaks[-1], frames=tuple(part.frames[0] for part, _ in parts))
        return replace(whole.summary(), frames=sum(frames for _, frames in parts))
