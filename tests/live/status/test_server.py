"""Who is answered, and what: only the right name, only with the token, only to look; and nobody holds it up."""

import json
import socket
import time

import pytest

from flowroi.live.status import server as server_module
from flowroi.live.status.server import MOST_CONNECTIONS, MOST_HEAD_BYTES, StatusServer
from tests.live.status.conftest import HOSTILE, TOKEN, ask, connected, everything, png

ROUTES = ("/", "/page.css", "/page.js", "/icon.svg", "/status.json", "/metrics", "/overlay/0.png")
SAFE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


def assert_safe(headers):
    assert SAFE.items() <= headers.items()
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "server" not in headers


@pytest.mark.parametrize("route", ROUTES)
def test_every_route(serve, route):
    port = serve().port
    code, headers, body = ask(port, route)
    assert (code, int(headers["content-length"])) == (200, len(body))
    assert_safe(headers)
    again, headers_of_head, nothing = ask(port, route, method="HEAD")
    assert (again, nothing) == (200, b"")
    assert headers_of_head["content-length"] == headers["content-length"]


def test_what_they_say(serve):
    port = serve().port
    assert json.loads(ask(port, "/status.json")[2])["places"][0]["latest"]["file"] == f"{HOSTILE}.png"
    _, headers, body = ask(port, "/overlay/0.png")
    assert (body, headers["content-type"], headers["x-flowroi-frame"]) == (png(), "image/png", "11")
    # The page itself says nothing of the run, and has no script or style of its own.
    page = ask(port, "/")[2].decode()
    assert "1.2.3" not in page
    assert page.count("<script") == 1
    assert '<script src="/page.js" defer></script>' in page
    assert "<style" not in page
    assert "http" not in page


HOSTS = ["", "evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost", "127.0.0.1.evil:{port}",
         "127.0.0.1:{port}@evil", "[::1]", "*"]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", ["/", "/status.json", f"/?token={TOKEN}"])
def test_strange_hosts_are_refused(serve, host, path):
    """Before the token: a page whose name was made to point here learns nothing, and sets no cookie."""
    port = serve().port
    code, headers, body = ask(port, path, host=host.format(port=port))
    assert code == 403
    assert b"not the name" in body
    assert "set-cookie" not in headers
    assert_safe(headers)


def test_two_hosts_are_refused(serve):
    port = serve().port
    assert ask(port, lines=["Host: evil.example"])[0] == 403


def test_own_and_named_hosts(serve):
    port = serve(more=["scope.example", "tunnel:8000"]).port
    for host in ("localhost", "LOCALHOST", "127.0.0.1", "[::1]", "scope.example"):
        assert ask(port, host=f"{host}:{port}")[0] == 200, host
    assert ask(port, host="scope.example")[0] == 200
    assert ask(port, host="tunnel:8000")[0] == 200
    assert ask(port, host=f"tunnel:{port}")[0] == 403


@pytest.mark.parametrize("route", [*ROUTES, "/nothing"])
def test_nothing_without_the_token(serve, route):
    port = serve().port
    code, headers, body = ask(port, route, token=None)
    assert (code, headers["www-authenticate"]) == (401, 'Bearer realm="flowroi"')
    assert TOKEN.encode() not in body
    assert_safe(headers)
    for wrong in ("x", TOKEN[:-1], TOKEN + "t", "", "\xff" * 43):
        assert ask(port, route, token=None, lines=[f"Authorization: Bearer {wrong}"])[0] in (401, 403)
        assert ask(port, route, token=None, lines=[f"Cookie: cookie={wrong}"])[0] in (401, 403)
    assert ask(port, route, token=None, lines=[f"Authorization: Basic {TOKEN}"])[0] == 401


def test_methods_other_than_get(serve):
    port = serve().port
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "FOO"):
        code, headers, _ = ask(port, "/status.json", method=method)
        assert (code, headers["allow"]) == (405, "GET, HEAD"), method
        assert ask(port, "/status.json", method=method, token=None)[0] == 401, method
        assert_safe(headers)


def test_a_link_with_the_token_becomes_a_cookie(serve):
    port = serve().port
    code, headers, _ = ask(port, f"/?token={TOKEN}", token=None)
    assert (code, headers["location"]) == (303, "/")
    kept, *flags = headers["set-cookie"].split("; ")
    assert kept == f"cookie={TOKEN}"
    assert set(flags) == {"Path=/", "HttpOnly", "SameSite=Strict"}
    assert ask(port, "/status.json", token=None, lines=[f'Cookie: a[b]=1; x; =; {kept}; y="z'])[0] == 200
    code, headers, _ = ask(port, f"/?token={TOKEN}x", token=None, lines=[f"Cookie: {kept}"])
    assert code == 403
    assert "set-cookie" not in headers
    # Only there: addresses end up in logs.
    assert ask(port, f"/metrics?token={TOKEN}", token=None)[0] == 401


