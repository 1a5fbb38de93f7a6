"""What every archive offers, to read and to write."""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, overload

import numpy as np
import numpy.typing as npt

from flowroi.archives.atomic import Unfinished, to_disk
from flowroi.archives.manifest import FrameRecord, mask_digest, pixels_digest, seal, sha256
from flowroi.archives.ownership import refuse_foreign
from flowroi.codec.decoder import decode
from flowroi.errors import (
    CorruptDataError,
    FlowRoIError,
    InvalidParameterError,
    MissingInputError,
    UnsupportedFormatError,
    VerificationError,
)
from flowroi.params import Container
from flowroi.stores import AnyPath
from flowroi.versions import codec_versions

Frame = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ArchiveLayout:
    """What a writer must know before the first frame.

    Parameters
    ----------
    shape : (int, int, int)
        (T, Y, X).
    dtype : str
        "uint8" or "uint16".
    significant_bits : int
        Bits that samples use.
    name : str
        Of the movie, for people.
    frame_names : tuple of str
        One a frame, unique.
    pixel_size_um, frame_interval_s : float, optional
        Where known.
    keep_masks : bool
        Whether every frame comes with its mask.
    """

    shape: tuple[int, int, int]
    dtype: Literal["uint8", "uint16"]
    significant_bits: int
    name: str
    frame_names: tuple[str, ...]
    pixel_size_um: float | None = None
    frame_interval_s: float | None = None
    keep_masks: bool = False


def layout_facts(layout: ArchiveLayout, archive_format: str) -> dict[str, Any]:
    """Return what the manifest says of an archive's layout."""
    return {
        "archive": archive_format,
        "name": layout.name,
        "shape": list(layout.shape),
        "dtype": layout.dtype,
        "significant_bits": layout.significant_bits,
        "pixel_size_um": layout.pixel_size_um,
        "frame_interval_s": layout.frame_interval_s,
        "masks_kept": layout.keep_masks,
    }


