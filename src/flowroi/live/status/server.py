"""An HTTP server that no client can hold up: a few connections, each with a deadline and a small head, and no more."""

from __future__ import annotations

import errno
import io
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import StreamRequestHandler, TCPServer, ThreadingMixIn
from typing import Any

from flowroi.live.status.address import Address
from flowroi.live.status.site import HEADERS, Answer, Request, refusal

MOST_CONNECTIONS = 32
# To send a request, and again to take the answer.
DEADLINE_S = 10.0
MOST_HEAD_BYTES = 16 * 1024
_POLL_S = 0.1
_PIECE_BYTES = 4096
# Where no file can be opened, a connection that waits would be tried again at once.
_FULL_PAUSE_S = 0.2


class StatusServer(ThreadingMixIn, TCPServer):
    """Serves in threads of its own, one a connection; whatever goes wrong there stays there.

    Parameters
    ----------
    address : Address
        Where to listen; from now on others may connect, and wait.

    Attributes
    ----------
    address : Address
        With the port that was free, where any was asked for.

    Raises
    ------
    OSError
        If it cannot be had.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = MOST_CONNECTIONS

    def __init__(self, address: Address) -> None:
        self.address_family, bound = address.resolved()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.answer: Callable[[Request], Answer] | None = None
        self._thread = threading.Thread(target=self.serve_forever, args=(_POLL_S,), name="flowroi-status", daemon=True)
        super().__init__(bound, _Handler)
        self.host = str(self.socket.getsockname()[0])
        self.address = Address(address.host, self.socket.getsockname()[1])

    def start(self, answer: Callable[[Request], Answer]) -> None:
        """Begin to answer."""
        self.answer = answer
        self._thread.start()

    def close(self) -> None:
        """Stop listening, and let go of those who are connected."""
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
        self.server_close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def get_request(self) -> tuple[Any, Any]:
        """Accept a connection."""
        try:
            return super().get_request()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                time.sleep(_FULL_PAUSE_S)
            raise

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002
        """Whether there is room for one more."""
        with self._lock:
            if len(self._open) >= MOST_CONNECTIONS:
                return False
            self._open.add(request)
            return True

    def shutdown_request(self, request: Any) -> None:
        """Let go of a connection."""
        super().shutdown_request(request)
        with self._lock:
            self._open.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that goes away is none of the run's business."""


class _Handler(BaseHTTPRequestHandler):
    server: StatusServer

    def setup(self) -> None:
        StreamRequestHandler.setup(self)
        # Read by `_head`, which has a deadline for all of it and not for every piece.
        self.rfile.close()

    def handle(self) -> None:
        self.close_connection = True
        self.command, self.request_version = "", "HTTP/1.0"
        self.requestline = ""
        try:
            head = _head(self.connection, time.monotonic() + DEADLINE_S)
        except TimeoutError:
            self._send(refusal(HTTPStatus.REQUEST_TIMEOUT, "the request took too long"))
            return
        if head is None:
            return
        if len(head) > MOST_HEAD_BYTES:
            self._send(refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request is too long"))
            return
        self.rfile = io.BufferedReader(io.BytesIO(head))
        self.raw_requestline = self.rfile.readline()
        if self.parse_request():
            self._send(self._answer())

    def _answer(self) -> Answer:
        names = ("host", "authorization", "cookie")
        hosts, authorizations, cookies = (tuple(self.headers.get_all(name, ())) for name in names)
        assert self.server.answer is not None
        try:
            return self.server.answer(Request(self.command, self.path, hosts, authorizations, cookies))
        except Exception:  # whatever it is, the run goes on, and the client need not know
            return refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "the status cannot be told just now")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Answer what is no HTTP, as `parse_request` does."""
        self._send(refusal(HTTPStatus(code), HTTPStatus(code).phrase))

    def _send(self, answer: Answer) -> None:
        # What is no HTTP/1 gets an answer with a head all the same.
        self.request_version = "HTTP/1.0"
        self.connection.settimeout(DEADLINE_S)
        self.send_response_only(answer.status)
        for name, value in (*HEADERS, *answer.headers):
            self.send_header(name, value)
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)


def _head(connection: socket.socket, until: float) -> bytes | None:
    """Return what a client sends up to an empty line, or a little more than is allowed; None where it goes away.

    Raises
    ------
    TimeoutError
        If it has not sent that in time, whether it hangs or dribbles.
    """
    head = bytearray()
    while True:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        try:
            piece = connection.recv(_PIECE_BYTES)
        except ConnectionError:
            return None
        if not piece:
            return None
        seen = max(0, len(head) - 3)
        head += piece
        end = head.find(b"\r\n\r\n", seen)
        if end >= 0:
            return bytes(head[: end + 4])
        if len(head) > MOST_HEAD_BYTES:
            return bytes(head)
