"""Writes video archives: one MKV or MP4 file for the whole movie, or a folder of MKV files, one for each chunk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from flowroi.archives.atomic import PART, Unfinished, hidden_beside, to_disk
from flowroi.archives.base import ArchiveLayout, layout_facts, read_back
from flowroi.archives.contents import VIDEO_FOLDER
from flowroi.archives.manifest import (
    COMPLETE_NAME,
    MANIFEST_NAME,
    FrameRecord,
    canonical_json,
    complete_mark,
    digest_of_file,
    seal,
    sha256,
)
from flowroi.archives.ownership import refuse_foreign
from flowroi.archives.trailer import append_manifest
from flowroi.archives.video import VideoArchive
from flowroi.archives.video_file import MUXERS, Packet, VideoFile, interval_of, write_video
from flowroi.errors import InvalidParameterError, VerificationError
from flowroi.sequence.encoder import SequenceFormat


class CodedPackets(Protocol):
    """A coded chunk: its packets in order of decoding, counted from 0, and the digests of what they decode to."""

    @property
    def packets(self) -> Sequence[Packet]: ...  # noqa: D102
    @property
    def pixels_sha256(self) -> Sequence[str]: ...  # noqa: D102
    def check_unchanged(self) -> None: ...  # noqa: D102


class VideoWriter:
    """Writes a movie; `finish` makes the archive appear, anything else leaves no trace.

    Parameters
    ----------
    target : Path
        `NAME.mkv`, `NAME.mp4`, or a folder, which gets an MKV file for each chunk.
    layout : ArchiveLayout
    sequence : SequenceFormat
    overwrite : bool
    """

    def __init__(self, target: Path, layout: ArchiveLayout, sequence: SequenceFormat, *, overwrite: bool) -> None:
        self.format = format_of_video(target)
        folder = self.format == VIDEO_FOLDER
        self._unfinished = Unfinished(target, folder=folder, overwrite=overwrite, refuse=refuse_foreign)
        self._temporary = self._unfinished.path
        self.target = target
        self.layout = layout
        self.sequence = sequence
        self._muxer = MUXERS.get(target.suffix.lower(), "matroska")
        self._interval_s = interval_of(layout.frame_interval_s)
        self._records: list[FrameRecord] = []
        self._files: list[dict[str, Any]] = []
        self._finished = False

    def write(self, chunks: Iterable[CodedPackets]) -> None:
        """Write the whole movie: its chunks in order; they are gone through several times."""
        if self.format == VIDEO_FOLDER:
            for chunk in chunks:
                self._write_file(self._temporary / f"t{len(self._records):06d}.mkv", [chunk])
        else:
            self._write_file(self._temporary, chunks)
        if len(self._records) != self.layout.shape[0]:
            raise VerificationError(
                f"the encoder wrote {len(self._records)} packets for {self.layout.shape[0]} frames; nothing was kept",
                path=self.target,
            )

    def _write_file(self, path: Path, chunks: Iterable[CodedPackets]) -> None:
        self._mux(path, chunks)
        size = path.stat().st_size
        digest = digest_of_file(path, size)
        self._compare_with_another(size, digest, chunks)
        # What the file holds, not what the encoder gave: muxers change packets.
        first = len(self._records)
        found = sorted((p.pts, p.key, len(p.data), sha256(p.data)) for p in self._reader(path).packets())
        pixels = [pixels for chunk in chunks for pixels in chunk.pixels_sha256]
        if len(found) != len(pixels):
            raise VerificationError(
                f"{len(found)} of {len(pixels)} packets came back; nothing was kept", path=self.target
            )
        for n, (pts, key, packet_bytes, packet_digest) in enumerate(found):
            if pts != n or key != (n % self.sequence.gop == 0):
                raise VerificationError(
                    f"frame {first + n} came back as {'a key' if key else 'an inner'} frame at {pts}; nothing was kept",
                    path=self.target,
                )
            name = self.layout.frame_names[first + n]
            self._records.append(FrameRecord(name, packet_bytes, packet_digest, pixels[n]))
        if self.format == VIDEO_FOLDER:
            self._files.append({"name": path.name, "frames": len(found), "size_bytes": size, "sha256": digest})

    def _mux(self, path: Path, chunks: Iterable[CodedPackets]) -> None:
        write_video(path, self._muxer, self.sequence, self._interval_s, _in_a_row(chunks))

    def _compare_with_another(self, size: int, digest: str, chunks: Iterable[CodedPackets]) -> None:
        """Raise unless the file can be made again: what happened to it on its way would not happen twice."""
        # Always of the same name, under the lock of the first: what a process left that died goes with the next run.
        other = hidden_beside(self.target, f".again{PART}")
        other.unlink(missing_ok=True)
        try:
            self._mux(other, chunks)
            same = (other.stat().st_size, digest_of_file(other, size)) == (size, digest)
        finally:
            other.unlink(missing_ok=True)
        if not same:
            raise VerificationError(
                "a file that was written twice is not the same: a fault of the disk or of the memory; nothing was kept",
                path=self.target,
            )

    def _reader(self, path: Path) -> VideoFile:
        return VideoFile(path, self._muxer, self._interval_s)

    @property
    def sizes(self) -> list[int]:
        """Bytes of every frame's packet, in order of time."""
        return [record.size_bytes for record in self._records]

    def finish(self, content: dict[str, Any]) -> Path:
        """Add the manifest and rename the archive into place."""
        content = {
            **content,
            **layout_facts(self.layout, self.format),
            "sequence": {
                "codec": self.sequence.codec,
                "preset": self.sequence.preset,
                "gop": self.sequence.gop,
                **self.sequence.describe(),
            },
        }

        meant: dict[str, Any] = {}

        def manifest_of(*files: dict[str, Any]) -> bytes:
            meant.update(seal({**content, "files": list(files)}, self._records))
            return canonical_json(meant)

        if self.format == VIDEO_FOLDER:
            (self._temporary / MANIFEST_NAME).write_bytes(manifest_of(*self._files))
            (self._temporary / COMPLETE_NAME).write_bytes(complete_mark(meant["digest"]))
        else:
            append_manifest(self._temporary, self._muxer, manifest_of)
        to_disk(self._temporary)
        read_back(self._temporary, meant, lambda path: VideoArchive(path, self.format))
        self._unfinished.publish()
        self._finished = True
        return self.target

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._finished:
            self._unfinished.discard()


def format_of_video(target: Path) -> str:
    """Return the format that a name tells: "mkv", "mp4", or "mkv-folder" for a name without a suffix.

    Examples
    --------
    >>> format_of_video(Path("a.mkv")), format_of_video(Path("a"))
    ('mkv', 'mkv-folder')
    """
    suffix = target.suffix.lower()
    if suffix in MUXERS:
        return suffix[1:]
    if suffix == "" or target.is_dir():
        return VIDEO_FOLDER
    raise InvalidParameterError(
        f"the output is {target.name!r}; expected NAME.mkv, NAME.mp4, or a folder, with the codecs of videos"
    )


def _in_a_row(chunks: Iterable[CodedPackets]) -> Iterator[Packet]:
    """Yield the packets of one file: each chunk begins where the one before ended."""
    first = 0
    for chunk in chunks:
        chunk.check_unchanged()
        for packet in chunk.packets:
            yield Packet(packet.pts + first, packet.key, packet.data)
        first += len(chunk.packets)
