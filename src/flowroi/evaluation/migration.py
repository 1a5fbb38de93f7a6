"""Tracking and migration on what the segmenter finds: archives, and the movie recorded again, against the raw movie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.evaluation.results import SubjectResult
from flowroi.evaluation.run import Evaluation
from flowroi.metrics.migration import Migration, measure_migration
from flowroi.metrics.migration_comparison import MigrationComparison, compare_migration
from flowroi.metrics.tracking import Tracks, link_frames

# Fewer frames make no track worth the name.
_LEAST_FRAMES = 5


@dataclass(frozen=True, slots=True)
class SubjectMigration:
    """One subject's tracks and migration, and how they compare with the raw movie's (None for that itself)."""

    subject: SubjectResult
    tracks: Tracks
    migration: Migration
    comparison: MigrationComparison | None


def migration_of(evaluation: Evaluation) -> tuple[SubjectMigration, ...]:
    """Link the cells found on the raw movie, on the movie recorded again and on the archives, and compare.

    Parameters
    ----------
    evaluation : Evaluation
        With a segmenter; its frames have to follow one another.

    Returns
    -------
    tuple of SubjectMigration
        The raw movie first; empty where the frames do not make tracks: without a segmenter, with gaps, or fewer than 5.
    """
    subjects = [s for s in evaluation.subjects if s.kind != "baseline"]
    frames = [measure.t for measure in subjects[0].frames]
    consecutive = frames == list(range(frames[0], frames[0] + len(frames)))
    if evaluation.segmenter is None or len(frames) < _LEAST_FRAMES or not consecutive:
        return ()
    units: dict[str, Any] = {"pixel_size_um": evaluation.pixel_size_um, "frame_interval_s": evaluation.frame_interval_s}
    found: list[SubjectMigration] = []
    for subject in subjects:
        tracks = link_frames([measure.found for measure in subject.frames if measure.found is not None])
        migration = measure_migration(tracks, **units)
        comparison = compare_migration(found[0].tracks, tracks, **units) if found else None
        found.append(SubjectMigration(subject, tracks, migration, comparison))
    return tuple(found)


def paired_speeds(
    raw: SubjectMigration, other: SubjectMigration
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the mean speeds of the cells that were tracked in both, cell by cell."""
    pairs = () if other.comparison is None else other.comparison.matched
    sides = []
    for place, of in enumerate((raw, other)):
        ids = np.array([pair[place] for pair in pairs], np.int64)
        sides.append(of.migration.mean_speed[np.searchsorted(of.migration.track, ids)])
    return sides[0], sides[1]
