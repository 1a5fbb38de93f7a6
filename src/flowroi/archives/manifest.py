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
from flowroi.archives.folder_files import is_there, read_regular
from flowroi.errors import CorruptDataError, UnsupportedFormatError
from flowroi.stores import AnyPath

FORMAT = "flowroi-archive"
FORMAT_VERSION = 2
_VERSIONS = (1, 2)
# Of archives that are folders: the manifest, and the mark that is written last.
MANIFEST_NAME = "manifest.json"
COMPLETE_NAME = "COMPLETE"
# Nothing that we write comes near it.
_LARGEST_BYTES = 1 << 30
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """One stored frame: its checksums.

    Attributes
    ----------
    name : str
    size_bytes : int
    sha256 : str
        Of the stored bytes.
    pixels_sha256 : str
        Of what they decode to; see `pixels_digest`.
    mask_sha256 : str or None
        Of the kept mask; see `mask_digest`.
    """

    name: str
    size_bytes: int
    sha256: str
    pixels_sha256: str
    mask_sha256: str | None = None

    @classmethod
    def of(cls, name: str, data: bytes, pixels_sha256: str, mask: npt.NDArray[np.bool_] | None = None) -> FrameRecord:
        """Describe a frame's stored bytes and its mask."""
        return cls(name, len(data), sha256(data), pixels_sha256, None if mask is None else mask_digest(mask))


def mask_digest(mask: npt.NDArray[np.bool_]) -> str:
    """Return the SHA-256 of a mask: its pixels in row-major order, eight to a byte, the first in the highest bit."""
    return sha256(np.packbits(mask).tobytes())


def pixels_digest(frame: npt.NDArray[Any]) -> str:
    """Return the SHA-256 of a frame's samples: in row-major order, two bytes of 16 bits with the lower one first."""
    little = np.ascontiguousarray(frame, frame.dtype.newbyteorder("<"))
    return hashlib.sha256(little.data).hexdigest()


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

    One of an earlier version is returned in the words of the present one.

    Raises
    ------
    CorruptDataError
        If it is not JSON, its digest does not fit, or what it says is not what archives of ours say.
    UnsupportedFormatError
        If it is no manifest of ours, or of a later version.
    """
    manifest = unsealed(text, path)
    if manifest.get("format") != FORMAT:
        raise UnsupportedFormatError("there is a manifest, but not of a FlowRoI archive", path=path)
    version = manifest.get("format_version")
    if version not in _VERSIONS or isinstance(version, bool):
        raise UnsupportedFormatError(
            f"archive format version {version!r}; this release reads 1 to {FORMAT_VERSION}: update", path=path
        )
    _check_digest(manifest, path)
    if version == 1:
        manifest = _upgraded(manifest)
    check_contents(manifest, path)
    return manifest


def sealed(content: dict[str, Any]) -> bytes:
    """Return a document as canonical JSON that ends its own digest: what `unsealed_document` reads."""
    return canonical_json({**content, "digest": "sha256:" + sha256(canonical_json(content))})


def unsealed_document(text: str | bytes, path: Any) -> dict[str, Any]:
    """Read a document that `sealed` wrote; raises CorruptDataError where it is not what was written."""
    document = unsealed(text, path)
    _check_digest(document, path)
    return document


def unsealed(text: str | bytes, path: Any) -> dict[str, Any]:
    """Read a document of JSON without looking at its digest; raises CorruptDataError if it is none."""
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise CorruptDataError(f"the manifest is not readable JSON: {error}", path=path) from error
    if not isinstance(document, dict):
        raise CorruptDataError("the manifest is JSON, but no object", path=path)
    # Spaces and the like would change unseen otherwise.
    try:
        canonical = canonical_json(document)
    except ValueError as error:
        raise CorruptDataError(f"the manifest holds what JSON cannot say: {error}", path=path) from error
    if canonical != (text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text):
        raise CorruptDataError("the manifest is not canonical JSON: it was changed or damaged", path=path)
    return document


def _check_digest(document: dict[str, Any], path: Any) -> None:
    content = {key: value for key, value in document.items() if key != "digest"}
    if document.get("digest") != f"sha256:{sha256(canonical_json(content))}":
        raise CorruptDataError("the manifest does not fit its own digest: it was changed or damaged", path=path)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _upgraded(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest of version 1 in the words of version 2: it has no checksums of pixels, and one lossy method."""
    ratios, method = manifest.get("lossy_ratio"), manifest.get("lossy_method")
    if not isinstance(ratios, list) or not isinstance(method, str):
        return manifest
    return {
        **manifest,
        "lossy_method": [method] * len(ratios),
        "files": manifest.get("files", []),
        "gaps": [],
        "masks_sha256": None,
        "settings": None,
    }


def read_folder_manifest(folder: AnyPath) -> dict[str, Any]:
    """Read the manifest of an archive that is a folder, and the mark that it is complete.

    Raises
    ------
    UnsupportedFormatError
        If there is none, or not one of ours.
    CorruptDataError
        If it is damaged, or the archive was never finished.
    """
    file = folder / MANIFEST_NAME
    if not is_there(file):
        raise UnsupportedFormatError(
            f"a folder without {MANIFEST_NAME}, so not an archive of ours: read it as a source", path=folder
        )
    manifest = parse(read_regular(file, _LARGEST_BYTES), file)
    if manifest["format_version"] > 1:
        check_complete(folder, manifest["digest"])
    return manifest


def check_complete(folder: AnyPath, digest: str) -> None:
    """Raise CorruptDataError unless a folder has the mark of a complete archive with this digest."""
    mark = folder / COMPLETE_NAME
    if not is_there(mark):
        raise CorruptDataError(
            f"there is no {COMPLETE_NAME}: the archive was not finished, or a file was lost; make it again", path=folder
        )
    if read_regular(mark, _LARGEST_BYTES) != complete_mark(digest):
        raise CorruptDataError("does not fit the manifest: one of them was changed or damaged", path=mark)


def complete_mark(digest: str) -> bytes:
    """Return what the mark of a complete archive holds: the manifest's digest, and a new line."""
    return digest.encode("ascii") + b"\n"
