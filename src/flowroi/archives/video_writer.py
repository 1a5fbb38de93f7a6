"""Writes video archives: one MKV or MP4 file for the whole movie, or a folder of MKV files, one for each chunk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from flowroi.archives.atomic import discard, publish, temporary_for
from flowroi.archives.base import ArchiveLayout, layout_facts
from flowroi.archives.contents import VIDEO_FOLDER
from flowroi.archives.manifest import MANIFEST_NAME, FrameRecord, canonical_json, digest_of_file, seal, sha256
from flowroi.archives.video_file import MUXERS, Packet, VideoFile, interval_of, write_video
from flowroi.archives.video_manifest import append_manifest
from flowroi.errors import InvalidParameterError, VerificationError
from flowroi.sequence.encoder import SequenceFormat


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
        self._temporary = temporary_for(target, overwrite=overwrite)
        self.target = target
        self.layout = layout
        self.sequence = sequence
        self.format = format_of_video(target)
        self._muxer = MUXERS.get(target.suffix.lower(), "matroska")
        self._interval_s = interval_of(layout.frame_interval_s)
        self._overwrite = overwrite
        self._records: list[FrameRecord] = []
        self._files: list[dict[str, Any]] = []
        self._finished = False

    def write(self, chunks: Iterable[Sequence[Packet]]) -> None:
        """Write the whole movie: its chunks in order, each with its packets in order of decoding, counted from 0."""
        if self.format == VIDEO_FOLDER:
            self._temporary.mkdir()
            for chunk in chunks:
                self._write_file(self._temporary / f"t{len(self._records):06d}.mkv", chunk)
        else:
            self._write_file(self._temporary, _in_a_row(chunks))
        if len(self._records) != self.layout.shape[0]:
            raise VerificationError(
                f"the encoder wrote {len(self._records)} packets for {self.layout.shape[0]} frames; nothing was kept",
                path=self.target,
            )

    def _write_file(self, path: Path, packets: Iterable[Packet]) -> None:
        write_video(path, self._muxer, self.sequence, self._interval_s, packets)
        # What the file holds, not what the encoder gave: muxers change packets.
        first = len(self._records)
        found = sorted((p.pts, p.key, len(p.data), sha256(p.data)) for p in self._reader(path).packets())
        for n, (pts, key, size, digest) in enumerate(found):
            if pts != n or key != (n % self.sequence.gop == 0):
                raise VerificationError(
                    f"frame {first + n} came back as {'a key' if key else 'an inner'} frame at {pts}; nothing was kept",
                    path=self.target,
                )
            self._records.append(FrameRecord(self.layout.frame_names[first + n], size, digest))
        if self.format == VIDEO_FOLDER:
            size = path.stat().st_size
            self._files.append(
                {"name": path.name, "frames": len(found), "size_bytes": size, "sha256": digest_of_file(path, size)}
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

        def manifest_of(*files: dict[str, Any]) -> bytes:
            return canonical_json(seal({**content, "files": list(files)}, self._records))

        if self.format == VIDEO_FOLDER:
            (self._temporary / MANIFEST_NAME).write_bytes(manifest_of(*self._files))
        else:
            append_manifest(self._temporary, self._muxer, manifest_of)
        publish(self._temporary, self.target, overwrite=self._overwrite)
        self._finished = True
        return self.target

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._finished:
            discard(self._temporary)


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


def _in_a_row(chunks: Iterable[Sequence[Packet]]) -> Iterator[Packet]:
    """Yield the packets of one file: each chunk begins where the one before ended."""
    first = 0
    for chunk in chunks:
        for packet in chunk:
            yield Packet(packet.pts + first, packet.key, packet.data)
        first += len(chunk)
