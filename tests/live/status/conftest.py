"""A status that is made up, a server that shows it, and a client that keeps to no rule."""

import socket
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from flowroi.live.status.address import Address, allowed_hosts
from flowroi.live.status.gain import GainsSoFar
from flowroi.live.status.picture import Picture
from flowroi.live.status.server import StatusServer
from flowroi.live.status.site import Site
from flowroi.live.status.snapshot import PlaceStatus, Status
from flowroi.live.status.tally import Latest, Tally
from flowroi.png import encode_png

pytest.importorskip("prometheus_client", reason="no prometheus_client: no status is served")

TOKEN = "t" * 43
HOSTILE = "<img src=x onerror=alert(1)>"


def place(number, name="A1_f0", row=1, column=1, field=0, **changed):
    known = {
        "frames": 12,
        "missing": 1,
        "waiting": 2,
        "behind_s": 0.5,
        "frames_per_s": 0.1,
        "raw_bytes": 12000,
        "coded_bytes": 400,
        "warnings": 1,
        "latest": Latest(11, f"{HOSTILE}.png", 0.4),
        "gain": 1.5,
    }
    return PlaceStatus(number, name, row, column, field, **{**known, **changed})


def status(*places, told=(), **changed):
    """A status; `told` are events."""
    tally = Tally()
    for kind, facts in told:
        tally.hear(kind, facts)
    known = {
        "state": "watching",
        "words": "",
        "version": "1.2.3",
        "target": f"/out/{HOSTILE}",
        "incoming": ("/in",),
        "at": 1e9,
        "started_at": 1e9 - 60,
        "last_file_at": 1e9 - 1,
        "frames": sum(one.frames for one in places),
        "missing": 1,
        "waiting": 2,
        "raw_bytes": 12000,
        "coded_bytes": 400,
        "behind_s": 0.5,
        "frames_per_s": 0.1,
        "max_lag_s": 30.0,
        "lag_s": None,
        "window_s": 300.0,
        "degraded": False,
        "stalled": False,
        "source_lost": False,
        "free_bytes": 10**12,
        "progress": None,
        "gain": GainsSoFar(None, 0, 0.0, 0.0, {}),
        "counts": tally.counts(),
        "places": places,
    }
    return Status(**{**known, **changed})


def png(level=9):
    import numpy as np

    return encode_png(np.full((4, 6), level, np.uint8))


@pytest.fixture
def serve():
    """Serve a made-up status; it can be changed while it is served."""
    servers = []

    def start(shown=None, address="127.0.0.1:0", more=()):
        server = StatusServer(Address.parse(address))
        servers.append(server)
        held = SimpleNamespace(server=server, port=server.address.port, status=shown or status(place(0)), asked=[])

        def picture(number):
            held.asked.append(number)
            return Picture(11, png()) if number == 0 else None

        def current():
            if isinstance(held.status, Exception):
                raise held.status
            return held.status

        server.start(Site(TOKEN, allowed_hosts(server.address, more), "cookie", current, picture).answer)
        return held

    yield start
    for server in servers:
        server.close()


@contextmanager
def connected(port, host="127.0.0.1"):
    with socket.create_connection((host, port), timeout=20) as connection:
        yield connection


def everything(connection):
    """Read until the server lets go."""
    data = b""
    try:
        while piece := connection.recv(65536):
            data += piece
    except ConnectionError:
        pass
    return data


def ask(port, path="/", *, method="GET", host=None, token=TOKEN, lines=(), address="127.0.0.1"):
    """Ask as it is written; return the code, the headers (small letters) and the body."""
    with connected(port, address) as connection:
        head = [f"{method} {path} HTTP/1.1"]
        if host != "":
            head.append(f"Host: {host or f'127.0.0.1:{port}'}")
        if token:
            head.append(f"Authorization: Bearer {token}")
        connection.sendall("\r\n".join([*head, *lines, "", ""]).encode("latin-1"))
        data = everything(connection)
    top, _, body = data.partition(b"\r\n\r\n")
    first, *rest = top.decode("latin-1").split("\r\n")
    headers = {}
    for line in rest:
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
    return int(first.split()[1]), headers, body
