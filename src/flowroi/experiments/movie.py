"""The movie that an experiment is about: a labelled one that is given, or a synthetic one that is made."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from flowroi.archives.atomic import appearing
from flowroi.archives.manifest import canonical_json, sha256
from flowroi.errors import InvalidParameterError, MissingInputError
from flowroi.evaluation.labels import open_labels
from flowroi.params import check_integer
from flowroi.roi.noise import NOISE_FRAMES, noise_of
from flowroi.sources import open_source
from flowroi.synthetic import synthetic_movie
from flowroi.synthetic.params import SyntheticParams
from flowroi.versions import codec_versions

# Frames of the default movie, and about how many frames of any movie are measured.
DEFAULT_FRAMES = 60
MEASURED_FRAMES = 20
_SYNTHETIC = ("movie.tif", "labels.tif", "clean.npy")


@dataclass(frozen=True, slots=True)
class Movie:
    """A movie on disk, and what an experiment must know of it before anything is measured.

    Attributes
    ----------
    path : Path
    labels, clean : Path or None
        The true cells, and the frames before noise (T, Y, X) float32, where they are known.
    name : str
    shape : (int, int, int)
        (T, Y, X).
    peak : int
        PSNR's, 2**significant_bits - 1.
    noise_sigma : float
        Of the camera, grey levels.
    measured : range
        The frames on which subjects are measured; all are compressed.
    digest : str
        SHA-256 of the movie's files.
    truth_digest : str
        SHA-256 of the labels' and the noise-free frames' files.
    described : dict
        For a report.
    """

    path: Path
    labels: Path | None
    clean: Path | None
    name: str
    shape: tuple[int, int, int]
    peak: int
    noise_sigma: float
    measured: range
    digest: str
    truth_digest: str
    described: dict[str, Any] = field(compare=False)

    def clean_frames(self) -> npt.NDArray[np.float32] | None:
        """Return the frames before noise, mapped, where they are known."""
        return None if self.clean is None else np.load(self.clean, mmap_mode="r", allow_pickle=False)


def given_movie(path: Path, labels: Path | None) -> Movie:
    """Describe a movie that the user has.

    Parameters
    ----------
    path : Path
        See `open_source`.
    labels : Path or None
        The true cells, see `open_labels`; None leaves them to the segmenter.

    Raises
    ------
    InvalidParameterError
        With fewer than two frames, or labels that do not fit.
    MissingInputError, UnsupportedFormatError, CorruptDataError
        If anything cannot be read.
    """
    return _movie(path, labels, None, {})


def default_movie(cache: Path, *, frames: int = DEFAULT_FRAMES, seed: int = 0, **params: Any) -> Movie:
    """Make the synthetic movie of the experiments, or find it made.

    Parameters
    ----------
    cache : Path
        Folder in which a folder for it appears: the movie and its labels as TIFF, and its frames before noise.
    frames : int >= 2, default 60
    seed : int, default 0
    **params
        Fields of `SyntheticParams`.

    Raises
    ------
    InvalidParameterError
        For a parameter out of range.
    """
    check_integer("frames", frames, low=2)
    checked = SyntheticParams(seed=seed, **params)
    described = {"synthetic": {"frames": frames, **asdict(checked)}}
    key = sha256(canonical_json([described, codec_versions()["flowroi"], codec_versions()["numpy"]]))
    folder = cache / f"synthetic-{key[:16]}"
    if not folder.is_dir():
        _make(folder, frames, asdict(checked))
    movie, labels, clean = (folder / name for name in _SYNTHETIC)
    return _movie(movie, labels, clean, described)


def _make(folder: Path, frames: int, params: dict[str, Any]) -> None:
    made = synthetic_movie(frames=frames, **params)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with appearing(folder, folder=True) as unfinished:
        metadata = {"axes": "TYX", "finterval": made.frame_interval_s, "unit": "um"}
        resolution = (1 / made.pixel_size_um, 1 / made.pixel_size_um)
        movie, labels, clean = (unfinished / name for name in _SYNTHETIC)
        tifffile.imwrite(movie, made.frames, imagej=True, resolution=resolution, metadata=metadata)
        true = made.labels.astype(np.uint16)
        tifffile.imwrite(labels, true, imagej=True, metadata={"axes": "TYX"}, compression="zlib")
        np.save(clean, made.clean)


def _movie(path: Path, labels: Path | None, clean: Path | None, described: dict[str, Any]) -> Movie:
    with open_source(path) as source:
        if len(source) < 2:
            raise InvalidParameterError("one frame only; expected at least 2: no motion can be seen", path=path)
        known: tuple[int, ...] = tuple(range(len(source)))
        if labels is not None:
            with open_labels(labels, source) as opened:
                known = opened.frames
        sigma = noise_of([source.read(t) for t in islice(range(len(source)), NOISE_FRAMES)])
        truth = [digest_of(of) for of in (labels, clean) if of is not None]
        return Movie(
            path=path,
            labels=labels,
            clean=clean,
            name=source.name if clean is None else "synthetic ComplexEye movie",
            shape=source.shape,
            peak=2**source.significant_bits - 1,
            noise_sigma=sigma,
            measured=_spread(known, len(source)),
            digest=digest_of(path),
            truth_digest=sha256(canonical_json(truth)),
            described=described or {"path": str(path), "labels": None if labels is None else str(labels)},
        )


def _spread(known: tuple[int, ...], total: int) -> range:
    """Return frames at even distances, about `MEASURED_FRAMES` of them where all are labelled."""
    if len(known) < total:
        # Labels of some frames only: all of them are wanted.
        return range(known[0], known[-1] + 1)
    return range(0, total, -(-total // MEASURED_FRAMES))


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of all files in a folder."""
    if not path.exists():
        raise MissingInputError("no such file or folder; nothing was written", path=path)
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            content = hashlib.file_digest(opened, "sha256").hexdigest()
        name = file.relative_to(path).as_posix() if path.is_dir() else ""
        total.update(f"{name}\0{content}\0".encode("utf-8", "surrogateescape"))
    return total.hexdigest()
