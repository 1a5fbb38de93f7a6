"""An archive against the raw data that it was made of: which files a person may delete, and which not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import numpy as np

from flowroi.archives import Archive, open_archive
from flowroi.archives.folder_files import names_within
from flowroi.errors import FlowRoIError, UnsupportedFormatError
from flowroi.resources import available_cores
from flowroi.sources import Source, open_source
from flowroi.stores import AnyPath, StorePath, as_path
from flowroi.verification import Verification, verify

Progress = Callable[[int, int], None]
# Nothing that we write errs by so many times a frame's variance: it is another frame.
_ANOTHER = 4.0
_SQUARES = 64.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of comparing.

    Attributes
    ----------
    archive, against : str
    verification : Verification
        Of the archive, which comes first.
    safe : tuple of Path or StorePath
        Files of which the archive holds every frame, sound, and made of the very bytes that the file has now.
    kept : tuple of (Path or StorePath, str)
        Files of which that cannot be said, and why; of a folder, those too that the archive was not made of.
    differences : tuple of str
        What is not the same between the archive and the raw data as a whole.
    least_psnr : float or None
        Of all pixels of the worst frame, dB; None where all frames are exact, or none could be compared.
    """

    archive: str
    against: str
    verification: Verification
    safe: tuple[AnyPath, ...]
    kept: tuple[tuple[AnyPath, str], ...]
    differences: tuple[str, ...]
    least_psnr: float | None

    @property
    def all_safe(self) -> bool:
        """Whether the raw data may be deleted as a whole."""
        return bool(self.safe) and not (self.kept or self.differences or self.verification.faults)