class ArchiveWriter(ABC):
    """Takes encoded frames in order; `finish` makes the archive appear, anything else leaves no trace.

    Nothing appears before it was flushed to the disk, read back, and found to be what was meant.
    """

    format: str
    container: Container
    # Whether the archive is a folder.
    folder: bool = False

    def __init__(self, target: Path, layout: ArchiveLayout, *, overwrite: bool) -> None:
        self._unfinished = Unfinished(target, folder=self.folder, overwrite=overwrite, refuse=refuse_foreign)
        self._temporary = self._unfinished.path
        self.target = target
        self.layout = layout
        self._records: list[FrameRecord] = []
        self._finished = False

    def add(self, data: bytes, mask: Mask | None = None, *, pixels_sha256: str) -> None:
        """Store the next frame's stream, and its mask where masks are kept.

        Parameters
        ----------
        data : bytes
        mask : ndarray, shape (Y, X), bool, optional
        pixels_sha256 : str
            `pixels_digest` of what the stream decodes to.
        """
        t = len(self._records)
        if t >= self.layout.shape[0]:
            raise InvalidParameterError(f"frame {t} was added to an archive of {self.layout.shape[0]} frames")
        if self.layout.keep_masks and mask is None:
            raise InvalidParameterError("no mask was given, and this archive keeps masks", frame=t)
        kept = mask if self.layout.keep_masks else None
        # Before the data go anywhere: what happens to them on their way must not fit.
        self._records.append(FrameRecord.of(self.layout.frame_names[t], data, pixels_sha256, kept))
        self._store(t, data, kept)

    def finish(self, content: dict[str, Any]) -> Path:
        """Add the manifest, read everything back, and rename the archive into place.

        Parameters
        ----------
        content : dict
            The manifest without what the writer knows: frames, files, format and digest; JSON values only.

        Raises
        ------
        VerificationError
            If what stands on the disk is not what was meant; nothing appears then.
        """
        if len(self._records) != self.layout.shape[0]:
            raise InvalidParameterError(
                f"{len(self._records)} of {self.layout.shape[0]} frames were added; the archive is not finished"
            )
        facts = layout_facts(self.layout, self.format)
        manifest = self._close(lambda more: seal({"files": [], **content, **facts, **more}, self._records))
        to_disk(self._temporary)
        read_back(self._temporary, manifest, self._opened)
        self._unfinished.publish()
        self._finished = True
        return self.target

    @abstractmethod
    def _store(self, t: int, data: bytes, mask: Mask | None) -> None: ...

    @abstractmethod
    def _close(self, sealed_with: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        """Write what is left, the manifest and, in a folder, COMPLETE last; return the manifest as it was meant.

        `sealed_with` makes the manifest of what the writer adds to it, such as `files`.
        """

    @abstractmethod
    def _abandon(self) -> None:
        """Close what is open; the temporary output is removed afterwards."""

    @abstractmethod
    def _opened(self, path: Path) -> Archive:
        """Open the archive that was written, under its temporary name."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._finished:
            self._abandon()
            self._unfinished.discard()


def read_back(path: Path, meant: dict[str, Any], opened: Callable[[Path], Archive]) -> None:
    """Raise VerificationError unless an archive, read from the disk, is what was meant.

    Parameters
    ----------
    path : Path
        Where it stands, flushed.
    meant : dict
        Its manifest.
    opened : callable
        Opens the archive.
    """
    _forget_pages(path)
    try:
        with opened(path) as archive:
            if archive.manifest != meant:
                raise VerificationError("the manifest read back is not the one that was written", path=path)
            for group in archive.groups():
                for _, error in archive.stored_faults(group):
                    raise error
            for name, message in archive.faults():
                raise CorruptDataError(f"{name} {message}", path=path)
    except (CorruptDataError, MissingInputError, UnsupportedFormatError) as error:
        raise VerificationError(
            f"what was read back is not what was written ({error.message}); nothing was kept: check the disk and the "
            "memory, then start again",
            path=error.path,
            frame=error.frame,
        ) from error


def _forget_pages(path: Path) -> None:
    """Let the next reading come from the disk, where the system agrees."""
    if path.is_dir():
        for file in path.rglob("*"):
            if file.is_file():
                _forget_pages(file)
        return
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)


class Archive(ABC):
    """An archive to read: `archive[t]` is frame t, decoded after its checksum was checked.

    Attributes
    ----------
    path : Path or StorePath
    format : str
        "ome-tiff", "ome-zarr", "ome-zarr-0.4", "jp2", "mkv", "mp4" or "mkv-folder".
    manifest : dict
        See `docs/format.md`.
    shape : (int, int, int)
        (T, Y, X).
    dtype : dtype
    """

    format: str
    # Whether `codestream(t)` alone decodes to frame t.
    independent_frames: bool = True

    def __init__(self, path: AnyPath, manifest: dict[str, Any]) -> None:
        self.path = path
        self.manifest = manifest
        t, y, x = manifest["shape"]
        self.shape: tuple[int, int, int] = (t, y, x)
        self.dtype = np.dtype(manifest["dtype"])

    @abstractmethod
    def stored(self, t: int) -> bytes:
        """Return the bytes stored for frame `t`, unchecked."""

    @abstractmethod
    def _stored_mask(self, t: int) -> Mask: ...

    def codestream(self, t: int) -> bytes:
        """Return the stream stored for frame `t`; raises CorruptDataError if it is not what was written."""
        return self._checked(t, self.stored(t))

    def _checked(self, t: int, data: bytes) -> bytes:
        record = self.manifest["frames"][t]
        if len(data) != record["size_bytes"] or sha256(data) != record["sha256"]:
            raise CorruptDataError(
                f"checksum mismatch: {len(data)} bytes stored, {record['size_bytes']} written", path=self.path, frame=t
            )
        return data

    def roi(self, t: int) -> Mask:
        """Return the mask of frame `t`, (Y, X) bool; raises MissingInputError where masks were not kept."""
        if not self.manifest["masks_kept"]:
            raise MissingInputError(
                "this archive holds no masks: compress with --keep-masks to keep them", path=self.path
            )
        t = self._index(t)
        mask = self._stored_mask(t)
        if mask_digest(mask) != self.manifest["frames"][t]["mask_sha256"]:
            raise CorruptDataError("checksum mismatch in the mask", path=self.path, frame=t)
        return mask

    @overload
    def __getitem__(self, t: int) -> Frame: ...
    @overload
    def __getitem__(self, t: slice) -> Frame: ...

    def __getitem__(self, t: int | slice) -> Frame:
        if isinstance(t, slice):
            chosen = range(*t.indices(len(self)))
            if not chosen:
                return np.empty((0, *self.shape[1:]), self.dtype)
            return np.stack([self._decoded(i) for i in chosen])
        return self._decoded(self._index(t))

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Frame]:
        return (self._decoded(t) for t in range(len(self)))

    def groups(self) -> Iterator[range]:
        """Yield the frames, in order, as they are decoded: those that need each other together."""
        return (range(t, t + 1) for t in range(len(self)))

    def damaged(self, group: range) -> Iterator[tuple[int, FlowRoIError]]:
        """Read and decode a group of frames, and their masks; yields those that are not what was written, with why."""
        for t in group:
            try:
                self._decoded(t)
                if self.manifest["masks_kept"]:
                    self.roi(t)
            except FlowRoIError as error:
                yield t, error

    def stored_faults(self, group: range) -> Iterator[tuple[int, FlowRoIError]]:
        """Read a group of frames as they are stored; yields those that are not what was written, with why."""
        for t in group:
            try:
                self.codestream(t)
                if self.manifest["masks_kept"]:
                    self.roi(t)
            except FlowRoIError as error:
                yield t, error

    @abstractmethod
    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield what is not, byte for byte, what was written, beside the frames: a file's name, and what is wrong."""

    def is_intact(self) -> bool:
        """Whether all stored bytes are what was written; nothing is decoded."""
        try:
            return not any(any(self.stored_faults(group)) for group in self.groups()) and not any(self.faults())
        except FlowRoIError:
            return False

    def close(self) -> None:
        """Close files; the archive cannot be read afterwards."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _may_round_otherwise(self) -> bool:
        """Whether another decoder than here proved the lossy frames: the standard leaves it some freedom."""
        if not (self.independent_frames and self.manifest["lossy"]):
            return False
        return bool(self.manifest["codecs"].get("openjpeg") != codec_versions()["openjpeg"])

    def _index(self, t: int) -> int:
        if not -len(self) <= t < len(self):
            raise IndexError(f"frame {t} of an archive of {len(self)} frames")
        return t % len(self)

    def _decoded(self, t: int) -> Frame:
        frame = decode(self.codestream(t), max_pixels=math.prod(self.shape[1:]))
        self._check_frame(t, frame)
        return frame

    def _check_frame(self, t: int, frame: Frame) -> None:
        """Raise CorruptDataError if a decoded frame is not the one that was proven when it was written."""
        if frame.shape != self.shape[1:] or frame.dtype != self.dtype:
            raise CorruptDataError(
                f"decodes to {frame.shape} {frame.dtype}; the manifest says {self.shape[1:]} {self.dtype}",
                path=self.path,
                frame=t,
            )
        expected = self.manifest["frames"][t].get("pixels_sha256")
        if expected is not None and pixels_digest(frame) != expected and not self._may_round_otherwise():
            raise CorruptDataError(
                "the stored bytes are what was written, but decode to other pixels: a fault of the decoder or of the "
                "memory, or another decoder's rounding",
                path=self.path,
                frame=t,
            )
