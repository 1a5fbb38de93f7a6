"""Archives and their figures, each made once: what is in the cache is not made again, whoever asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from flowroi.archives import open_archive
from flowroi.archives.atomic import discard_abandoned
from flowroi.archives.manifest import canonical_json, sha256
from flowroi.baselines import open_baseline
from flowroi.compression import compress_as_movie
from flowroi.errors import QualityTargetError
from flowroi.evaluation.measure import FrameMeasure
from flowroi.evaluation.results import SubjectResult
from flowroi.evaluation.run import run_evaluation
from flowroi.evaluation.stored import frame_as_json, frame_of_json, read_json, write_json
from flowroi.evaluation.subjects import CAP, Kind
from flowroi.experiments.configuration import Configuration, Reference, Subject
from flowroi.experiments.movie import Movie
from flowroi.segmenters import Segmenter
from flowroi.versions import codec_versions

Progress = Callable[[int, int], None]
# So many archives are measured in one pass over the movie: the frames are segmented once for all of them, and a run
# that is stopped loses no more than this.
_BATCH = 10


class Workbench:
    """Compresses a movie and measures what came out, through a cache on disk.

    Parameters
    ----------
    movie : Movie
    cache : Path
        Folder of archives and figures, by the SHA-256 of all that they depend on; made if it is not there.
    segmenter : Segmenter or None
    workers : int or None
        Threads and processes; all cores by default.
    progress : callable, optional
        Called with (steps done, steps in all); a step is a frame compressed, or measured on a subject.
    """

    def __init__(
        self,
        movie: Movie,
        cache: Path,
        segmenter: Segmenter | None,
        *,
        workers: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.movie = movie
        self.segmenter = segmenter
        self.workers = workers
        self._progress = progress
        self._steps = 0
        self._total = 0
        self._archives = cache / "archives"
        self._figures = cache / "figures"
        self._versions = codec_versions()
        self._segmenter = None if segmenter is None else segmenter.describe()
        self._keys: dict[Subject | None, str] = {}
        self._read: dict[str, SubjectResult | None] = {}
        for folder in (cache, self._archives, self._figures):
            folder.mkdir(parents=True, exist_ok=True)
            discard_abandoned(folder)

    def prepare(self, wanted: Iterable[Subject]) -> None:
        """Compress and measure what is not in the cache yet.

        Raises
        ------
        FlowRoIError
            As `compress` and `run_evaluation`; what was finished before stays in the cache.
        """
        subjects = list(dict.fromkeys(wanted))
        configurations = [s for s in subjects if isinstance(s, Configuration)]
        references = [s for s in subjects if isinstance(s, Reference) and not self._figure(s).exists()]
        uncoded = [c for c in configurations if not self._archive(c).exists() and not self._refusal(c).exists()]
        unmeasured = [c for c in configurations if not self._figure(c).exists()]
        frames, measured = self.movie.shape[0], len(self.movie.measured)
        self._steps, self._total = 0, frames * len(uncoded) + measured * (len(unmeasured) + len(references))
        for configuration in uncoded:
            self._compress(configuration)
        coded = []
        for configuration in unmeasured:
            if self._refusal(configuration).exists():
                self._keep(configuration, "archive", ())
            else:
                coded.append(configuration)
        for start in range(0, len(coded), _BATCH):
            self._measure(coded[start : start + _BATCH])
        rates = sorted({reference.rate for reference in references})
        if rates or not self._figure(None).exists():
            self._measure_references(rates)

    def archive(self, configuration: Configuration) -> Path | None:
        """Return the archive of a configuration that was prepared; None where its rate is out of reach."""
        path = self._archive(configuration)
        return path if path.exists() else None

    def result(self, subject: Subject) -> SubjectResult | None:
        """Return what was measured on a subject that was prepared; None where its rate is out of reach."""
        return self._stored(subject)

    @property
    def raw(self) -> SubjectResult:
        """What was measured on the movie itself."""
        found = self._stored(None)
        assert found is not None
        return found

    @property
    def frames(self) -> tuple[int, ...]:
        """The frames that were measured."""
        return tuple(frame.t for frame in self.raw.frames)

    def refused(self, subjects: Iterable[Subject]) -> list[str]:
        """Say which of some subjects could not be made, and why."""
        found = []
        for subject in dict.fromkeys(subjects):
            if isinstance(subject, Reference):
                if self.result(subject) is None:
                    found.append(f"{subject.key}: cannot go to this rate on every frame")
            elif self._refusal(subject).exists():
                found.append(f"{subject.name}: {read_json(self._refusal(subject))['error']}")
        return found

    def _compress(self, configuration: Configuration) -> None:
        try:
            compress_as_movie(
                self.movie.path,
                self._archive(configuration),
                workers=self.workers,
                overwrite=True,
                progress=self._within(),
                **configuration.options(),
            )
        except QualityTargetError as error:
            write_json(self._refusal(configuration), {"error": str(error)})
        self._steps += self.movie.shape[0]

    def _measure(self, configurations: Sequence[Configuration]) -> None:
        evaluation = self._evaluated([self._archive(c) for c in configurations], (), [])
        for configuration, result in zip(configurations, evaluation.of_kind("archive"), strict=True):
            self._keep(configuration, "archive", result.frames)
        self._keep(None, "raw", evaluation.subjects[0].frames)
        self._steps += len(self.movie.measured) * len(configurations)

    def _measure_references(self, rates: Sequence[float]) -> None:
        evaluation = self._evaluated([], ("openjpeg", CAP) if rates else (), rates)
        found = {result.key: result for result in evaluation.of_kind("baseline")}
        for rate in rates:
            for reference in (Reference("openjpeg", rate), Reference(CAP, rate)):
                result = found.get(reference.key)
                self._keep(reference, "baseline", () if result is None else result.frames)
        self._keep(None, "raw", evaluation.subjects[0].frames)

    def _evaluated(self, archives: Sequence[Path], baselines: Sequence[str], rates: Sequence[float]) -> Any:
        many = max(len(archives), 2 * len(rates), 1)
        start = self._steps

        def report(done: int, _: int) -> None:
            if self._progress is not None:
                self._progress(min(start + done * many, self._total), self._total)

        return run_evaluation(
            self.movie.path,
            archives,
            labels=self.movie.labels,
            clean=self.movie.clean_frames(),
            segmenter=self.segmenter,
            baselines=baselines,
            rates=list(rates),
            curve_frames=len(self.movie.measured),
            frames=self.movie.measured,
            repeat=False,
            ssim=False,
            workers=self.workers,
            progress=report,
        )

    def _within(self) -> Progress:
        start = self._steps

        def report(done: int, _: int) -> None:
            if self._progress is not None:
                self._progress(start + done, self._total)

        return report

    def _keep(self, subject: Subject | None, kind: Kind, frames: Sequence[FrameMeasure]) -> None:
        write_json(self._figure(subject), {"kind": kind, "frames": [frame_as_json(frame) for frame in frames]})
        self._read.pop(self._figure_key(subject), None)

    def _stored(self, subject: Subject | None) -> SubjectResult | None:
        key = self._figure_key(subject)
        if key not in self._read:
            content = read_json(self._figure(subject))
            frames = tuple(frame_of_json(frame) for frame in content["frames"])
            name = "uncompressed" if subject is None else _name(subject)
            rate = None if subject is None else subject.rate
            result = SubjectResult(key, name, content["kind"], rate, self.movie.peak, frames)
            self._read[key] = result if frames else None
        return self._read[key]

    def _archive_key(self, configuration: Configuration) -> str:
        return _digest(self.movie.digest, configuration.options(), self._versions)

    def _archive(self, configuration: Configuration) -> Path:
        return self._archives / f"{self._archive_key(configuration)}.ome.tif"

    def _refusal(self, configuration: Configuration) -> Path:
        """Name the file that says why there is no archive."""
        return self._archives / f"{self._archive_key(configuration)}.refused.json"

    def _figure_key(self, subject: Subject | None) -> str:
        if subject not in self._keys:
            self._keys[subject] = self._new_key(subject)
        return self._keys[subject]

    def _new_key(self, subject: Subject | None) -> str:
        what: Any = "raw" if subject is None else subject.rate
        if isinstance(subject, Configuration):
            what = self._archive_key(subject)
        elif isinstance(subject, Reference):
            what = [subject.key, open_baseline("openjpeg").describe()]
        measured = self.movie.measured
        return _digest(
            what,
            self.movie.digest,
            self.movie.truth_digest,
            [measured.start, measured.stop, measured.step],
            self._segmenter,
            self._versions,
        )

    def _figure(self, subject: Subject | None) -> Path:
        return self._figures / f"{self._figure_key(subject)}.json"


def _digest(*parts: Any) -> str:
    return sha256(canonical_json(list(parts)))


def _name(subject: Subject) -> str:
    if isinstance(subject, Configuration):
        return subject.name
    return open_baseline("openjpeg").name if subject.codec == "openjpeg" else "cells alone (cap)"


def decoded(path: Path, t: int) -> Any:
    """Return a frame of an archive and its mask."""
    with open_archive(path) as archive:
        return archive[t], archive.roi(t)
