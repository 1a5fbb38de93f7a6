"""A journal as a movie whose frames are coded already: what the archive is made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flowroi.coding import Coded, CodedSource
from flowroi.job import Job
from flowroi.live.journal import Journal
from flowroi.live.records import FRAME, Opening, coded_of, found_of
from flowroi.report.compression import some
from flowroi.sources.checks import FrameChecks, FrameFacts
from flowroi.sources.files import InputFile
from flowroi.sources.image_file import read_image
from flowroi.sources.names import safe_stem, safe_stems, text_name
from flowroi.sources.ordering import order_by_times
from flowroi.sources.pixels import Frame

# Notes that tell of the run, not of the frames of this movie.
_NOT_OF_THE_MOVIE = ("cut",)


class JournalSource(CodedSource):
    """The movie that a journal holds.

    Parameters
    ----------
    path : Path
        The journal; nobody writes it meanwhile. It is closed with the source.
    roots : list of Path
        The incoming folders.
    name : str
        Of the movie.
    job : Job
        How a file is read.
    """

    def __init__(self, path: Path, roots: list[Path], *, name: str, job: Job) -> None:
        self._journal = Journal(path)
        try:
            headers = [header for header, _ in self._journal]
            frames = [header for header in headers if header["kind"] == FRAME]
            self._opening = Opening.from_json(frames[0]["opening"])
            self._facts = [header["file"] for header in frames]
            self._images = [found_of(header["file"], roots).file for header in frames]
            self._job = job
            self.noise_sigma = self._opening.noise_sigma
            ordering = order_by_times({str(t): tuple(header["time"]) for t, header in enumerate(frames)})
            names = safe_stems(image.path.stem for image in self._images)
            reused = [name for name, header in zip(names, frames, strict=True) if not header["learnt"]]
            notes = [h["text"] for h in headers if h["kind"] != FRAME and h["what"] not in _NOT_OF_THE_MOVIE]
            if reused:
                notes.append(f"the machine could not keep up: {some(reused)} coded with the mask of a frame before")
            super().__init__(
                name=safe_stem(name),
                path=roots[0],
                shape=(len(frames), *self._opening.shape),
                dtype=np.dtype(self._opening.dtype),
                frame_names=names,
                significant_bits=self._opening.significant_bits,
                losses=self._opening.losses,
                warnings=(*ordering.warnings, *notes),
                gaps=ordering.gaps,
            )
        except BaseException:
            self._journal.close()
            raise

    def coded(self) -> Iterator[Coded]:
        """Yield every frame as the journal has it; raises CorruptDataError where it is not what was written."""
        self._checks = checks = FrameChecks(self.significant_bits)
        for record in self._journal:
            if record[0]["kind"] == FRAME:
                checks.note(record[0]["t"], FrameFacts(**record[0]["facts"]))
                yield coded_of(record, self._opening.shape)

    def provenance(self) -> list[dict[str, Any]]:
        """Name, size and SHA-256 of every file as it was when it was taken."""
        return [
            {"name": text_name(file.path.name), "size_bytes": facts["size_bytes"], "sha256": facts["sha256"]}
            for file, facts in zip(self._images, self._facts, strict=True)
        ]

    def _read(self, t: int) -> Frame:
        return read_image(self._images[t], channel=self._job.channel, max_pixels=self._job.max_pixels, frame=t)

    def _file_of(self, t: int) -> Path | None:
        return self._images[t].path

    def _files(self) -> Sequence[InputFile]:
        return self._images

    def _release(self) -> None:
        self._journal.close()
