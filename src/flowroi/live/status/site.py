"""What is answered to whom: a few read-only routes, for who names the right host and has the token."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from urllib.parse import parse_qs

from flowroi.errors import FlowRoIError
from flowroi.live.status.metrics import metrics_text
from flowroi.live.status.picture import Busy, Picture
from flowroi.live.status.snapshot import Status

HEADERS = (
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_PLAIN = "text/plain; charset=utf-8"
_STATIC = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_OVERLAY = re.compile(r"/overlay/(0|[1-9][0-9]{0,6})\.png", re.ASCII)
_BEARER = re.compile(r"Bearer +(\S+)", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: method, path with its query, and the values of the headers that count, each as it was sent.

    Attributes
    ----------
    method, target : str
    hosts, authorizations, cookies : tuple of str
        Every header of that name.
    """

    method: str
    target: str
    hosts: tuple[str, ...] = ()
    authorizations: tuple[str, ...] = ()
    cookies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered; `HEADERS` go with every answer."""

    status: HTTPStatus
    body: bytes
    media_type: str = _PLAIN
    headers: tuple[tuple[str, str], ...] = ()


def refusal(status: HTTPStatus, text: str, *headers: tuple[str, str]) -> Answer:
    """Return an answer that says why there is no other."""
    return Answer(status, f"{text}\n".encode(), headers=headers)


class Site:
    """Answers requests.

    Parameters
    ----------
    token : str
    hosts : frozenset of str
        What a request's Host may be, in small letters.
    cookie : str
        Name of the cookie that keeps the token.
    status : callable
        Returns the `Status`.
    picture : callable
        From the number of a position to the picture of its newest frame; None where there is none.
    """

    def __init__(
        self,
        token: str,
        hosts: frozenset[str],
        cookie: str,
        status: Callable[[], Status],
        picture: Callable[[int], Picture | None],
    ) -> None:
        self._token, self._hosts, self._cookie = token, hosts, cookie
        self._status, self._picture = status, picture
        self._pages = {
            route: Answer(HTTPStatus.OK, files(__package__).joinpath("page", name).read_bytes(), kind)
            for route, (name, kind) in _STATIC.items()
        }

    def answer(self, request: Request) -> Answer:
        """Return the answer to a request."""
        # Before all else: a strange page may have had its own name point here.
        if len(request.hosts) != 1 or request.hosts[0].lower() not in self._hosts:
            return refusal(HTTPStatus.FORBIDDEN, "this is not the name of this page (--status-host)")
        path, _, query = request.target.partition("?")
        given = parse_qs(query).get("token", []) if path == "/" else []
        refused = self._refused(request, given)
        if refused is not None:
            return refused
        if request.method not in ("GET", "HEAD"):
            return refusal(HTTPStatus.METHOD_NOT_ALLOWED, "this is only to be looked at", ("Allow", "GET, HEAD"))
        if given:
            kept = f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict"
            return refusal(HTTPStatus.SEE_OTHER, "", ("Location", "/"), ("Set-Cookie", kept))
        return self._page(path)

    def _refused(self, request: Request, given: list[str]) -> Answer | None:
        """Return why a request is refused that does not have the token; None where it has."""
        given = [*given, *self._bearers(request), *self._kept(request)]
        if not given:
            text = "the token is missing: open the address that flowroi watch told when it began"
            return refusal(HTTPStatus.UNAUTHORIZED, text, ("WWW-Authenticate", 'Bearer realm="flowroi"'))
        # The first one counts: what a link says goes before what a browser kept.
        if not hmac.compare_digest(given[0].encode("utf-8", "surrogatepass"), self._token.encode()):
            return refusal(HTTPStatus.FORBIDDEN, "the token is another one: open the address that flowroi watch told")
        return None

    def _bearers(self, request: Request) -> list[str]:
        found = (_BEARER.fullmatch(value.strip()) for value in request.authorizations)
        return [match[1] for match in found if match is not None]

    def _kept(self, request: Request) -> list[str]:
        # Not by `http.cookies`, which gives up at what others on this machine may have set.
        parts = (part.strip().partition("=") for value in request.cookies for part in value.split(";"))
        return [value for name, _, value in parts if name == self._cookie]

    def _page(self, path: str) -> Answer:
        if path in self._pages:
            return self._pages[path]
        if path == "/status.json":
            text = json.dumps(self._status().to_json(), allow_nan=False, separators=(",", ":"))
            return Answer(HTTPStatus.OK, text.encode(), "application/json")
        if path == "/metrics":
            return Answer(HTTPStatus.OK, *metrics_text(self._status))
        overlay = _OVERLAY.fullmatch(path)
        if overlay is not None:
            return self._overlay(int(overlay[1]))
        return refusal(HTTPStatus.NOT_FOUND, "there is no such page")

    def _overlay(self, number: int) -> Answer:
        try:
            picture = self._picture(number)
        except Busy:
            return refusal(HTTPStatus.SERVICE_UNAVAILABLE, "other pictures are being made", ("Retry-After", "2"))
        except FlowRoIError as error:
            return refusal(HTTPStatus.INTERNAL_SERVER_ERROR, f"the frame cannot be shown: {error.message}")
        if picture is None:
            return refusal(HTTPStatus.NOT_FOUND, "there is no frame of such a position")
        return Answer(HTTPStatus.OK, picture.png, "image/png", (("X-FlowRoI-Frame", str(picture.frame)),))
