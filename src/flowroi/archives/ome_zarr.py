"""The OME-Zarr archive: an image group whose chunks are the codestreams; version 0.5 in shards, or 0.4 in files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from flowroi.archives.base import Archive, ArchiveLayout, ArchiveWriter, Mask
from flowroi.archives.crc32c import CRC_BYTES, without_crc32c
from flowroi.archives.folder_files import faults_of_files, read_part, read_regular
from flowroi.archives.label_chunks import decode_mask, encode_mask
from flowroi.archives.manifest import (
    COMPLETE_NAME,
    MANIFEST_NAME,
    canonical_json,
    complete_mark,
    read_folder_manifest,
    sha256,
)
from flowroi.archives.ome_zarr_metadata import FRAMES, MASKS, OmeZarrVersion, metadata_files
from flowroi.archives.shard import chunks_per_shard, index_size_bytes, read_chunk
from flowroi.archives.zarr_chunks import ChunkFiles, ChunkWriter, ShardedChunks, chunk_name, shard_name
from flowroi.errors import CorruptDataError
from flowroi.stores import AnyPath

# A mask's file, deflated, is at most a little larger than its pixels.
_SPARE_BYTES = 1 << 16


class OmeZarrWriter(ArchiveWriter):
    """Writes shards as frames come, then the metadata, `manifest.json`, and `COMPLETE`."""

    format = "ome-zarr"
    container = "j2k"
    folder = True
    version: OmeZarrVersion = "0.5"
    # Whether the manifest lists the files that hold the frames.
    lists_frames = True

    def __init__(self, target: Path, layout: ArchiveLayout, *, overwrite: bool) -> None:
        super().__init__(target, layout, overwrite=overwrite)
        self._frames = self._chunks(FRAMES)
        self._masks = self._chunks(MASKS) if layout.keep_masks else None

    def _chunks(self, array: str) -> ChunkWriter:
        return ShardedChunks(self._temporary, array, self.layout.shape[0])

    def _store(self, t: int, data: bytes, mask: Mask | None) -> None:  # noqa: ARG002
        self._frames.append(data)
        if mask is not None and self._masks is not None:
            self._masks.append(encode_mask(mask, self.version))

    def _close(self, sealed_with: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        frames = self._frames.finish()
        files = list(frames) if self.lists_frames else []
        if self._masks is not None:
            files += self._masks.finish()
        for name, data in metadata_files(sealed_with({}), self.version).items():
            (self._temporary / name).parent.mkdir(parents=True, exist_ok=True)
            (self._temporary / name).write_bytes(data)
            files.append({"name": name, "size_bytes": len(data), "sha256": sha256(data)})
        manifest = sealed_with({"files": sorted(files, key=lambda file: file["name"])})
        (self._temporary / MANIFEST_NAME).write_bytes(canonical_json(manifest))
        (self._temporary / COMPLETE_NAME).write_bytes(complete_mark(manifest["digest"]))
        return manifest

    def _abandon(self) -> None:
        self._frames.abandon()
        if self._masks is not None:
            self._masks.abandon()

    def _opened(self, path: Path) -> Archive:
        return OmeZarrArchive(path)


class OmeZarr04Writer(OmeZarrWriter):
    """Writes a file a frame, then the rest."""

    format = "ome-zarr-0.4"
    version = "0.4"
    # Such a file is a frame's stored bytes, whose checksum stands with the frame.
    lists_frames = False

    def _chunks(self, array: str) -> ChunkWriter:
        return ChunkFiles(self._temporary, array)


class OmeZarrArchive(Archive):
    """Reads frames where the manifest says that they are, and needs neither zarr nor a shard's index for it."""

    def __init__(self, path: AnyPath) -> None:
        super().__init__(path, read_folder_manifest(path))
        self.format = self.manifest["archive"]
        self._version: OmeZarrVersion = "0.4" if self.format == "ome-zarr-0.4" else "0.5"
        self._room = chunks_per_shard(len(self))
        # Of every chunk from the first one of the movie on.
        self._starts = list(accumulate((f["size_bytes"] + CRC_BYTES for f in self.manifest["frames"]), initial=0))

    def stored(self, t: int) -> bytes:
        """Return the codestream of frame `t`, unchecked."""
        size = self.manifest["frames"][t]["size_bytes"]
        if self._version == "0.4":
            return read_regular(self.path / chunk_name(FRAMES, t), size)
        number, place = divmod(t, self._room)
        # By the sizes in the manifest: a damaged index, or a shard that was cut, costs no frame that is still there.
        start = self._starts[t] - self._starts[t - place]
        return read_part(self.path / shard_name(FRAMES, number), start, size)

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield files that are missing, not what was written, or of nobody; files of one frame are checked with it."""
        known: dict[str, tuple[int, str] | None] = {
            file["name"]: (file["size_bytes"], file["sha256"]) for file in self.manifest["files"]
        }
        if self._version == "0.4":
            known |= {chunk_name(FRAMES, t): None for t in range(len(self))}
        else:
            yield from self._misfits(known)
        yield from faults_of_files(self.path, {**known, MANIFEST_NAME: None, COMPLETE_NAME: None})

    def _misfits(self, known: dict[str, tuple[int, str] | None]) -> Iterator[tuple[str, str]]:
        """Yield shards of another size than their frames and their index: readers of Zarr see what else is there."""
        for first in range(0, len(self), self._room):
            name = shard_name(FRAMES, first // self._room)
            end = min(first + self._room, len(self))
            expected = self._starts[end] - self._starts[first] + index_size_bytes(self._room)
            seen = known.get(name)
            if seen is not None and seen[0] != expected:
                yield name, f"was written with {seen[0]} bytes; its frames and its index take {expected}"

    def _stored_mask(self, t: int) -> Mask:
        height, width = self.shape[1:]
        if self._version == "0.4":
            chunk: bytes | None = read_regular(self.path / chunk_name(MASKS, t), height * width + _SPARE_BYTES)
        else:
            number, place = divmod(t, self._room)
            chunk = without_crc32c(read_chunk(self.path / shard_name(MASKS, number), place, self._room))
        if chunk is None:
            raise CorruptDataError("checksum mismatch in the stored mask", path=self.path, frame=t)
        try:
            return decode_mask(chunk, (height, width), self._version)
        except CorruptDataError as error:
            raise CorruptDataError(error.message, path=self.path, frame=t) from error
