"""What a Zarr array declares: shape, pixel type, chunks and codecs, checked before any library acts on it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowroi.errors import CorruptDataError, UnsupportedFormatError
from flowroi.limits import check_decoded_bytes
from flowroi.sources.zarr_node import Node

_MAX_CHUNKS_IN_SHARD = 1 << 20
# Codecs that make samples of other samples, or check them; their output is as large as their input.
_PLAIN = ("bytes", "endian", "transpose", "shuffle", "crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3")
_WITH_TYPES = ("delta", "fixedscaleoffset", "quantize", "bitround")
_LOSSY = ("fixedscaleoffset", "quantize", "bitround")
COMPRESSORS = ("blosc", "zstd", "gzip", "zlib", "lz4", "bz2", "lzma", "imagecodecs_jpeg2k")
# They make Python objects; `pickle` runs whatever the file says.
_OBJECTS = ("pickle", "json2", "msgpack2", "vlen-array", "vlen-bytes", "vlen-utf8", "categorize", "base64")


@dataclass(frozen=True, slots=True)
class ZarrArray:
    """An array of a Zarr hierarchy, as its metadata describes it.

    Parameters
    ----------
    node : Node
    shape, chunk_shape, stored_shape : tuple of int
        Of the array, of what is decoded at once, and of what is one file (a chunk, or a shard of several).
    dtype : dtype
    compressor : str or None
        The one of the codecs that makes it smaller.
    checksummed : bool
        A CRC-32C (4 bytes) ends each chunk.
    lossy_filter : str or None
        A codec that changes samples for good.
    separator, prefix : str
        Of the chunks' keys.
    index_at_end, index_bytes : bool, int
        Of a shard's index; 0 bytes where there are no shards.
    """

    node: Node
    shape: tuple[int, ...]
    chunk_shape: tuple[int, ...]
    stored_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    compressor: str | None
    checksummed: bool
    lossy_filter: str | None
    separator: str
    prefix: str
    index_at_end: bool = True
    index_bytes: int = 0

    @property
    def chunk_bytes(self) -> int:
        """Bytes of a decoded chunk; those at the edge are stored as large as the others."""
        return math.prod(self.chunk_shape) * self.dtype.itemsize


def read_array(node: Node, max_pixels: int) -> ZarrArray:
    """Check the metadata of an array.

    Parameters
    ----------
    node : Node
        Of an array.
    max_pixels : int
        Limit of a frame, and (times 8 bytes) of a chunk.

    Raises
    ------
    CorruptDataError
        If it is not what the specification says.
    UnsupportedFormatError
        If it has a codec that is not read, or a chunk above the limit.

    References
    ----------
    Zarr specifications, version 2 and version 3.1; sharding codec 1.0.
    """
    if not node.is_array:
        raise CorruptDataError("is a Zarr group; expected an array: the multiscales metadata names it", path=node.path)
    array = _read_v3(node) if node.version == 3 else _read_v2(node)
    for name, sizes in (("chunk_shape", array.chunk_shape), ("shard shape", array.stored_shape)):
        if len(sizes) != len(array.shape):
            raise CorruptDataError(f"{name} is {sizes}, the shape {array.shape}: damaged metadata", path=node.path)
    check_decoded_bytes(f"a chunk of shape {array.chunk_shape}", array.chunk_bytes, max_pixels)
    return array


def _read_v2(node: Node) -> ZarrArray:
    meta = node.metadata
    filters = meta.get("filters") or []
    compressor = [meta["compressor"]] if meta.get("compressor") else []
    if not isinstance(filters, list):
        raise CorruptDataError("the filters of the array are no list: damaged metadata", path=node.path)
    codecs = [_codec(codec, "id") for codec in (*filters, *compressor)]
    name, checksummed, lossy = _check_codecs(codecs)
    separator = meta.get("dimension_separator", ".")
    if separator not in (".", "/"):
        raise CorruptDataError(f"the separator of the chunks' names is {separator!r}: damaged metadata", path=node.path)
    chunks = _sizes(meta.get("chunks"), "chunks")
    return ZarrArray(
        node, _sizes(meta.get("shape"), "shape"), chunks, chunks, _dtype(meta.get("dtype")), name, checksummed, lossy,
        separator, "",
    )  # fmt: skip


def _read_v3(node: Node) -> ZarrArray:
    meta = node.metadata
    if meta.get("storage_transformers"):
        raise UnsupportedFormatError("the array has storage transformers, which are not read", path=node.path)
    grid, encoding = _named(meta.get("chunk_grid")), _named(meta.get("chunk_key_encoding"))
    if grid[0] != "regular" or encoding[0] not in ("default", "v2"):
        raise UnsupportedFormatError(
            f"chunk grid {grid[0]!r} with keys {encoding[0]!r}; expected regular with default or v2; not read",
            path=node.path,
        )
    separator = encoding[1].get("separator", "/" if encoding[0] == "default" else ".")
    if separator not in (".", "/"):
        raise CorruptDataError(f"the separator of the chunks' names is {separator!r}: damaged metadata", path=node.path)
    stored = chunks = _sizes(grid[1].get("chunk_shape"), "chunk_shape")
    codecs = [_codec(codec, "name") for codec in _list(meta.get("codecs"), "codecs")]
    index_bytes, at_end = 0, True
    if codecs and codecs[0][0] == "sharding_indexed":
        if len(codecs) > 1:
            raise UnsupportedFormatError("shards are coded as a whole, which is not read", path=node.path)
        settings = codecs[0][1]
        chunks = _sizes(settings.get("chunk_shape"), "the shards' chunk_shape")
        if len(chunks) != len(stored) or any(s % c for s, c in zip(stored, chunks, strict=True)):
            raise CorruptDataError(f"shards of {stored} are not made of chunks of {chunks}", path=node.path)
        index_bytes = _index_bytes(math.prod(stored) // math.prod(chunks), settings)
        at_end = settings.get("index_location", "end") == "end"
        codecs = [_codec(codec, "name") for codec in _list(settings.get("codecs"), "the shards' codecs")]
    name, checksummed, lossy = _check_codecs(codecs)
    return ZarrArray(
        node, _sizes(meta.get("shape"), "shape"), chunks, stored, _dtype(meta.get("data_type")), name, checksummed,
        lossy, separator, "c" if encoding[0] == "default" else "", at_end, index_bytes,
    )  # fmt: skip


def _index_bytes(chunks: int, settings: dict[str, Any]) -> int:
    """Return the length of a shard's index: offset and length of each chunk, and a checksum."""
    if chunks > _MAX_CHUNKS_IN_SHARD:
        raise UnsupportedFormatError(f"shards of {chunks} chunks; at most {_MAX_CHUNKS_IN_SHARD} are read")
    coded = [_codec(codec, "name") for codec in _list(settings.get("index_codecs"), "index_codecs")]
    names = [name for name, _ in coded]
    if names not in (["bytes"], ["bytes", "crc32c"]) or coded[0][1].get("endian", "little") != "little":
        raise UnsupportedFormatError(f"the shards' index is coded by {', '.join(names)}; expected bytes and crc32c")
    return 16 * chunks + 4 * (len(names) - 1)


