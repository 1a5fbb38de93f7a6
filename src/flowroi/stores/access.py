"""Opens a store through fsspec, and tells in our words what goes wrong with it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flowroi.errors import FlowRoIError, MissingDependencyError, MissingInputError, StoreError, UnsupportedFormatError
from flowroi.extras import need
from flowroi.stores.url import WEB, shown_url

_LONGEST_TEXT = 300
# What web servers answer for what they do not have.
_NOT_THERE = (403, 404, 410)
NO_ACCESS = (
    "the store denies access: check the credentials and the rights, also that to list, without which stores say this "
    "of what is not there, too"
)


def open_store(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it; what it needs to know it has from fsspec's configuration.

    Raises
    ------
    MissingDependencyError
        Without fsspec, or the package for the protocol.
    UnsupportedFormatError
        If fsspec knows no such protocol.
    """
    fsspec = need("fsspec", extra="stores")
    protocol = url.partition("://")[0]
    try:
        fsspec.get_filesystem_class(protocol)
    except ValueError as error:
        raise UnsupportedFormatError(
            f"no protocol {protocol!r} is known; expected s3, gs, az, https or another of fsspec's", path=shown_url(url)
        ) from error
    except ImportError as error:
        known = need("fsspec.registry", extra="stores").known_implementations.get(protocol, {})
        package = "aiohttp" if protocol in WEB else str(known.get("class", protocol)).partition(".")[0]
        raise MissingDependencyError(
            f"{package} is not installed, which fsspec needs for {protocol}://: pip install {package}"
        ) from error
    with told(url):
        store, path = fsspec.core.url_to_fs(url)
    return store, path


@contextmanager
def told(url: str) -> Iterator[None]:
    """Turn what a store raises into errors of ours; it has tried again by itself where that may help.

    Raises
    ------
    MissingInputError
        If there is no such object, or it may not be read.
    StoreError
        For anything else: the network, the server, the credentials.
    """
    shown = shown_url(url)
    try:
        yield
    except (FlowRoIError, StoreError):
        raise
    except FileNotFoundError as error:
        cause = error.__cause__
        if type(cause).__module__.startswith("aiohttp") and getattr(cause, "status", 0) not in _NOT_THERE:
            # The file system of web servers takes every failure for that.
            raise _failed(cause or error, url) from error
        raise MissingInputError("there is no such object in the store", path=shown) from error
    except PermissionError as error:
        raise MissingInputError(NO_ACCESS, path=shown) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreError(f"the local disk is full ({error}): give another folder with --scratch") from error
        raise _failed(error, url) from error


def _failed(error: BaseException, url: str) -> StoreError:
    shown = shown_url(url)
    text = shown_url(" ".join(str(error).split()))[:_LONGEST_TEXT] or type(error).__name__
    if shown != url:
        # Its own words may have a part of the URL that is not to be shown.
        text = f"{type(error).__name__}; more is not told of a URL with credentials in it: leave them out"
    return StoreError(
        f"the store failed ({text}); nothing was made up in its place: try again, the same command goes on", path=shown
    )
