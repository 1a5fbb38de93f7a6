"""Whether an archive is still what was written: what `flowroi verify` finds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from os import PathLike

from flowroi.archives import Archive, open_archive
from flowroi.params import check_integer
from flowroi.resources import available_cores
from flowroi.stores import StorePath


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in an archive that is not what was written: of a frame, or of what holds the frames (`frame` None)."""

    frame: int | None
    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found.

    Attributes
    ----------
    path : str
    frames : int
        That the archive holds.
    faults : tuple of Fault
        In order of the frames.
    """

    path: str
    frames: int
    faults: tuple[Fault, ...]

    @property
    def bad_frames(self) -> tuple[int, ...]:
        """The frames that are damaged or missing."""
        return tuple(fault.frame for fault in self.faults if fault.frame is not None)


def verify(
    path: str | PathLike[str] | StorePath,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Verification:
    """Read and decode every frame of an archive, and check all that has a checksum.

    Parameters
    ----------
    path : path or URL
        An archive of ours.
    workers : int, optional
        Threads; all cores by default.
    progress : callable, optional
        Called with (frames done, frames in all).

    Raises
    ------
    MissingInputError, UnsupportedFormatError, CorruptDataError
        If it cannot be opened: it is not there, not an archive of ours, or its manifest is damaged.

    Examples
    --------
    >>> import flowroi, numpy as np, tempfile
    >>> movie = np.zeros((2, 32, 32), np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = flowroi.compress(movie, f"{folder}/a.ome.tif", lossless="all", roi_method="none")
    ...     verify(f"{folder}/a.ome.tif").bad_frames
    ()
    """
    if workers is not None:
        check_integer("workers", workers, low=1, high=1024)
    with open_archive(path) as archive:
        faults: list[Fault] = []
        done = 0
        for group, found in _in_parallel(archive, workers or available_cores()):
            faults += found
            done += len(group)
            if progress is not None:
                progress(done, len(archive))
        faults += [Fault(None, name, message) for name, message in archive.faults()]
        return Verification(str(archive.path), len(archive), tuple(faults))


def _in_parallel(archive: Archive, workers: int) -> Iterator[tuple[range, list[Fault]]]:
    pending: deque[tuple[range, Future[list[Fault]]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="flowroi") as pool:
        try:
            for group in archive.groups():
                pending.append((group, pool.submit(_faults, archive, group)))
                if len(pending) > 2 * workers:
                    first, result = pending.popleft()
                    yield first, result.result()
            while pending:
                first, result = pending.popleft()
                yield first, result.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _faults(archive: Archive, group: range) -> list[Fault]:
    return [
        Fault(t, archive.manifest["frames"][t]["name"], error.message) for t, error in sorted(archive.damaged(group))
    ]
