"""What is said before a network is loaded, with or without Cellpose installed."""

import os
from importlib.metadata import PackageNotFoundError

import pytest

from flowroi.errors import MissingDependencyError, MissingInputError
from flowroi.segmenters import cellpose3, network, open_segmenter


@pytest.fixture
def installed(monkeypatch):
    """Pretend which packages are installed."""

    def pretend(**versions):
        def version(name):
            if name in versions:
                return versions[name]
            raise PackageNotFoundError(name)

        monkeypatch.setattr(network, "version", version)

    return pretend


@pytest.mark.parametrize("name", ["cellpose3", "cellpose-sam"])
@pytest.mark.parametrize("there", [{}, {"cellpose": "3.1.1.3"}, {"torch": "2.13.0"}])
def test_missing_packages_are_named_with_their_extra(installed, name, there):
    installed(**there)
    with pytest.raises(MissingDependencyError) as caught:
        open_segmenter(name)
    assert f"pip install 'flowroi[{name}]'" in str(caught.value)


@pytest.mark.parametrize(("name", "major", "wrong"), [("cellpose3", 3, "4.2.1.1"), ("cellpose-sam", 4, "3.1.1.3")])
def test_the_other_cellpose_is_a_conflict_that_is_explained(installed, name, major, wrong):
    installed(cellpose=wrong, torch="2.13.0")
    with pytest.raises(MissingDependencyError) as caught:
        open_segmenter(name)
    message = str(caught.value)
    assert f"needs Cellpose {major}, and cellpose {wrong} is installed" in message
    assert "an environment of its own" in message
    assert f"'flowroi[{name}]'" in message


def test_the_missing_neutrophil_network_is_named(installed, monkeypatch):
    def distribution(name):
        raise PackageNotFoundError(name)

    installed(cellpose="3.1.1.3", torch="2.13.0")
    monkeypatch.setattr(cellpose3, "distribution", distribution)
    with pytest.raises(MissingDependencyError, match=r"pip install --no-deps mmv-h4tracks==1\.3\.0"):
        open_segmenter("cellpose3")


def test_sam_says_where_weights_come_from(installed):
    installed(cellpose="4.2.1.1", torch="2.13.0")
    with pytest.raises(MissingInputError, match=r"downloads none: fetch cpsam_v2 .* or fine-tune"):
        open_segmenter("cellpose-sam")


@pytest.mark.parametrize(("name", "version"), [("cellpose3", "3.1.1.3"), ("cellpose-sam", "4.2.1.1")])
def test_weights_that_are_not_there_are_named(installed, tmp_path, name, version):
    installed(cellpose=version, torch="2.13.0")
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(MissingInputError, match="no such file of weights; nothing is downloaded") as caught:
            open_segmenter(name, weights=path)
        assert caught.value.path == str(path)


def test_the_digest_follows_the_file(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(b"abc")
    digest = network.weights_sha256(path)
    assert digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    path.write_bytes(b"abd")
    os.utime(path, ns=(1, 1))
    assert network.weights_sha256(path) != digest
