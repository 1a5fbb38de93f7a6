"""Addresses, names and tokens: what is taken, and what is refused."""

import os
import stat

import pytest

from flowroi.errors import FlowRoIError, InvalidParameterError
from flowroi.live.options import LiveOptions
from flowroi.live.status.address import Address, is_loopback
from flowroi.live.status.desk import Desk
from flowroi.live.status.token import new_token, token_of_file


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [(9123, "127.0.0.1", 9123), ("0", "127.0.0.1", 0), ("0.0.0.0:80", "0.0.0.0", 80), ("[::1]:5", "[::1]", 5),
     ("scope.example:65535", "scope.example", 65535)],
)  # fmt: skip
def test_addresses(text, host, port):
    assert Address.parse(text) == Address(host, port)


@pytest.mark.parametrize("text", ["", "x", "65536", "-1", "1.5", "::1:5", "a b:5", "http://x:5", ":5", "x:", True, "٣"])
def test_no_addresses(text):
    with pytest.raises(InvalidParameterError, match="expected a port, 0 to 65535, or HOST:PORT"):
        LiveOptions(status=text)


def test_options():
    with pytest.raises(InvalidParameterError, match="no status is served"):
        LiveOptions(status_host=("scope",))
    with pytest.raises(InvalidParameterError, match="no status is served"):
        LiveOptions(status_token_file="token")
    for names in ("scope", ("",), ("a b",), ("http://x",), (3,)):
        with pytest.raises(InvalidParameterError, match="expected a list of names"):
            LiveOptions(status="0", status_host=names)
    assert LiveOptions(status="0", status_host=["scope", "x:80", "[::1]:9"]).status_host


def test_loopback():
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("fe80::1%eth0")


def test_tokens_differ():
    assert new_token() != new_token()
    assert len(new_token()) >= 43


def test_a_token_is_made_and_kept(tmp_path):
    file = tmp_path / "token"
    token = token_of_file(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token_of_file(file) == token == file.read_text().strip()
    file.chmod(0o640)
    assert token_of_file(file) == token


@pytest.mark.parametrize("text", ["", "\n", "short", "x" * 300, "with space in between it", "ümlaut" * 5, "a;b" * 10])
def test_a_file_that_holds_no_token(tmp_path, text):
    file = tmp_path / "token"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(InvalidParameterError, match="no token"):
        token_of_file(file)
    assert file.read_text() == text


def test_a_file_that_everyone_may_read(tmp_path):
    file = tmp_path / "token"
    file.write_text("x" * 40)
    file.chmod(0o644)
    with pytest.raises(InvalidParameterError, match=r"open to everyone \(mode 0644\)"):
        token_of_file(file)


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(InvalidParameterError, match="no ordinary file"):
        token_of_file(tmp_path / "pipe")
    for path in (tmp_path / "no" / "folder", tmp_path):
        with pytest.raises(FlowRoIError, match="token's file"):
            Desk(LiveOptions(status="0", status_token_file=path))


def test_a_port_that_is_taken(tmp_path):
    with Desk(LiveOptions(status="0")) as first:
        port = first._server.address.port
        with pytest.raises(InvalidParameterError, match=f"cannot be served at 127.0.0.1:{port}"):
            Desk(LiveOptions(status=port))
    # It is free again at once.
    with Desk(LiveOptions(status=port)):
        pass
    with pytest.raises(InvalidParameterError, match=r"cannot be served at no-such-host\.invalid:1"):
        Desk(LiveOptions(status="no-such-host.invalid:1"))


def test_without_the_client(monkeypatch, tmp_path):
    """Told before anything is done."""
    import flowroi.extras
    from flowroi.errors import MissingDependencyError
    from flowroi.live import watch

    real = flowroi.extras.import_module

    def absent(name):
        if name.startswith("prometheus_client"):
            raise ModuleNotFoundError(name="prometheus_client")
        return real(name)

    monkeypatch.setattr(flowroi.extras, "import_module", absent)
    (tmp_path / "in").mkdir()
    with pytest.raises(MissingDependencyError, match=r"pip install 'flowroi\[status\]'"):
        watch(tmp_path / "in", tmp_path / "out", status="0", status_token_file=tmp_path / "token")
    assert [entry.name for entry in tmp_path.iterdir()] == ["in"]