def compare(
    path: str | PathLike[str] | StorePath,
    against: str | PathLike[str] | StorePath,
    *,
    pattern: str | None = None,
    channel: int | None = None,
    max_pixels: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Verify an archive, and compare it with the raw movie; neither is changed, and nothing is deleted.

    Parameters
    ----------
    path : path or URL
        An archive of ours.
    against : path or URL
        The raw movie.
    pattern, channel, max_pixels : optional
        See `open_source`; by default what the archive was made with.
    workers : int, optional
        Threads; all cores by default.
    progress : callable, optional
        Called with (frames done, frames in all), of both passes together.

    Raises
    ------
    FlowRoIError
        If one of them cannot be opened.

    Examples
    --------
    >>> import flowroi, numpy as np, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/raw.npy", np.zeros((2, 32, 32), np.uint8))
    ...     report = flowroi.compress(f"{folder}/raw.npy", f"{folder}/a.ome.tif", lossless="all", roi_method="none")
    ...     found = compare(f"{folder}/a.ome.tif", f"{folder}/raw.npy")
    >>> [file.name for file in found.safe], found.all_safe
    (['raw.npy'], True)
    """
    with open_archive(path) as archive:
        given = reading_of(archive.manifest, pattern, channel, max_pixels)
    with open_source(against, **given) as source:
        found = compare_with(as_path(path), source, workers=workers, progress=progress)
        return replace(found, kept=(*found.kept, *unread(as_path(against), source.files)))


def reading_of(
    manifest: dict[str, Any], pattern: str | None, channel: int | None, max_pixels: int | None
) -> dict[str, Any]:
    """Return how raw data is to be read: as asked for, else as an archive's manifest says that it was."""
    job = (manifest["settings"] or {}).get("job", {})
    given = {
        "pattern": job.get("pattern") if pattern is None else pattern,
        "channel": job.get("channel") if channel is None else channel,
    }
    return given if max_pixels is None else {**given, "max_pixels": max_pixels}


def unread(folder: AnyPath, files: Iterable[AnyPath]) -> Iterator[tuple[AnyPath, str]]:
    """Yield what a folder holds beside the files that were read, with the reason to keep it; nothing where it is none.

    A pattern, a channel or the readers leave files out, and the folder as a whole is more than the movie.
    """
    if isinstance(folder, StorePath) and not folder.lists:
        yield folder, "the server does not tell what else is there"
    elif folder.is_dir():
        read = set(files)
        for name in names_within(folder):
            if folder / name not in read:
                yield folder / name, "it is not among the files that the archive was made of"


def compare_with(
    path: AnyPath, source: Source, *, workers: int | None = None, progress: Progress | None = None
) -> Comparison:
    """Do what `compare` does, with a raw movie that is open already."""
    if source.path is None or not source.files:
        raise UnsupportedFormatError("an array in memory has no files; expected a path to compare with")
    with open_archive(path) as archive:
        frames = len(archive)

        def tell(base: int) -> Progress | None:
            return None if progress is None else lambda done, _: progress(base + done, 2 * frames)

        verification = verify(path, workers=workers, progress=tell(0))
        whole = list(_whole_differences(archive, source))
        reasons = dict(_changed_files(archive, source))
        psnrs: list[float] = []
        if not whole:
            for t, reason, psnr in _frames(archive, source, verification, workers or available_cores(), tell(frames)):
                psnrs.append(psnr)
                if reason is not None:
                    reasons.setdefault(source.file_of(t), f"frame {t} {reason}")
        if source.left_out is not None:
            whole.append(f"the raw files hold more than what was archived: {source.left_out}")
        if any(fault.frame is None for fault in verification.faults):
            whole.append("the archive itself is damaged")
    least = min(psnrs, default=math.inf)
    kept = [(file, reasons.get(file) or whole[0]) for file in source.files if file in reasons or whole]
    safe = () if whole else tuple(file for file in source.files if file not in reasons)
    return Comparison(
        archive=str(path),
        against=str(source.path),
        verification=verification,
        safe=safe,
        kept=tuple(kept),
        differences=tuple(whole),
        least_psnr=least if math.isfinite(least) else None,
    )


def _whole_differences(archive: Archive, source: Source) -> Iterator[str]:
    """Yield what makes the two another movie."""
    if archive.shape != source.shape or archive.dtype != source.dtype:
        yield (
            f"the raw movie has {source.shape} {source.dtype}, the archive {archive.shape} {archive.dtype} (frames, "
            "rows, columns)"
        )
    names = tuple(record["name"] for record in archive.manifest["frames"])
    if len(names) == len(source) and names != source.frame_names:
        t = next(t for t, pair in enumerate(zip(names, source.frame_names, strict=True)) if pair[0] != pair[1])
        yield f"frame {t} is {names[t]!r} in the archive, {source.frame_names[t]!r} in the raw movie"


def _changed_files(archive: Archive, source: Source) -> Iterator[tuple[AnyPath, str]]:
    """Yield the raw files that are not, in this place, the bytes that the archive says it was made of."""
    known = archive.manifest["source"]["files"]
    for n, (file, facts) in enumerate(zip(source.files, source.provenance(), strict=True)):
        recorded = known[n] if n < len(known) else None
        if recorded is None:
            yield file, "the archive does not know it"
        elif (facts["size_bytes"], facts["sha256"]) != (recorded["size_bytes"], recorded["sha256"]):
            yield (
                file,
                f"the archive was made of other bytes (SHA-256 {recorded['sha256'][:16]}…, {recorded['name']!r})",
            )


def _frames(
    archive: Archive, source: Source, verification: Verification, workers: int, progress: Progress | None
) -> Iterator[tuple[int, str | None, float]]:
    """Yield every frame, why it is not safe or None, and its PSNR in dB."""
    bad = set(verification.bad_frames)
    peak = 2 ** archive.manifest["significant_bits"] - 1
    exact = not archive.manifest["lossy"]

    def one(t: int) -> tuple[int, str | None, float]:
        if t in bad:
            return t, "is damaged in the archive", math.inf
        try:
            coded, raw = archive[t], source.read(t)
        except FlowRoIError as error:
            return t, f"cannot be compared ({error.message})", math.inf
        mse = float(np.mean(np.square(coded.astype(np.float32) - raw), dtype=np.float64))
        if exact and not np.array_equal(coded, raw):
            return t, "is not exact, and the archive says that it is lossless", math.inf
        if mse > _ANOTHER * float(raw.var(dtype=np.float64)) + _SQUARES * (peak / 255) ** 2:
            return t, "looks nothing like the raw frame", math.inf
        return t, None, 10 * math.log10(peak**2 / mse) if mse else math.inf

    # Raw frames are large: a few at a time.
    step = 4 * workers
    with ThreadPoolExecutor(workers, thread_name_prefix="flowroi") as pool:
        for first in range(0, len(archive), step):
            yield from pool.map(one, range(first, min(first + step, len(archive))))
            if progress is not None:
                progress(min(first + step, len(archive)), len(archive))
