"""How far the positions of a plate are, all together: frames done of frames expected."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowroi.report.compression import CompressionReport


class Tally:
    """Counts the frames of positions under way; frames of positions not opened yet are estimated from the others.

    Parameters
    ----------
    count : int
        Positions.
    progress : callable, optional
        Called with (frames done, frames in all) when there is something new; the former never falls.

    Examples
    --------
    >>> tally = Tally(4, print)
    >>> tally.put(0, 5, 10)
    >>> tally.put(1, 2, 20)
    >>> tally.tell()
    7 60
    """

    def __init__(self, count: int, progress: Callable[[int, int], None] | None = None) -> None:
        self._frames: list[tuple[int, int] | None] = [None] * count
        self._progress = progress
        self._told = (0, 0)

    def put(self, number: int, done: int, total: int) -> None:
        """Note how far a position is; with 0 frames in all it failed."""
        self._frames[number] = done, total

    def note(self, number: int, report: CompressionReport | None) -> None:
        """Note that a position is done, or that it failed."""
        frames = 0 if report is None else report.frames
        self.put(number, frames, frames)
        self.tell()

    def forget(self, number: int) -> None:
        """Note that a position begins anew."""
        self._frames[number] = None

    def tell(self) -> None:
        """Call `progress`, if anything changed."""
        if self._progress is None:
            return
        known = [frames for frames in self._frames if frames is not None]
        opened = [total for _, total in known if total]
        if not opened:
            return
        ahead = round(sum(opened) / len(opened) * (len(self._frames) - len(known)))
        done = max(sum(done for done, _ in known), self._told[0])
        now = (done, max(sum(opened) + ahead, done))
        if now != self._told:
            self._told = now
            self._progress(*now)