PATHS = ["/../etc/passwd", "/overlay/../../etc/passwd", "/overlay/%2e%2e%2f0.png", "/overlay/0.png/", "/overlay/-1.png",
         "/overlay/00.png", "/overlay/1e0.png", "/overlay/A1_f0.png", "/overlay/\xb2.png",
         "/overlay/99999999999999999.png",
         "/page.html", "/page/page.js", "/token.py", "http://127.0.0.1/", "*", "/status.json/x", "/%00"]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_paths_that_are_none(serve, path):
    held = serve()
    code, headers, body = ask(held.port, path)
    assert code == 404
    assert b"root:" not in body
    assert held.asked == []
    assert_safe(headers)


def test_a_number_that_no_position_has(serve):
    held = serve()
    assert ask(held.port, "/overlay/7.png")[0] == 404
    assert held.asked == [7]


def test_an_error_is_told_without_its_words(serve):
    held = serve()
    held.status = RuntimeError("a secret")
    code, headers, body = ask(held.port, "/status.json")
    assert (code, b"secret" in body) == (500, False)
    assert_safe(headers)
    assert ask(held.port, "/")[0] == 200


@pytest.mark.parametrize(
    "sent",
    [b"\x16\x03\x01\x02\x00\x01" + b"\x00" * 80 + b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n",
     b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", b"GET /\r\n\r\n", b"A" * 200 + b"\r\n\r\n",
     b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n"],
)  # fmt: skip
def test_what_is_no_request(serve, sent):
    port = serve().port
    with connected(port) as connection:
        connection.sendall(sent)
        answer = everything(connection)
    assert answer == b"" or 400 <= int(answer.split()[1]) < 600
    assert b"Traceback" not in answer
    assert ask(port, "/status.json")[0] == 200


def test_a_head_without_end(serve):
    port = serve().port
    taken = 0
    with connected(port) as connection:
        try:
            while taken < 10_000 * MOST_HEAD_BYTES:
                connection.sendall(b"x: " + b"y" * MOST_HEAD_BYTES)
                taken += MOST_HEAD_BYTES
        except OSError:
            pass
    # What stood in the buffers of the system, at most.
    assert taken < 10_000 * MOST_HEAD_BYTES
    assert ask(port)[0] == 200


def test_a_client_that_hangs_or_dribbles(serve, monkeypatch):
    monkeypatch.setattr(server_module, "DEADLINE_S", 1.0)
    port = serve().port
    with connected(port) as silent, connected(port) as dribbling:
        began = time.monotonic()
        for byte in b"GET / HTTP/1.1\r\nX: " + b"y" * 1000:
            try:
                dribbling.sendall(bytes([byte]))
            except OSError:
                break
            # Others are answered meanwhile.
            if byte == ord("X"):
                assert ask(port)[0] == 200
            time.sleep(0.05)
        assert time.monotonic() - began < 15
        assert b" 408 " in everything(silent)


def test_a_client_that_takes_no_answer(serve, monkeypatch):
    monkeypatch.setattr(server_module, "DEADLINE_S", 0.5)
    held = serve()
    with connected(held.port) as connection:
        connection.sendall(
            f"GET /page.js HTTP/1.1\r\nHost: 127.0.0.1:{held.port}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
        )
        deadline = time.monotonic() + 20
        while held.server._open and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not held.server._open


def test_more_connections_than_there_is_room_for(serve):
    held = serve()
    idle = [socket.create_connection(("127.0.0.1", held.port), timeout=20) for _ in range(MOST_CONNECTIONS)]
    try:
        deadline = time.monotonic() + 20
        while len(held.server._open) < MOST_CONNECTIONS and time.monotonic() < deadline:
            time.sleep(0.01)
        for _ in range(3):
            with connected(held.port) as one_more:
                assert everything(one_more) == b""
        assert len(held.server._open) == MOST_CONNECTIONS
    finally:
        for connection in idle:
            connection.close()
    deadline = time.monotonic() + 20
    while held.server._open and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ask(held.port)[0] == 200


def test_the_end_waits_for_nobody(serve):
    held = serve()
    with connected(held.port) as hanging:
        hanging.sendall(b"GET / ")
        deadline = time.monotonic() + 20
        while not held.server._open and time.monotonic() < deadline:
            time.sleep(0.01)
        began = time.monotonic()
        held.server.close()
        assert time.monotonic() - began < 5
        assert everything(hanging) == b""


def test_ipv6(serve):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    held = serve(address="[::1]:0")
    assert ask(held.port, host=f"[::1]:{held.port}", address="::1")[0] == 200


def test_it_listens_where_it_was_told_to_only(serve):
    assert serve().server.socket.getsockname()[0] == "127.0.0.1"
    assert StatusServer.daemon_threads
