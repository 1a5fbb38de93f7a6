"""What a URL of a store says, and how it is shown: never with the credentials that may stand in it."""

from __future__ import annotations

import re

from flowroi.errors import InvalidParameterError, UnsupportedFormatError

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
# A Path of a URL has lost a slash.
_LOST_SLASH = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/[^/]")
# A secret key may hold a slash; behind a port there is none.
_USER = re.compile(r"(?<=://)([^/@\s'\"]*@|[^/:@\s'\"]+:(?!\d+/)[^@\s'\"]*@)")
# There `container@account` says where, not who.
_NOT_A_USER = ("abfs", "abfss", "az", "adl", "wasb", "wasbs")
# Web servers: nothing is written to them, and most list nothing.
WEB = ("http", "https")


def split_url(text: str) -> tuple[str, str] | None:
    """Return the protocol of a URL, and what follows it without a slash at the end; None if the text is no URL.

    Raises
    ------
    UnsupportedFormatError
        For a URL of URLs, one with a query, or one whose parts lead elsewhere.

    Examples
    --------
    >>> split_url("s3://raw/plate.ome.zarr/"), split_url("raw/plate.ome.zarr")
    (('s3', 'raw/plate.ome.zarr'), None)
    """
    if "::" in text and "://" in text:
        raise UnsupportedFormatError("the URL has another one in it (::); expected one by itself", path=shown_url(text))
    match = _URL.fullmatch(text)
    if match is None:
        return None
    protocol, rest = match[1].lower(), match[2].rstrip("/")
    if protocol == "file":
        return protocol, rest
    if "?" in rest or (protocol in WEB and "#" in rest):
        raise UnsupportedFormatError(
            "the URL has a query, or a fragment, so that no name can follow it; expected the URL of a folder. Where it "
            "is signed, give the credentials to fsspec instead",
            path=shown_url(text.partition("?")[0].partition("#")[0]),
        )
    parts = rest.removeprefix("/").split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise UnsupportedFormatError(
            "the URL has a part that is empty, . or ..; expected PROTOCOL://BUCKET/NAME", path=shown_url(text)
        )
    return protocol, "/".join(parts)


def refuse_half_url(text: str) -> None:
    """Raise InvalidParameterError for what was a URL before it was made a Path."""
    if _LOST_SLASH.match(text):
        raise InvalidParameterError(
            f"{shown_url(text.replace(':/', '://', 1))!r} is a URL; it is not taken here, or was made a Path, which "
            "drops a slash of it: give it as text where URLs are taken, or copy the data"
        )


def shown_url(text: str) -> str:
    """Return a text with its URLs as they may be shown: without user and password.

    Examples
    --------
    >>> shown_url("https://me:se/cret@host/a"), shown_url("http://host:80/a@b"), shown_url("abfs://box@account/a")
    ('https://host/a', 'http://host:80/a@b', 'abfs://box@account/a')
    """
    if text.partition("://")[0].lower() in _NOT_A_USER:
        return text
    return _USER.sub("", text)
