"""Measures archives of a movie, and other codecs beside them, frame by frame on all cores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.archives import Archive, open_archive
from flowroi.errors import InvalidParameterError
from flowroi.evaluation.compared import Progress, Steps, compared_subjects, described, usual_baselines
from flowroi.evaluation.doubts import MASKS, looks_like_a_mask, of_archives, of_results
from flowroi.evaluation.labels import LabelSource, open_labels
from flowroi.evaluation.materials import coded_text, materials
from flowroi.evaluation.measure import FrameMeasure, Yardstick
from flowroi.evaluation.pool import Task, measure_all
from flowroi.evaluation.results import SubjectResult
from flowroi.evaluation.subjects import FromArchive, Raw, Repeat, Subject
from flowroi.limits import DEFAULT_MAX_PIXELS
from flowroi.params import check_integer
from flowroi.roi.noise import NOISE_FRAMES, noise_of
from flowroi.segmenters import Segmenter
from flowroi.sources import Source, open_source
from flowroi.sources.names import text_name
from flowroi.sources.pixels import bits_of
from flowroi.stores import AnyPath, StorePath

_LABELLED = "label images"
_SEGMENTED = "what {} finds on the raw frames"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Archives and baselines of one movie, measured.

    Attributes
    ----------
    name : str
        Of the movie.
    shape : (int, int, int)
        (T, Y, X).
    dtype : str
    peak : int
        PSNR's, 2**significant_bits - 1.
    pixel_size_um, frame_interval_s : float or None
    truth : str
        What the true cells are: label images, or what the segmenter finds on the raw frames.
    segmenter : dict or None
        See `Segmenter.describe`.
    noise_sigma : float
        The camera's, as measured on the movie, grey levels.
    curve_frames : tuple of int
        The frames on which baselines were measured, and on which archives are compared with them.
    subjects : tuple of SubjectResult
        The raw movie, the movie recorded again, the archives, the baselines.
    warnings : tuple of str
    codecs : tuple of dict
        What the baselines say of themselves, in the order asked for; the cap is none of them.
    """

    name: str
    shape: tuple[int, int, int]
    dtype: str
    peak: int
    pixel_size_um: float | None
    frame_interval_s: float | None
    truth: str
    segmenter: dict[str, Any] | None
    noise_sigma: float
    curve_frames: tuple[int, ...]
    subjects: tuple[SubjectResult, ...]
    warnings: tuple[str, ...]
    codecs: tuple[dict[str, Any], ...] = ()

    def of_kind(self, kind: str) -> tuple[SubjectResult, ...]:
        """Return the subjects of one kind, in their order."""
        return tuple(subject for subject in self.subjects if subject.kind == kind)

    def curve(self, baseline: str) -> tuple[SubjectResult, ...]:
        """Return the points of one baseline."""
        return tuple(s for s in self.of_kind("baseline") if s.key.split(":")[0] == baseline)


