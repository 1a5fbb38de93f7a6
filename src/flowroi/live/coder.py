"""Codes the frames of one position, one after the other, and goes on where its journal ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.coding import Coding, Item
from flowroi.errors import CorruptDataError, FlowRoIError, UnsupportedFormatError
from flowroi.job import Settings
from flowroi.live.causal import CausalRoi
from flowroi.live.journal import Journal
from flowroi.live.order import Candidate
from flowroi.live.records import FRAME, Opening, found_of, frame_record, note_record
from flowroi.live.scan import Found
from flowroi.params import Container
from flowroi.rate_control import LAG
from flowroi.roi import FrameRoi
from flowroi.roi.memory import RoiMemory
from flowroi.roi.noise import NOISE_FRAMES, noise_of
from flowroi.sources.base import describe, size_changed
from flowroi.sources.checks import FrameFacts
from flowroi.sources.image_file import image_losses, read_image, read_image_header
from flowroi.sources.pixels import bits_of
from flowroi.sources.recorded import with_record

Frame = npt.NDArray[Any]


class Coder:
    """The coding of one position; used by one thread at a time.

    Parameters
    ----------
    journal : Journal
    settings : Settings
        With a causal RoI.
    container : "jp2" or "j2k"
    roots : list of Path
        The incoming folders.

    Attributes
    ----------
    count : int
        Frames in the journal, those that are not on the disk yet included.
    opening : Opening or None
        What the first frame settled.
    """

    def __init__(self, journal: Journal, settings: Settings, container: Container, roots: list[Path]) -> None:
        self.journal = journal
        self.opening: Opening | None = None
        self.count = 0
        self._job, self._roi_params = settings.job, settings.roi
        self._params = replace(settings.encode, container=container)
        self._roots = roots
        self._steps: deque[float] = deque(maxlen=LAG)
        self._roi: CausalRoi | None = None
        self._last: FrameRoi | None = None
        self._unlearnt = 0

    def resume(self, header: dict[str, Any]) -> None:
        """Take note of a frame that the journal holds."""
        if self.opening is None:
            self.opening = Opening.from_json(header["opening"])
        self._steps.append(header["stats"]["step"])
        self._unlearnt = 0 if header["learnt"] else self._unlearnt + 1
        self.count += 1

    @property
    def reads_journal(self) -> bool:
        """Whether coding the next frame begins with what the journal has on the disk."""
        return self._roi is None and self._job.roi_method != "none" and self.count > 0

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame's pixels; 0 before the first."""
        known = self.opening
        return 0 if known is None else known.shape[0] * known.shape[1] * np.dtype(known.dtype).itemsize

    @property
    def frames_to_open(self) -> int:
        """How many frames must be there before the first is coded: the camera's noise is told from several."""
        return 1 if self._params.noise is None else NOISE_FRAMES

    def open(self, candidates: Sequence[Candidate], frames: Sequence[Frame]) -> None:
        """Settle what holds for all frames, by the first ones.

        Raises
        ------
        FlowRoIError
            If the first file cannot be read.
        """
        first = candidates[0].found
        header = read_image_header(first.file, max_pixels=self._job.max_pixels)
        depth = 8 * header.dtype.itemsize
        bits = 8 if depth == 8 else min(header.significant_bits or bits_of(frames), depth)
        shown = image_losses(first.file, frames[0].nbytes)
        losses = with_record(self._roots[first.key[0]], with_record(first.file.path, shown))
        height, width = frames[0].shape
        sigma = None if self._params.noise is None else noise_of(frames)
        self.opening = Opening((height, width), frames[0].dtype.name, bits, sigma, losses)

    def read(self, found: Found) -> tuple[Frame, str]:
        """Return a frame and its file's SHA-256, which are of the same bytes.

        Raises
        ------
        FlowRoIError
            If the file is damaged, not whole yet, not what it was when it settled, or of another size than the others.
        """
        frame = read_image(found.file, channel=self._job.channel, max_pixels=self._job.max_pixels)
        digest = found.file.sha256()
        now = found.file.path.stat()
        if (now.st_size, now.st_mtime_ns) != (found.file.size_bytes, found.file.modified_ns):
            raise CorruptDataError("the file changed while it was being read; not taken", path=found.file.path)
        known = self.opening
        if known is not None and (frame.shape != known.shape or frame.dtype.name != known.dtype):
            seen, expected = describe(frame.shape, frame.dtype), describe(known.shape, np.dtype(known.dtype))
            raise UnsupportedFormatError(size_changed(seen, expected), path=found.file.path)
        return np.ascontiguousarray(frame), digest

    def code(self, candidate: Candidate, frame: Frame, digest: str, *, masks_every: int = 1) -> int:
        """Code the next frame and append it to the journal; return the bytes that it is coded in.

        Parameters
        ----------
        candidate : Candidate
        frame, digest
            What `read` returned.
        masks_every : int
            Frames from one mask to the next; for those between, the last one stands.

        Raises
        ------
        QualityTargetError, VerificationError
            If it cannot be coded as asked.
        """
        opening = self.opening
        assert opening is not None
        bits = self._params.significant_bits or opening.significant_bits
        coding = Coding(
            replace(self._params, significant_bits=bits), self._job.soft_weights, self._job.measure, opening.noise_sigma
        )
        roi, learnt = self._roi_of(frame, masks_every)
        memory = self._roi.memory.to_json() if learnt and self._roi is not None else None
        step = self._steps[0] if coding.searches and len(self._steps) == LAG else None
        try:
            coded = coding.coded(Item(self.count, frame, roi), step=step or None, path=candidate.found.file.path)
        except FlowRoIError:
            # The method has learnt from a frame that will not be there: it is to know what the journal knows.
            self._roi = None
            raise
        self.journal.append(
            frame_record(
                coded,
                time=candidate.time,
                found=candidate.found,
                sha256=digest,
                facts=FrameFacts.of(frame, opening.significant_bits),
                opening=None if self.count else opening,
                learnt=learnt,
                memory=memory,
            )
        )
        self._steps.append(coded.step)
        self._unlearnt = 0 if learnt else self._unlearnt + 1
        self.count += 1
        return len(coded.encoded.data)

    def _roi_of(self, frame: Frame, masks_every: int) -> tuple[FrameRoi | None, bool]:
        if self._job.roi_method == "none":
            return None, True
        if self._roi is None:
            self._roi = self._rebuilt()
        if self._last is not None and self._unlearnt + 1 < masks_every:
            return self._last, False
        self._last = self._roi.next(frame)
        return self._last, True

    def _rebuilt(self) -> CausalRoi:
        """Return the method with what it knew when the journal ended: it sees again the files that told it."""
        self._last = None
        files, known = [], None
        for header, _ in self.journal:
            if header["kind"] == FRAME and header["learnt"]:
                files.append(header["file"])
                known = header["memory"]
        if known is None:
            return CausalRoi(self._roi_params)
        memory = RoiMemory.from_json(known)
        frames: dict[int, Frame] = {}
        for t in memory.wanted:
            with suppress(FlowRoIError, OSError):
                frames[t] = self.read(found_of(files[t], self._roots))[0]
        gone = len(memory.wanted) - len(frames)
        if gone:
            text = f"masks from frame {self.count} on are told without {gone} earlier frames, whose files are gone"
            self.journal.append(note_record("rebuilt", text))
        return CausalRoi(self._roi_params, memory, frames)
