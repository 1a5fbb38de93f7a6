"""What was measured, on disk, so that a sweep that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from flowroi.archives.atomic import replacing
from flowroi.errors import OutputExistsError

# Grows when what is stored, or how it is measured, changes.
CACHE_FORMAT = 1
_TAG = "CACHEDIR.TAG"
# The first line is that of the Cache Directory Tagging Specification: back-up tools leave such folders out.
_TAG_TEXT = "Signature: 8a477f597d28d172789f06886806bc55\n# Measures of flowroi sweep; may be removed at any time.\n"


class Cache:
    """A folder of small JSON files, one a measure; each appears whole, and says itself whether it still is.

    Parameters
    ----------
    folder : Path
        Made when something is stored; an existing one must be empty, or a cache of this kind.

    Raises
    ------
    OutputExistsError
        If the folder holds something else.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder.exists() or folder.is_symlink()):
            return
        if not folder.is_dir():
            raise OutputExistsError("the cache is to be a folder, and this is none; name another one", path=folder)
        tag = folder / _TAG
        ours = tag.is_file() and tag.read_bytes() == _TAG_TEXT.encode()
        if not ours and any(not entry.name.endswith(".flowroi-part") for entry in folder.iterdir()):
            raise OutputExistsError(
                "the folder is no cache of a sweep; nothing was written: name another one, or remove it", path=folder
            )

    def load(self, key: str) -> dict[str, Any] | None:
        """Return what is stored under a key; None where nothing is, or it is damaged."""
        try:
            entry = json.loads((self.folder / f"{key}.json").read_bytes())
            payload = entry["payload"]
            whole = entry["key"] == key and entry["sha256"] == _digest(payload)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return payload if whole and isinstance(payload, dict) else None

    def store(self, key: str, payload: dict[str, Any]) -> None:
        """Store a measure under its key, in place of what is there."""
        self.open()
        text = json.dumps({"key": key, "sha256": _digest(payload), "payload": payload}, allow_nan=False)
        self._write(self.folder / f"{key}.json", text)

    def open(self) -> None:
        """Make the folder, if it is not there."""
        self.folder.mkdir(exist_ok=True)
        if not (self.folder / _TAG).exists():
            self._write(self.folder / _TAG, _TAG_TEXT)

    def _write(self, target: Path, text: str) -> None:
        with replacing(target) as unfinished:
            unfinished.write_text(text, encoding="utf-8", newline="\n")


def _digest(payload: Any) -> str:
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
