"""The token without which nothing is told: random, or kept in a file so that it outlives a restart."""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path

from flowroi.errors import InvalidParameterError

_BYTES = 32
# What fits into a header, a cookie and a URL as it is, and is too long to be guessed.
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{20,256}", re.ASCII)
_LARGEST_FILE_BYTES = 1024


def new_token() -> str:
    """Return a token that nobody guesses."""
    return secrets.token_urlsafe(_BYTES)


def token_of_file(path: Path) -> str:
    """Return the token that a file holds; a file that is not there is made, for its owner only.

    Parameters
    ----------
    path : Path
        White space around the token is left out.

    Raises
    ------
    InvalidParameterError
        If the file holds no such token, or everyone may read or write it.
    OSError
        If it cannot be read, or made.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return _read(path)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        token = new_token()
        file.write(f"{token}\n")
    return token


def _read(path: Path) -> str:
    # A pipe would be waited for.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            raise InvalidParameterError("the token's file is no ordinary file; nothing was done", path=path)
        if state.st_mode & stat.S_IRWXO:
            raise InvalidParameterError(
                f"the token's file is open to everyone (mode {stat.S_IMODE(state.st_mode):04o}); nothing was done: "
                "chmod o-rwx, and make a new token if others may have read it",
                path=path,
            )
        text = file.read(_LARGEST_FILE_BYTES).decode("ascii", "replace").strip()
    if _TOKEN.fullmatch(text) is None:
        raise InvalidParameterError(
            f"the token's file holds {len(text)} characters that are no token; expected 20 to 256 of "
            "A-Z a-z 0-9 . _ ~ -; nothing was done: remove the file, and it is made anew",
            path=path,
        )
    return text
