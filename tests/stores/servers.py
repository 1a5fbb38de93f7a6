"""An S3 server, and a server before it that fails where a test wants it to."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

_START_S = 60
_OF_THE_CONNECTION = ("content-length", "transfer-encoding", "connection", "date", "server")


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def s3_server():
    """A moto server in a process of its own; yields its URL."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + _START_S
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
            except OSError:
                assert process.poll() is None, "the server did not start"
                assert time.monotonic() < deadline, "the server did not start in time"
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Between:
    """A server between a client and the S3 server: what `rule(method, key)` returns is done to a request.

    None passes it on. A number is the status to answer instead; "cut" sends half of the answer's body, "garble"
    changes one byte of it, "empty" is a success without doing anything, "drop" closes the connection.
    """

    def __init__(self, behind):
        self._host = behind.removeprefix("http://")
        self.rule = lambda method, key: None
        self.seen = []
        self._lock = threading.Lock()
        between = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *arguments):
                pass

            def _any(self):
                between._handle(self)

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _any  # noqa: N815

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        # Of clients that were killed.
        self._server.handle_error = lambda *arguments: None
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def _handle(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        key = unquote(request.path.partition("?")[0])
        with self._lock:
            self.seen.append((request.command, key))
            what = self.rule(request.command, key)
        if what == "drop":
            request.close_connection = True
            return
        if isinstance(what, int) or what == "empty":
            request.send_response(200 if what == "empty" else what)
            if what == "empty":
                request.send_header("ETag", '"0"')
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        connection = http.client.HTTPConnection(self._host, timeout=30)
        try:
            connection.request(request.command, request.path, body, dict(request.headers))
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if what == "garble" and data:
            data = data[:-1] + bytes([data[-1] ^ 1])
        request.send_response(answer.status)
        for name, value in answer.getheaders():
            # Without its checksum it is for us to notice.
            is_checksum = what == "garble" and name.lower().startswith("x-amz-checksum")
            if not is_checksum and name.lower() not in _OF_THE_CONNECTION:
                request.send_header(name, value)
        size = len(data) if request.command != "HEAD" else int(answer.getheader("Content-Length") or 0)
        request.send_header("Content-Length", str(size))
        request.end_headers()
        if what == "cut":
            request.wfile.write(data[: len(data) // 2])
            request.close_connection = True
        else:
            request.wfile.write(data)

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
