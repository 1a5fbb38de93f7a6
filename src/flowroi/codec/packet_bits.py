"""The bits of JPEG 2000 packet headers, and the tag trees within them (ISO/IEC 15444-1, B.10.1 and B.10.2)."""

from __future__ import annotations


class PacketReader:
    """Bits of packet headers: behind a byte of ones stands a bit that means nothing."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self._byte = self._left = 0

    def begin(self) -> None:
        """Begin a header at a byte."""
        self._byte = self._left = 0

    def bit(self) -> int:
        """Read a bit."""
        if not self._left:
            self._left = 7 if self._byte == 0xFF else 8
            self._byte = self.data[self.at]
            self.at += 1
        self._left -= 1
        return self._byte >> self._left & 1

    def bits(self, count: int) -> int:
        """Read so many bits as a number."""
        value = 0
        for _ in range(count):
            value = value << 1 | self.bit()
        return value

    def end(self) -> None:
        """End a header; a last byte of ones is followed by another."""
        if self._byte == 0xFF:
            self.at += 1


class TagTree:
    """Least values of a grid and of fours of them, told by degrees."""

    def __init__(self, across: int, down: int) -> None:
        self._levels: list[tuple[int, list[int], list[bool]]] = []
        while across and down:
            self._levels.append((across, [0] * (across * down), [False] * (across * down)))
            if across * down == 1:
                break
            across, down = -(-across // 2), -(-down // 2)

    def reached(self, reader: PacketReader, leaf: int, threshold: int) -> bool:
        """Read on until it is known whether a leaf's value is below a threshold; return that."""
        width = self._levels[0][0]
        y, x = divmod(leaf, width)
        low = 0
        for depth in range(len(self._levels) - 1, -1, -1):
            across, values, known = self._levels[depth]
            node = (y >> depth) * across + (x >> depth)
            values[node] = max(values[node], low)
            while values[node] < threshold and not known[node]:
                if reader.bit():
                    known[node] = True
                else:
                    values[node] += 1
            low = values[node]
        return known[node] and values[node] < threshold
