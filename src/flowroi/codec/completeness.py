"""Whether a reversible JPEG 2000 stream is complete: its packets must hold every coding pass of every code-block."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from flowroi.codec.packet_bits import PacketReader, TagTree
from flowroi.codec.structure import (
    COC,
    COD,
    Coding,
    Grid,
    check_structure,
    coding_style,
    read_grid,
    segments,
    tile_parts,
)

_QCD, _QCC, _RGN, _POC, _PPM, _PPT = 0xFF5C, 0xFF5D, 0xFF5E, 0xFF5F, 0xFF60, 0xFF61
_LAYERS_FIRST, _RESOLUTIONS_FIRST, _RESOLUTION_POSITION = 0, 1, 2
# A frame of 16384 x 16384 in the usual code-blocks has as many.
_MOST_CODE_BLOCKS = 1 << 17


class _Unknown(Exception):  # noqa: N818 - not an error: it is then not told
    """The stream is of a kind whose packets are not followed here."""


@dataclass(slots=True)
class _Main:
    """What the main header says, for the only component."""

    coding: Coding
    progression: int
    with_sop: bool
    with_eph: bool
    bit_planes: list[int]
    grid: Grid


@dataclass(slots=True)
class _Band:
    """Code-blocks of a subband in a precinct: their grid, tag trees, and passes until now (None: not included)."""

    across: int
    down: int
    bit_planes: int
    inclusion: TagTree = field(init=False)
    zero_planes: TagTree = field(init=False)
    passes: list[int | None] = field(init=False)
    wanted: list[int] = field(init=False)
    length_bits: list[int] = field(init=False)

    def __post_init__(self) -> None:
        count = self.across * self.down
        self.inclusion, self.zero_planes = TagTree(self.across, self.down), TagTree(self.across, self.down)
        self.passes, self.wanted, self.length_bits = [None] * count, [0] * count, [3] * count


def is_complete(data: bytes) -> bool | None:
    """Tell whether all coding passes of a stream are there.

    Parameters
    ----------
    data : bytes
        JP2 file or codestream of one component, with the reversible wavelet, that `check_structure` took.

    Returns
    -------
    bool or None
        None where it cannot be told: progression order changes, packed packet headers, tiles coded in their own way,
        or code-blocks of several segments.

    References
    ----------
    ISO/IEC 15444-1, B.10 (packet headers) and B.12 (progression orders); D.2.1, E.1.1 (number of bit-planes).

    Examples
    --------
    >>> import numpy as np
    >>> from flowroi.codec import encode
    >>> is_complete(encode(np.arange(4096, dtype=np.uint8).reshape(64, 64), lossless="all"))
    True
    """
    try:
        found = check_structure(data)
        if found.code_blocks > _MOST_CODE_BLOCKS or found.header.components != 1:
            raise _Unknown
        main = _read_main(data)
        bodies: dict[int, list[bytes]] = {}
        for part in tile_parts(data, found.header_end, 1):
            if part.own or any(kind in (_QCD, _QCC, _RGN, _POC, _PPT) for kind, _ in segments(data, part.start + 12)):
                raise _Unknown
            bodies.setdefault(part.tile, []).append(data[part.body : part.end])
        return all(_tile_is_complete(main, tile, b"".join(parts)) for tile, parts in bodies.items())
    except (_Unknown, IndexError, struct.error):
        return None


def _read_main(data: bytes) -> _Main:
    """Read the markers of the main header that packets depend on."""
    cod, quantisation, shift = None, None, 0
    grid = None
    for kind, body in segments(data, data.index(b"\xff\x4f\xff\x51") + 2):
        if kind in (COC, _QCC, _POC, _PPM):
            raise _Unknown
        if kind == 0xFF51:
            grid = read_grid(struct.pack(">H", len(body) + 2) + body, len(data))
        elif kind == COD:
            cod = body
        elif kind == _QCD:
            quantisation = body
        elif kind == _RGN:
            shift = body[2]
    if cod is None or quantisation is None or grid is None or quantisation[0] & 31 or cod[8] & 0b101:
        raise _Unknown
    guard = quantisation[0] >> 5
    planes = [guard + (value >> 3) - 1 + shift for value in quantisation[1:]]
    return _Main(coding_style(cod), cod[1], bool(cod[0] & 2), bool(cod[0] & 4), planes, grid)


def _tile_is_complete(main: _Main, tile: int, body: bytes) -> bool:
    coding, grid = main.coding, main.grid
    column, row = grid.columns[tile % len(grid.columns)], grid.rows[tile // len(grid.columns)]
    precincts = [list(_precincts(main, column, row, r)) for r in range(coding.decomposition_levels + 1)]
    reader = PacketReader(body)
    for layer, r, number in _order(main.progression, coding.layers, precincts):
        if reader.at >= len(body):
            return False
        _read_packet(reader, precincts[r][number][1], layer, main)
    return all(
        passes is None or passes == wanted
        for resolution in precincts
        for _, bands in resolution
        for band in bands
        for passes, wanted in zip(band.passes, band.wanted, strict=True)
    )


def _precincts(
    main: _Main, column: tuple[int, int], row: tuple[int, int], r: int
) -> Iterator[tuple[tuple[int, int], list[_Band]]]:
    """Yield a resolution level's precincts in raster order: place on the reference grid (y, x), and subbands."""
    coding = main.coding
    shift, (across_exp, down_exp) = coding.decomposition_levels - r, coding.precincts[r]
    (x0, x1), (y0, y1) = ([-(-n >> shift) for n in span] for span in (column, row))
    if x0 >= x1 or y0 >= y1:
        return
    kinds = [(0, 0)] if r == 0 else [(1, 0), (0, 1), (1, 1)]
    first_band = 0 if r == 0 else 3 * r - 2
    for py in range(y0 >> down_exp, -(-y1 >> down_exp)):
        for px in range(x0 >> across_exp, -(-x1 >> across_exp)):
            bands = []
            for number, (high_x, high_y) in enumerate(kinds):
                counts = [
                    _blocks(span, shift, r, high, exponent, at, block)
                    for span, high, exponent, at, block in (
                        (column, high_x, across_exp, px, coding.block_width_exp),
                        (row, high_y, down_exp, py, coding.block_height_exp),
                    )
                ]
                bands.append(_Band(counts[0], counts[1], main.bit_planes[first_band + number]))
            place = (max(row[0], py << down_exp + shift), max(column[0], px << across_exp + shift))
            yield place, [band for band in bands if band.across and band.down]


