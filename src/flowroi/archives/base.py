"""What every archive offers, to read and to write."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, overload

import numpy as np
import numpy.typing as npt

from flowroi.archives.atomic import discard, publish, temporary_for
from flowroi.archives.manifest import FrameRecord, mask_digest, seal, sha256
from flowroi.codec.decoder import decode
from flowroi.errors import CorruptDataError, FlowRoIError, InvalidParameterError, MissingInputError
from flowroi.params import Container

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
    """Takes encoded frames in order; `finish` makes the archive appear, anything else leaves no trace."""

    format: str
    container: Container

    def __init__(self, target: Path, layout: ArchiveLayout, *, overwrite: bool) -> None:
        self._temporary = temporary_for(target, overwrite=overwrite)
        self.target = target
        self.layout = layout
        self._overwrite = overwrite
        self._records: list[FrameRecord] = []
        self._finished = False

    def add(self, data: bytes, mask: Mask | None = None) -> None:
        """Store the next frame's stream, and its mask where masks are kept."""
        t = len(self._records)
        if t >= self.layout.shape[0]:
            raise InvalidParameterError(f"frame {t} was added to an archive of {self.layout.shape[0]} frames")
        if self.layout.keep_masks and mask is None:
            raise InvalidParameterError("no mask was given, and this archive keeps masks", frame=t)
        kept = mask if self.layout.keep_masks else None
        self._store(t, data, kept)
        self._records.append(FrameRecord.of(self.layout.frame_names[t], data, kept))

    def finish(self, content: dict[str, Any]) -> Path:
        """Add the manifest and rename the archive into place.

        Parameters
        ----------
        content : dict
            The manifest without frames, format and digest; JSON values only.
        """
        if len(self._records) != self.layout.shape[0]:
            raise InvalidParameterError(
                f"{len(self._records)} of {self.layout.shape[0]} frames were added; the archive is not finished"
            )
        self._close(seal({**content, **layout_facts(self.layout, self.format)}, self._records))
        publish(self._temporary, self.target, overwrite=self._overwrite)
        self._finished = True
        return self.target

    @abstractmethod
    def _store(self, t: int, data: bytes, mask: Mask | None) -> None: ...

    @abstractmethod
    def _close(self, manifest: dict[str, Any]) -> None: ...

    @abstractmethod
    def _abandon(self) -> None:
        """Close what is open; the temporary output is removed afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._finished:
            self._abandon()
            discard(self._temporary)


class Archive(ABC):
    """An archive to read: `archive[t]` is frame t, decoded after its checksum was checked.

    Attributes
    ----------
    path : Path
    format : str
        "ome-tiff", "jp2", "mkv", "mp4" or "mkv-folder".
    manifest : dict
        See `docs/format.md`.
    shape : (int, int, int)
        (T, Y, X).
    dtype : dtype
    """

    format: str
    # Whether `codestream(t)` alone decodes to frame t.
    independent_frames: bool = True

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
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
        if sha256(data) != record["sha256"]:
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

    def changed_files(self) -> list[str]:
        """Return the files that are not, byte for byte, what was written, where the archive can tell."""
        return []

    def close(self) -> None:
        """Close files; the archive cannot be read afterwards."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _index(self, t: int) -> int:
        if not -len(self) <= t < len(self):
            raise IndexError(f"frame {t} of an archive of {len(self)} frames")
        return t % len(self)

    def _decoded(self, t: int) -> Frame:
        frame = decode(self.codestream(t))
        if frame.shape != self.shape[1:] or frame.dtype != self.dtype:
            raise CorruptDataError(
                f"decodes to {frame.shape} {frame.dtype}; the manifest says {self.shape[1:]} {self.dtype}",
                path=self.path,
                frame=t,
            )
        return frame