def run_evaluation(
    source: str | PathLike[str] | npt.NDArray[Any],
    archives: Sequence[str | PathLike[str]],
    *,
    labels: str | PathLike[str] | npt.NDArray[Any] | None = None,
    clean: npt.NDArray[np.float32] | None = None,
    segmenter: Segmenter | None = None,
    baselines: Sequence[str] | None = None,
    rates: Sequence[float] | None = None,
    curve_frames: int = 12,
    frames: range | None = None,
    repeat: bool = True,
    ssim: bool = True,
    workers: int | None = None,
    pattern: str | None = None,
    channel: int | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure archives against the movie that they were made of.

    Parameters
    ----------
    source : path or ndarray
        The raw movie; see `open_source`.
    archives : sequence of path
        Archives of it; may be empty.
    labels : path or ndarray, optional
        The true cells; see `open_labels`. By default what the segmenter finds on the raw frames.
    clean : ndarray, shape (T, Y, X), optional
        The movie before noise, where it is known.
    segmenter : Segmenter, optional
        Looks for the cells on every frame of every subject.
    baselines : sequence of str, optional
        Codecs to compare with, see `open_baseline` and, for those that code whole movies, `PlainVideo`; "cap" is our
        encoder told the true cells and hardly anything else. By default "openjpeg" and "cap", and "svt-av1" where an
        archive is coded from frame to frame.
    rates : sequence of float > 1, optional
        Where the baselines are measured, or near to it; by default all around the archives' own rates.
    curve_frames : int >= 1, default 12
        At most so many frames, spread over the movie, are coded with the baselines.
    frames : range, optional
        Which frames of the movie to measure; all by default.
    repeat : bool, default True
        Also measure the movie as if it were recorded again.
    ssim : bool, default True
    workers : int, optional
        Processes; all cores by default. They do not change the figures.
    pattern, channel, max_pixels
        See `open_source`.
    progress : callable, optional
        Called with (steps done, steps in all): frames measured, and frames coded with plain video codecs.

    Returns
    -------
    Evaluation

    Raises
    ------
    InvalidParameterError
        If labels or archives do not fit the movie, or there are neither labels nor a segmenter.
    MissingInputError, UnsupportedFormatError, CorruptDataError
        If anything cannot be read.
    MissingDependencyError
        If a codec that was asked for is not installed.

    Notes
    -----
    Workers are new processes: a script that calls this needs the usual `if __name__ == "__main__":`.
    """
    with open_source(source, pattern=pattern, channel=channel, max_pixels=max_pixels) as opened:
        return run_evaluation_of(
            opened,
            archives,
            labels=labels,
            clean=clean,
            segmenter=segmenter,
            baselines=baselines,
            rates=rates,
            curve_frames=curve_frames,
            frames=frames,
            repeat=repeat,
            ssim=ssim,
            workers=workers,
            progress=progress,
        )


def run_evaluation_of(
    opened: Source,
    archives: Sequence[str | PathLike[str] | StorePath],
    *,
    names: Sequence[str] | None = None,
    labels: str | PathLike[str] | npt.NDArray[Any] | None = None,
    clean: npt.NDArray[np.float32] | None = None,
    segmenter: Segmenter | None = None,
    baselines: Sequence[str] | None = None,
    rates: Sequence[float] | None = None,
    curve_frames: int = 12,
    frames: range | None = None,
    repeat: bool = True,
    ssim: bool = True,
    workers: int | None = None,
    pool: Executor | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Do what `run_evaluation` does, with a movie that is open already.

    `names` are those of the archives, and `pool` has processes for it, see `measure_all`.
    """
    check_integer("curve_frames", curve_frames, low=1)
    if workers is not None:
        check_integer("workers", workers, low=1, high=1024)
    if labels is None and segmenter is None:
        raise InvalidParameterError("there are neither labels nor a segmenter to tell where the cells are; give one")
    with ExitStack() as stack:
        truth = None if labels is None else stack.enter_context(open_labels(labels, opened))
        read = [stack.enter_context(open_archive(path)) for path in archives]
        for archive in read:
            _check_fit(archive, opened)
        chosen = _chosen(opened, truth, frames)
        places = np.linspace(0, len(chosen) - 1, min(curve_frames, len(chosen)))
        curve = tuple(chosen[place] for place in np.unique(places.astype(int)))
        bits = opened.significant_bits
        if opened.dtype.itemsize > 1:
            # Told by some of the frames, it may not do for all.
            bits = max(bits, bits_of(opened.read(t) for t in chosen))
        sigma = noise_of([opened.read(t) for t in islice(range(len(opened)), NOISE_FRAMES)])
        steady: list[Subject] = [Raw()]
        if repeat and segmenter is not None:
            steady.append(Repeat(sigma, bits))
        names = _names([archive.path for archive in read]) if names is None else names
        steady += [FromArchive(f"archive:{n}", names[n], coded=coded_text(a)) for n, a in enumerate(read)]
        keys = usual_baselines(read) if baselines is None else tuple(dict.fromkeys(baselines))
        codecs = described(keys, read)
        steps = Steps(progress, len(chosen))
        compared, warnings = compared_subjects(stack, opened, keys, read, rates, bits, curve, workers, steps)
        by = Yardstick(segmenter, 2**bits - 1, ssim)
        measured: dict[str, list[FrameMeasure]] = {subject.key: [] for subject in (*steady, *compared)}
        masks_for_labels: list[bool] = []

        def tasks() -> Iterator[Task]:
            for material in materials(opened, chosen, truth, clean, read):
                if material.labels is not None:
                    masks_for_labels.append(looks_like_a_mask(material.labels))
                yield material, (*steady, *compared) if material.t in curve else tuple(steady)

        for frame in measure_all(tasks(), by, workers, pool):
            for key, measure in frame.items():
                measured[key].append(measure)
            steps.done(1)
        results, missing = _results([*steady, *compared], measured, chosen, curve, by.peak)
        warnings += missing + of_archives(read, names, opened) + of_results(results, truth is not None)
        warnings += [MASKS] if masks_for_labels and all(masks_for_labels) else []
        return Evaluation(
            name=opened.name,
            shape=opened.shape,
            dtype=str(opened.dtype),
            peak=by.peak,
            pixel_size_um=opened.pixel_size_um,
            frame_interval_s=opened.frame_interval_s,
            truth=_LABELLED if segmenter is None or truth is not None else _SEGMENTED.format(segmenter.name),
            segmenter=None if segmenter is None else segmenter.describe(),
            noise_sigma=sigma,
            curve_frames=curve,
            subjects=results,
            warnings=(*opened.warnings, *warnings),
            codecs=tuple(codecs),
        )


def _chosen(source: Source, labels: LabelSource | None, frames: range | None) -> list[int]:
    """Return the frames to measure: those asked for, as far as there are labels for them."""
    wanted = range(len(source)) if frames is None else frames
    if not wanted or wanted.start < 0 or wanted.stop > len(source):
        raise InvalidParameterError(f"frames {wanted.start}:{wanted.stop}; expected some within 0:{len(source)}")
    chosen = list(wanted) if labels is None else [t for t in labels.frames if t in wanted]
    if not chosen:
        raise InvalidParameterError("none of the frames has labels", path=source.path)
    return chosen


def _check_fit(archive: Archive, source: Source) -> None:
    if archive.shape != source.shape or archive.dtype != source.dtype:
        raise InvalidParameterError(
            f"the archive holds {archive.shape} {archive.dtype}; the movie is {source.shape} {source.dtype}: "
            "expected an archive of this movie",
            path=archive.path,
        )


def _names(paths: list[AnyPath]) -> list[str]:
    """Return a name for each archive, longer where file names alone are not unique."""
    short = [text_name(path.name) for path in paths]
    return [name if short.count(name) == 1 else text_name(str(path)) for name, path in zip(short, paths, strict=True)]


def _results(
    subjects: Sequence[Subject],
    measured: dict[str, list[FrameMeasure]],
    frames: Sequence[int],
    curve: Sequence[int],
    peak: int,
) -> tuple[tuple[SubjectResult, ...], list[str]]:
    """Return the subjects that were measured whole, and what to tell of the others."""
    results, warnings = [], []
    for subject in subjects:
        expected = curve if subject.kind == "baseline" else frames
        rows = tuple(measured[subject.key])
        if len(rows) < len(expected):
            warnings.append(f"{subject.name} cannot go to {subject.rate:g}:1 on every frame: left out of its curve")
            continue
        results.append(SubjectResult(subject.key, subject.name, subject.kind, subject.rate, peak, rows, subject.coded))
    return tuple(results), warnings