def _check_codecs(codecs: list[tuple[str, dict[str, Any]]]) -> tuple[str | None, bool, str | None]:
    """Accept codecs that are known to make numbers of numbers; return the compressor and what matters to us."""
    names = [name for name, _ in codecs]
    for name, settings in codecs:
        if name in _OBJECTS:
            raise UnsupportedFormatError(
                f"the codec {name} makes Python objects, which are not loaded: they could run code; expected uint8 or "
                "uint16 samples; nothing was decoded"
            )
        if name in _WITH_TYPES:
            for key in ("dtype", "astype"):
                if key in settings and np.dtype(_dtype(settings[key])).kind not in "iuf":
                    raise UnsupportedFormatError(f"the codec {name} makes {settings[key]!r}; expected numbers")
        elif name not in (*_PLAIN, *COMPRESSORS):
            raise UnsupportedFormatError(
                f"the codec {name!r} is not read; expected {', '.join(COMPRESSORS[:-1])} or none; nothing was decoded: "
                "save the array with one of these"
            )
    compressors = [name for name in names if name in COMPRESSORS]
    if len(compressors) > 1:
        raise UnsupportedFormatError(f"compressed more than once ({', '.join(compressors)}), which is not read")
    # Behind the compressor only a checksum may come: its output is no array.
    behind = names[names.index(compressors[0]) + 1 :] if compressors else []
    if behind not in ([], ["crc32c"]):
        raise UnsupportedFormatError(f"the codecs are {', '.join(names)}, in an order that is not read")
    lossy = next((name for name in names if name in _LOSSY), None)
    return (compressors[0] if compressors else None), names[-1:] == ["crc32c"], lossy


def _codec(value: Any, key: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the settings of a codec of version 2 (`id` among them) or 3."""
    if isinstance(value, dict) and key == "id" and isinstance(value.get("id"), str):
        return value["id"], value
    name, settings = _named(value)
    return name.removeprefix("numcodecs."), settings


def _named(value: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(value, str):
        return value, {}
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        settings = value.get("configuration", {})
        if isinstance(settings, dict):
            return value["name"], settings
    raise CorruptDataError(f"the metadata has {str(value)[:80]!r}; expected a name with its configuration")


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list) or len(value) > 16:
        raise CorruptDataError(f"{name} is {str(value)[:80]!r}; expected a list of codecs")
    return value


def _sizes(value: Any, name: str) -> tuple[int, ...]:
    if (
        not isinstance(value, list)
        or not 2 <= len(value) <= 5
        or any(not isinstance(n, int) or isinstance(n, bool) or not 1 <= n < 2**48 for n in value)
    ):
        raise CorruptDataError(f"{name} is {str(value)[:80]!r}; expected 2 to 5 sizes of at least 1; nothing was read")
    return tuple(value)


def _dtype(value: Any) -> np.dtype[Any]:
    try:
        if not isinstance(value, str):
            raise TypeError(f"{str(value)[:80]!r}")
        dtype = np.dtype(value)
    except (TypeError, ValueError) as error:
        raise UnsupportedFormatError(
            f"unsupported pixel type {str(value)[:80]!r}; expected uint8 or uint16; nothing was converted: convert it "
            "on purpose"
        ) from error
    if dtype.hasobject:
        raise UnsupportedFormatError(
            "the array holds Python objects, which are not loaded: they could run code; expected uint8 or uint16"
        )
    return dtype
