"""One pass of decoding a video, which proves that its frames are those of decoding from the first frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, NoReturn

from flowroi.errors import CorruptDataError
from flowroi.sources.files import InputFile
from flowroi.sources.video_index import PacketIndex, av_errors, mark, opened


@dataclass(frozen=True, slots=True)
class AccessPoint:
    """A packet that decoding may start with, the first frame that is exact from there, and the time to seek to."""

    packet: int
    frame: int
    seek_to: int


class Unproven(Exception):  # noqa: N818 - not an error to anybody: the frame is then decoded in another way
    """What a decoder gave is not certain to be what decoding from the first frame gives."""


class Misplaced(Unproven):
    """Seeking did not lead to the packet wanted."""


class Decoder:
    """One pass forwards over the frames of a video, from its beginning or from an access point.

    Parameters
    ----------
    file : InputFile
        The video.
    index : PacketIndex
        Its packets.
    max_pixels : int
        Limit of a frame.
    point : AccessPoint or None
        Where decoding starts; None for the first packet.
    seek : bool
        Go there by the container's index; False reads (and does not decode) what is before.

    Attributes
    ----------
    next : int
        The frame that comes next.
    point : AccessPoint or None
        As given.
    reader : int
        The thread that used it last, where its owner says so.
    """

    def __init__(
        self, file: InputFile, index: PacketIndex, max_pixels: int, point: AccessPoint | None, *, seek: bool = True
    ) -> None:
        self.next = point.frame if point else 0
        self.reader = 0
        self.point = point
        self._index = index
        self._stack = ExitStack()
        try:
            container, stream = self._stack.enter_context(opened(file))
            # Damage raises an error instead of being painted over; larger frames than declared are not decoded.
            stream.codec_context.options = {"err_detect": "explode", "max_pixels": str(min(max_pixels, 2**31 - 1))}
            self._frames = self._decoded(container, stream, seek=seek)
        except BaseException:
            self._stack.close()
            raise

    def read(self, t: int, *, timed: bool) -> Any:
        """Decode up to frame `t`, not before `next`, and return it.

        Raises
        ------
        CorruptDataError
            If it cannot be decoded from the first frame on, or the movie has fewer or more frames than packets.
        Unproven
            If decoding from an access point, or `timed`, does not give the frames expected.
        """
        while True:
            frame = self._following()
            if frame is None:
                raise CorruptDataError(
                    f"{self.next} of {self._index.frames} frames could be decoded; the movie was not shortened silently"
                )
            if timed and not self._is_expected(frame):
                continue
            if frame.is_corrupt:
                self._fail(CorruptDataError("the frame is damaged: copy the file again"))
            self.next += 1
            if self.next > t:
                break
        if t == self._index.frames - 1 and self._following() is not None:
            self._fail(
                CorruptDataError(
                    f"more frames decode than the {self._index.frames} that the file holds packets for; expected one "
                    "a packet"
                )
            )
        return frame

    def close(self) -> None:
        """Close the file."""
        self._stack.close()

    def _is_expected(self, frame: Any) -> bool:
        """Whether it is the next frame, by its time; False for one before an access point, shown but not exact."""
        expected = self._index.times[self.next]
        if frame.pts == expected:
            return True
        if self.point and self.next == self.point.frame and frame.pts is not None and frame.pts < expected:
            return False
        raise Unproven(f"a frame of time {frame.pts} came, {expected} was expected")

    def _following(self) -> Any:
        """Decode the next frame, in order of presentation; None behind the last."""
        try:
            with av_errors():
                frame = next(self._frames, None)
        except CorruptDataError as error:
            self._fail(error)
        if frame is None and self.point and self.next < self._index.frames:
            raise Unproven("the decoder left frames out")
        return frame

    def _fail(self, error: CorruptDataError) -> NoReturn:
        """Raise the error, unless having started in the middle may be its cause."""
        if self.point:
            raise Unproven("decoding from an access point failed") from error
        raise error

    def _decoded(self, container: Any, stream: Any, *, seek: bool) -> Iterator[Any]:
        packets = container.demux(stream)
        if self.point:
            packets = self._packets_from(self.point, container, stream, seek=seek)
        for packet in packets:
            yield from packet.decode()

    def _packets_from(self, point: AccessPoint, container: Any, stream: Any, *, seek: bool) -> Iterator[Any]:
        """Yield the packets from an access point on; each is proven to be the one that follows."""
        stamps, marks = self._index.stamps, self._index.marks
        if seek:
            try:
                with av_errors():
                    container.seek(point.seek_to, stream=stream, backward=True)
            except CorruptDataError as error:
                raise Misplaced("the container cannot be sought") from error
        place = -1
        for packet in container.demux(stream):
            if packet.size == 0:
                if place < 0:
                    raise Misplaced("the packet to start with was not found")
            else:
                if place < 0:
                    if packet.pts != stamps[point.packet]:
                        # Files without an index may be sought to a place behind it.
                        if packet.pts is None or (packet.is_keyframe and packet.pts > stamps[point.packet]):
                            raise Misplaced("the packet to start with was passed over")
                        continue
                    place = point.packet
                if place >= len(stamps) or packet.pts != stamps[place] or mark(packet) != marks[place]:
                    raise Misplaced(f"packet {place} is another one than when the file was opened")
                place += 1
            yield packet