def _blocks(span: tuple[int, int], shift: int, r: int, high: int, exponent: int, at: int, block: int) -> int:
    """Count a precinct's code-blocks in one direction of a subband."""
    band_shift = shift if r == 0 else shift + 1
    half = high << band_shift >> 1
    low, end = (-(-(n - half) >> band_shift) for n in span)
    size = exponent if r == 0 else exponent - 1
    low, end = max(low, at << size), min(end, (at + 1) << size)
    block = min(block, size)
    return (-(-end >> block)) - (low >> block) if end > low else 0


def _order(
    progression: int, layers: int, precincts: list[list[tuple[tuple[int, int], list[_Band]]]]
) -> Iterator[tuple[int, int, int]]:
    """Yield layer, resolution level and precinct of each packet of one component (B.12.1)."""
    levels = range(len(precincts))
    if progression == _LAYERS_FIRST:
        yield from ((y, r, n) for y in range(layers) for r in levels for n in range(len(precincts[r])))
    elif progression == _RESOLUTIONS_FIRST:
        yield from ((y, r, n) for r in levels for y in range(layers) for n in range(len(precincts[r])))
    elif progression == _RESOLUTION_POSITION:
        yield from ((y, r, n) for r in levels for n in range(len(precincts[r])) for y in range(layers))
    else:
        placed = sorted((place, r, n) for r in levels for n, (place, _) in enumerate(precincts[r]))
        yield from ((y, r, n) for _, r, n in placed for y in range(layers))


def _read_packet(reader: PacketReader, bands: list[_Band], layer: int, main: _Main) -> None:
    """Follow a packet's header (B.10), and pass over its body."""
    if main.with_sop and reader.data[reader.at : reader.at + 2] == b"\xff\x91":
        reader.at += 6
    reader.begin()
    length = 0
    if reader.bit():
        for band in bands:
            for block in range(len(band.passes)):
                length += _read_block(reader, band, block, layer)
    reader.end()
    if main.with_eph and reader.data[reader.at : reader.at + 2] == b"\xff\x92":
        reader.at += 2
    reader.at += length


def _read_block(reader: PacketReader, band: _Band, block: int, layer: int) -> int:
    """Read what a packet header says about one code-block; return how many bytes of it are in the body."""
    before = band.passes[block]
    if before is None:
        if not band.inclusion.reached(reader, block, layer + 1):
            return 0
        zero = 1
        while not band.zero_planes.reached(reader, block, zero):
            zero += 1
            if zero > 80:
                raise _Unknown
        band.wanted[block] = 3 * (band.bit_planes - (zero - 1)) - 2
    elif not reader.bit():
        return 0
    passes = _read_passes(reader)
    while reader.bit():
        band.length_bits[block] += 1
    band.passes[block] = (before or 0) + passes
    return reader.bits(band.length_bits[block] + passes.bit_length() - 1)


def _read_passes(reader: PacketReader) -> int:
    """Read the number of coding passes (table B.4)."""
    if not reader.bit():
        return 1
    if not reader.bit():
        return 2
    for bits, first in ((2, 3), (5, 6), (7, 37)):
        value = reader.bits(bits)
        if bits == 7 or value != (1 << bits) - 1:
            return first + value
    raise _Unknown
