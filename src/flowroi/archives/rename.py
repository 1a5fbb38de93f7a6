"""Renames that the standard library does not offer: to a name that is free, and two that change places, in one step."""

from __future__ import annotations

import ctypes
import errno
import os
import threading
from functools import cache
from pathlib import Path
from typing import Any

from flowroi.errors import OutputExistsError

_AT_FDCWD = -100
_NOREPLACE, _EXCHANGE = 1, 2
# What kernels and file systems answer that do not know these renames.
_UNKNOWN = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)


def rename_to_new(path: Path, target: Path) -> None:
    """Rename, unless something has come to stand at the target meanwhile.

    Raises
    ------
    OutputExistsError
        If the target exists.
    """
    try:
        _renameat2(path, target, _NOREPLACE)
    except FileExistsError as error:
        raise _appeared(target) from error
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
        if os.path.lexists(target):
            raise _appeared(target) from error
        path.rename(target)


def exchange(path: Path, other: Path) -> None:
    """Let two files or folders change places; where the file system cannot, by way of a third name."""
    try:
        _renameat2(path, other, _EXCHANGE)
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
        # A name that no other thread takes, which may be at another target.
        aside = other.with_name(f".{os.getpid()}-{threading.get_ident()}.flowroi-old")
        other.rename(aside)
        try:
            path.rename(other)
        except OSError:
            aside.rename(other)
            raise
        aside.rename(path)


def _appeared(target: Path) -> OutputExistsError:
    return OutputExistsError(
        "something has appeared there meanwhile; nothing was replaced: choose another name, or overwrite", path=target
    )


def _renameat2(path: Path, target: Path, flags: int) -> None:
    call = _system_call()
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(_AT_FDCWD, os.fsencode(path), _AT_FDCWD, os.fsencode(target), flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), os.fspath(path), None, os.fspath(target))


@cache
def _system_call() -> Any:
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is not None:
        call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
        call.restype = ctypes.c_int
    return call
