"""The manifest: what an archive holds, how it was made, and checksums to prove it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from flowroi.archives.contents import check_contents
from flowroi.errors import CorruptDataError, UnsupportedFormatError

FORMAT = "flowroi-archive"
FORMAT_VERSION = 1
# Of archives that are folders.
MANIFEST_NAME = "manifest.json"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """One stored frame: the checksums are of the stored bytes, and of the kept mask's pixels (see `mask_digest`)."""

    name: str
    size_bytes: int
    sha256: str
    mask_sha256: str | None = None

    @classmethod
    def of(cls, name: str, data: bytes, mask: npt.NDArray[np.bool_] | None) -> FrameRecord:
        """Describe a frame's stored bytes and its mask."""
        return cls(name, len(data), sha256(data), None if mask is None else mask_digest(mask))


def mask_digest(mask: npt.NDArray[np.bool_]) -> str:
    """Return the SHA-256 of a mask: its pixels in row-major order, eight to a byte, the first in the highest bit."""
    return sha256(np.packbits(mask).tobytes())


def sha256(data: bytes) -> str:
    """Return the SHA-256 digest in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sha256_of(file: BinaryIO, size: int) -> str:
    """Return the SHA-256 of the next `size` bytes of a file, or of those that are there."""
    digest = hashlib.sha256()
    while size > 0 and (block := file.read(min(size, _BLOCK))):
        digest.update(block)
        size -= len(block)
    return digest.hexdigest()


def digest_of_file(path: Path, size: int) -> str:
    """Return the SHA-256 of the first `size` bytes of a file."""
    with path.open("rb") as file:
        return sha256_of(file, size)


def canonical_json(value: Any) -> bytes:
    """Serialise to one and the same bytes for equal values: sorted keys, no spaces, ASCII, no NaN.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": [True, None]})
    b'{"a":[true,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def seal(content: dict[str, Any], frames: list[FrameRecord]) -> dict[str, Any]:
    """Complete a manifest with its frames, its format and its own digest."""
    manifest = {
        **content,
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "frames": [{k: v for k, v in asdict(frame).items() if v is not None} for frame in frames],
    }
    manifest["digest"] = "sha256:" + sha256(canonical_json(manifest))
    return manifest


def parse(text: str | bytes, path: Any) -> dict[str, Any]:
    """Read a manifest, check its digest, and whether it says what manifests say.

    Raises
    ------
    CorruptDataError
        If it is not JSON, its digest does not fit, or what it says is not what archives of ours say.
    UnsupportedFormatError
        If it is no manifest of ours, or of a later version.
    """
    try:
        manifest = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise CorruptDataError(f"the manifest is not readable JSON: {error}", path=path) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise UnsupportedFormatError("there is a manifest, but not of a FlowRoI archive", path=path)
    if manifest.get("format_version") != FORMAT_VERSION:
        raise UnsupportedFormatError(
            f"archive format version {manifest.get('format_version')!r}; this release reads {FORMAT_VERSION}: update",
            path=path,
        )
    unsealed = {key: value for key, value in manifest.items() if key != "digest"}
    try:
        digest = sha256(canonical_json(unsealed))
    except ValueError as error:
        raise CorruptDataError(f"the manifest holds what JSON cannot say: {error}", path=path) from error
    if manifest.get("digest") != f"sha256:{digest}":
        raise CorruptDataError("the manifest does not fit its own digest: it was changed or damaged", path=path)
    check_contents(manifest, path)
    return manifest


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def read_folder_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of an archive that is a folder.

    Raises
    ------
    UnsupportedFormatError
        If there is none, or not one of ours.
    CorruptDataError
        If it is damaged.
    """
    file = folder / MANIFEST_NAME
    try:
        text = file.read_bytes()
    except FileNotFoundError as error:
        raise UnsupportedFormatError(
            f"a folder without {MANIFEST_NAME}, so not an archive of ours: read it as a source", path=folder
        ) from error
    return parse(text, file)
