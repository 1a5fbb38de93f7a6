"""Counts what a JPEG 2000 stream makes a decoder build (tiles, precincts, code-blocks, packets) before one sees it."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from flowroi.codec.codestream import StreamHeader, codestream_offset, read_header
from flowroi.errors import CorruptDataError, UnsupportedFormatError

# What decoders keep for one tile is some kilobytes, for a code-block or a precinct some hundred bytes.
_MAX_TILES = 1 << 14
_MAX_TILE_PARTS = 1 << 16
_FREE_BLOCKS = 1 << 16
_PIXELS_PER_BLOCK = 256
# A packet, and the header of a tile-part with its SOD marker, take at least this.
_TILE_PART_BYTES = 14
_SOT, _SOD, COD, COC = 0xFF90, 0xFF93, 0xFF52, 0xFF53
_EOC = b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class Coding:
    """Coding style of a tile-component (ISO/IEC 15444-1, A.6.1 and A.6.2).

    Parameters
    ----------
    layers, decomposition_levels : int
    block_width_exp, block_height_exp : int
        Of the code-block, powers of two.
    reversible : bool
        The 5/3 wavelet of whole numbers; else 9/7, which is lossy.
    precincts : tuple of (int, int)
        PPx and PPy of each resolution level, lowest first.
    """

    layers: int
    decomposition_levels: int
    block_width_exp: int
    block_height_exp: int
    reversible: bool
    precincts: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Structure:
    """What a stream is made of, all tiles and components together.

    `reversible` where every one of them is; the main header ends at byte `header_end`.
    """

    header: StreamHeader
    tiles: int
    precincts: int
    code_blocks: int
    packets: int
    reversible: bool
    header_end: int


@dataclass(frozen=True, slots=True)
class TilePart:
    """A tile-part: its tile, the coding styles in its own header, and where it, its body and what follows begin."""

    tile: int
    own: dict[int | None, Coding]
    start: int
    body: int
    end: int


@dataclass(frozen=True, slots=True)
class Grid:
    """Tile boundaries along x and y on the reference grid, and subsampling of each component (A.5.1)."""

    columns: tuple[tuple[int, int], ...]
    rows: tuple[tuple[int, int], ...]
    sampling: tuple[tuple[int, int], ...]


def check_structure(data: bytes) -> Structure:
    """Walk the headers of a stream and refuse what would cost a decoder more than the picture is worth.

    Parameters
    ----------
    data : bytes
        JP2 file or codestream, whole; its declared size has been checked (`check_limits`).

    Raises
    ------
    CorruptDataError
        If the headers are damaged or cut short, or declare more tiles or packets than the bytes can hold.
    UnsupportedFormatError
        If there are too many tiles, or too many code-blocks or precincts for so many pixels.

    References
    ----------
    ISO/IEC 15444-1, Annexes A and B.

    Examples
    --------
    >>> import numpy as np
    >>> from flowroi.codec import encode
    >>> found = check_structure(encode(np.zeros((64, 64), np.uint8), lossless="all", levels=1))
    >>> found.tiles, found.code_blocks, found.packets, found.reversible
    (1, 4, 2, True)
    """
    header = read_header(data)
    start = codestream_offset(data)
    size = len(data) - start
    siz = data[start + 4 : start + 6 + struct.unpack_from(">H", data, start + 4)[0]]
    grid = read_grid(siz, size)
    tiles = len(grid.columns) * len(grid.rows)
    main: dict[int | None, Coding] = {}
    total = [0, 0, 0]
    reversible = True
    offset = start + 2
    for kind, body in segments(data, offset):
        if kind in (COD, COC):
            _enter(main, kind, body, header.components)
        if kind not in (_SOT, _SOD):
            offset += 4 + len(body)
    if None not in main:
        raise CorruptDataError("the stream has no COD marker before its first tile: it is damaged")
    for c in range(header.components):
        coding = _coding_of(main, {}, c)
        reversible &= coding.reversible
        _add(total, coding, grid, c, grid.columns, grid.rows)
    for number, part in enumerate(tile_parts(data, offset, header.components)):
        if number >= _MAX_TILE_PARTS:
            raise UnsupportedFormatError(f"more than {_MAX_TILE_PARTS} tile-parts; not decoded")
        if part.tile >= tiles:
            raise CorruptDataError(f"a tile-part says it is of tile {part.tile}; the stream has {tiles}")
        for c in range(header.components) if part.own else ():
            coding = _coding_of(main, part.own, c)
            reversible &= coding.reversible
            column, row = grid.columns[part.tile % len(grid.columns)], grid.rows[part.tile // len(grid.columns)]
            _add(total, coding, grid, c, [column], [row])
    precincts, code_blocks, packets = total
    found = Structure(header, tiles, precincts, code_blocks, packets, reversible, offset)
    _check(found, size)
    return found


def _check(found: Structure, size: int) -> None:
    blocks = max(_FREE_BLOCKS, found.header.width * found.header.height * found.header.components // _PIXELS_PER_BLOCK)
    for name, count in (("code-blocks", found.code_blocks), ("precincts", found.precincts)):
        if count > blocks:
            raise UnsupportedFormatError(
                f"the stream declares {count} {name} for {found.header.width}x{found.header.height} pixels; at most "
                f"{blocks} are decoded: encode it with larger ones"
            )
    if found.packets > size:
        raise CorruptDataError(
            f"the stream declares {found.packets} packets in {size} bytes, and each takes one at least; not decoded: "
            "it is damaged or cut short"
        )


def read_grid(siz: bytes, size: int) -> Grid:
    """Read the tiles from the SIZ marker; raises as `check_structure`.

    Parameters
    ----------
    siz : bytes
        The marker, from its length on.
    size : int
        Bytes of the stream.
    """
    (components,) = struct.unpack_from(">H", siz, 36) if len(siz) >= 38 else (0,)
    if len(siz) < 38 + 3 * components:
        raise CorruptDataError(f"the SIZ marker is of {len(siz)} bytes; {components} components need more")
    x1, y1, x0, y0, tile_width, tile_height, tile_x, tile_y = struct.unpack(">8I", siz[4:36])
    if not (tile_width and tile_height and tile_x <= x0 < tile_x + tile_width and tile_y <= y0 < tile_y + tile_height):
        raise CorruptDataError(
            f"the stream declares tiles of {tile_width}x{tile_height} from {tile_x}, {tile_y}; the image begins at "
            f"{x0}, {y0}"
        )
    across, down = -(-(x1 - tile_x) // tile_width), -(-(y1 - tile_y) // tile_height)
    if across * down * _TILE_PART_BYTES > size:
        raise CorruptDataError(
            f"the stream declares {across * down} tiles in {size} bytes; not decoded: it is damaged or cut short"
        )
    if across * down > _MAX_TILES:
        raise UnsupportedFormatError(f"the stream has {across * down} tiles; at most {_MAX_TILES} are decoded")
    sampling = tuple((siz[39 + 3 * c], siz[40 + 3 * c]) for c in range(components))
    if any(dx == 0 or dy == 0 for dx, dy in sampling):
        raise CorruptDataError("the stream declares a component with a subsampling of 0")
    return Grid(_cuts(x0, x1, tile_x, tile_width), _cuts(y0, y1, tile_y, tile_height), sampling)


def _cuts(low: int, high: int, first: int, step: int) -> tuple[tuple[int, int], ...]:
    return tuple((max(low, at), min(high, at + step)) for at in range(first, high, step))


def segments(data: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """Yield the marker segments of a header, the last being SOT or SOD (of which no body is given)."""
    while True:
        if offset + 2 > len(data):
            raise CorruptDataError("the stream is cut short within its headers")
        (kind,) = struct.unpack_from(">H", data, offset)
        if kind in (_SOT, _SOD):
            yield kind, b""
            return
        if kind < 0xFF00 or offset + 4 > len(data):
            raise CorruptDataError(f"the stream has {kind:#06x} where a marker is expected, at byte {offset}")
        (length,) = struct.unpack_from(">H", data, offset + 2)
        if length < 2 or offset + 2 + length > len(data):
            raise CorruptDataError(f"marker {kind:#06x} at byte {offset} does not fit into the stream")
        yield kind, data[offset + 4 : offset + 2 + length]
        offset += 2 + length


def tile_parts(data: bytes, offset: int, components: int) -> Iterator[TilePart]:
    """Yield the tile-parts of a stream whose main header ends at `offset`.

    Raises
    ------
    CorruptDataError
        If they do not follow one another up to the end of the stream.
    """
    while offset + 12 <= len(data) and data[offset : offset + 2] != _EOC:
        kind, length, tile, psot = struct.unpack_from(">HHHI", data, offset)
        if kind != _SOT or length != 10:
            raise CorruptDataError(f"the stream has {kind:#06x} where a tile-part is expected, at byte {offset}")
        own: dict[int | None, Coding] = {}
        body = offset + 12
        for marker, content in segments(data, body):
            if marker in (COD, COC):
                _enter(own, marker, content, components)
            body += 2 if marker == _SOD else 4 + len(content)
        # The last one may end where the stream does.
        end = offset + psot if psot else max(data.rfind(_EOC), offset + 12)
        if end < offset + _TILE_PART_BYTES:
            raise CorruptDataError(f"the tile-part at byte {offset} is said to be of {psot} bytes")
        yield TilePart(tile, own, offset, body, end)
        offset = end
    if data[offset : offset + 2] != _EOC:
        raise CorruptDataError("the stream has no end: it is cut short, or its tail was lost; not filled up")


def _enter(codings: dict[int | None, Coding], kind: int, body: bytes, components: int) -> None:
    """Read a COD (kept under None) or a COC (under its component)."""
    try:
        if kind == COD:
            codings[None] = coding_style(body)
            return
        wide = components >= 257
        component = struct.unpack_from(">H" if wide else ">B", body)[0]
        rest = body[2 if wide else 1 :]
        codings[component] = _style(rest[1:], 0, own_precincts=bool(rest[0] & 1))
    except (struct.error, IndexError) as error:
        raise CorruptDataError("a COD or COC marker of the stream is cut short") from error


def coding_style(cod: bytes) -> Coding:
    """Read the content of a COD marker; raises CorruptDataError, IndexError or struct.error where it is damaged."""
    (layers,) = struct.unpack_from(">H", cod, 2)
    return _style(cod[5:], layers, own_precincts=bool(cod[0] & 1))


def _style(body: bytes, layers: int, *, own_precincts: bool) -> Coding:
    levels, width_exp, height_exp = body[0], (body[1] & 15) + 2, (body[2] & 15) + 2
    if levels > 32 or width_exp > 10 or height_exp > 10 or width_exp + height_exp > 12:
        raise CorruptDataError(
            f"the stream declares {levels} decomposition levels and code-blocks of 2^{width_exp} x 2^{height_exp}; at "
            "most 32 and 4096 samples exist"
        )
    sizes = body[5 : 6 + levels] if own_precincts else b"\xff" * (levels + 1)
    if len(sizes) <= levels:
        raise IndexError(levels)
    return Coding(layers, levels, width_exp, height_exp, body[4] == 1, tuple((n & 15, n >> 4) for n in sizes))


def _coding_of(main: dict[int | None, Coding], own: dict[int | None, Coding], component: int) -> Coding:
    """Return the coding of a component: a tile's own marker before the main header's, COC before COD (A.6.2)."""
    layers = (own.get(None) or main[None]).layers
    coding = own.get(component) or own.get(None) or main.get(component) or main[None]
    return replace(coding, layers=layers)


def _add(
    total: list[int],
    coding: Coding,
    grid: Grid,
    component: int,
    columns: Sequence[tuple[int, int]],
    rows: Sequence[tuple[int, int]],
) -> None:
    """Add precincts, code-blocks and packets of one component in some tiles (B.5 to B.7); x and y are separable."""
    dx, dy = grid.sampling[component]
    for r in range(coding.decomposition_levels + 1):
        across = _along(columns, dx, coding, r, axis=0)
        down = _along(rows, dy, coding, r, axis=1)
        precincts = across[0] * down[0]
        # Low-pass in both directions only at the lowest level; above it HL, LH and HH.
        blocks = across[1] * down[1] if r == 0 else across[2] * down[1] + across[1] * down[2] + across[2] * down[2]
        total[0] += precincts
        total[1] += blocks
        total[2] += precincts * coding.layers


def _along(
    tiles: Sequence[tuple[int, int]], sampling: int, coding: Coding, r: int, *, axis: int
) -> tuple[int, int, int]:
    """Count precincts, and code-blocks of low-pass and high-pass subbands, along one direction."""
    exponent = coding.precincts[r][axis]
    levels = coding.decomposition_levels
    shift = levels - r
    band_shift = shift if r == 0 else shift + 1
    block = min((coding.block_width_exp, coding.block_height_exp)[axis], exponent if r == 0 else max(exponent - 1, 0))
    precincts = low_blocks = high_blocks = 0
    for low, high in tiles:
        first, end = -(-low // sampling), -(-high // sampling)
        at, stop = -(-first >> shift), -(-end >> shift)
        if stop > at:
            precincts += (-(-stop >> exponent)) - (at >> exponent)
        half = 1 << band_shift >> 1
        for is_high in (False, True) if r else (False,):
            a, b = (-(-(x - half * is_high) >> band_shift) for x in (first, end))
            count = (-(-b >> block)) - (a >> block) if b > a else 0
            low_blocks, high_blocks = low_blocks + count * (not is_high), high_blocks + count * is_high
    return precincts, low_blocks, high_blocks
