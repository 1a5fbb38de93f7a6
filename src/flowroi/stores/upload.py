"""Puts a finished archive into a store: every object is read back, and what makes them an archive comes last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from flowroi.archives.manifest import (
    COMPLETE_NAME,
    MANIFEST_NAME,
    canonical_json,
    complete_mark,
    read_folder_manifest,
    sha256,
)
from flowroi.archives.ome_zarr_metadata import FRAMES
from flowroi.archives.ownership import NAMES, refuse_foreign
from flowroi.archives.zarr_chunks import chunk_name
from flowroi.errors import OutputExistsError, VerificationError, printable
from flowroi.stores.claim import Claim
from flowroi.stores.path import Facts, StorePath

_AT_ONCE = 8
# The group's own metadata: without it other readers of OME-Zarr find nothing.
_GROUP = ("zarr.json", ".zgroup", ".zattrs")
# In this order, behind all others.
_LAST = (*_GROUP, MANIFEST_NAME, COMPLETE_NAME)


def upload_archive(local: Path, target: StorePath, *, overwrite: bool) -> None:
    """Upload an OME-Zarr archive that stands, proven, on the local disk.

    Objects that are there already, from an upload that broke off, and are what they are to be, are not sent again.

    Parameters
    ----------
    local : Path
    target : StorePath
    overwrite : bool
        Whether an archive of ours that is there is replaced. It loses its mark of completeness first.

    Raises
    ------
    OutputExistsError
        If something is there that may not be replaced, or another process is uploading.
    VerificationError
        If an object, read back, is not what was sent; there is no archive then.
    StoreError
        If the store fails; what was sent stays for the same command to go on with.
    """
    manifest = read_folder_manifest(local)
    files = files_of(manifest)
    with Claim(target) as claim:
        there = target.names_below()
        _refuse_what_is_not_ours(target, there, begun=claim.found_begun, overwrite=overwrite)
        claim.begin()
        # The mark first: at no time is a mixture of two archives marked as whole.
        for name in (*reversed(_LAST), *there):
            if name in there and (name in _LAST or name not in files):
                (target / name).unlink(missing_ok=True)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="flowroi-store") as pool:
            send = partial(_send, local, target, there)
            try:
                sent = [pool.submit(send, name, *facts) for name, facts in files.items() if name not in _LAST]
                for one in as_completed(sent):
                    one.result()
                    claim.renew()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        for name in _LAST:
            if name in files:
                if name == COMPLETE_NAME:
                    claim.confirm()
                _send(local, target, {}, name, *files[name])


def files_of(manifest: Mapping[str, Any]) -> dict[str, tuple[int, str]]:
    """Return the size in bytes and the SHA-256 of every file of an OME-Zarr archive, by its name within."""
    files = {file["name"]: (file["size_bytes"], file["sha256"]) for file in manifest["files"]}
    if manifest["archive"] == "ome-zarr-0.4":
        frames = enumerate(manifest["frames"])
        files |= {chunk_name(FRAMES, t): (frame["size_bytes"], frame["sha256"]) for t, frame in frames}
    for name, data in (
        (MANIFEST_NAME, canonical_json(manifest)),
        (COMPLETE_NAME, complete_mark(manifest["digest"])),
    ):
        files[name] = (len(data), sha256(data))
    return files


def put(place: StorePath, data: bytes) -> None:
    """Put a small object, and read it back; raises VerificationError if it is not what was sent."""
    place.write(data)
    _check(place, len(data), sha256(data))


def _send(local: Path, target: StorePath, there: Mapping[str, Facts], name: str, size: int, digest: str) -> None:
    place = target / name
    if name in there and there[name].size_bytes == size and place.digest(size) == (size, digest):
        return
    place.write_file(local / name)
    _check(place, size, digest)


def _check(place: StorePath, size: int, digest: str) -> None:
    seen = place.digest(size)
    if seen != (size, digest):
        raise VerificationError(
            f"what was read back from the store is not what was sent ({seen[0]} bytes, {size} sent); there is no "
            "archive: check the store and the memory, then start again",
            path=place,
        )


def _refuse_what_is_not_ours(target: StorePath, there: Mapping[str, Facts], *, begun: bool, overwrite: bool) -> None:
    """Raise OutputExistsError unless nothing is there, what an upload of ours left, or an archive to be replaced."""
    if not there:
        return
    if COMPLETE_NAME in there and not overwrite:
        raise OutputExistsError(
            "the output exists; nothing was written: choose another name, or overwrite", path=target
        )
    if not begun or COMPLETE_NAME in there:
        if not overwrite:
            raise OutputExistsError(
                f"the store holds {printable(next(iter(there)))!r} there, which no run of ours is known to have begun; "
                "nothing was written: choose another name, or remove it yourself",
                path=target,
            )
        refuse_foreign(target)
        return
    for name in _foreign(there):
        raise OutputExistsError(
            f"the store holds {printable(name)!r} there, which is not of an archive of ours; nothing was written: "
            "choose another name, or remove it yourself",
            path=target,
        )


def _foreign(names: Mapping[str, Facts]) -> Iterator[str]:
    return (name for name in names if not any(fnmatchcase(name, pattern) for pattern in NAMES))
