"""Tests of a network run where its Cellpose is installed, and without the Internet."""

import socket
from importlib.metadata import PackageNotFoundError, version

import pytest
import tifffile

_MAJOR = {"cellpose3": "3", "cellpose_sam": "4"}


def pytest_collection_modifyitems(items):
    try:
        found = version("cellpose")
    except PackageNotFoundError:
        found = "none"
    for item in items:
        for marker, major in _MAJOR.items():
            if item.get_closest_marker(marker) and found.split(".")[0] != major:
                target = marker.replace("_", "-")
                item.add_marker(pytest.mark.skip(f"needs Cellpose {major}, found {found}: make test-{target}"))


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Fail on any connection: nothing may be downloaded."""

    def refuse(*_):
        raise AssertionError("a segmenter connected to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="session")
def complexeye(shared_data):
    """The frames (T, Y, X) of a real movie, and its labels."""
    folder = shared_data / "complexeye"
    return tifffile.imread(folder / "example.tiff"), tifffile.imread(folder / "example_seg.tiff")
