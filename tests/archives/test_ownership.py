"""Nothing is replaced or removed that is not of an archive of ours, however it came there."""

import errno
import fcntl
import os

import numpy as np
import pytest
import tifffile

import flowroi
from flowroi.archives.atomic import Unfinished, appearing, hidden_beside, hold
from flowroi.errors import InvalidParameterError, OutputExistsError
from flowroi.synthetic import write_synthetic_plate

EXACT = {"lossless": "all", "roi_method": "none"}
MOVIE = np.arange(3 * 32 * 40, dtype=np.uint8).reshape(3, 32, 40)
# A name that fits the names of the archive's own files.
FOREIGN = {"a": "mine.jp2", "a.ome.zarr": "labels/cells/annotation", "old.ome.zarr": "0/mine"}
FORMATS = {"a": "jp2", "old.ome.zarr": "ome-zarr-0.4"}


def _archive(path, **options):
    flowroi.compress(MOVIE, path, **EXACT, format=FORMATS.get(path.name), **options)


def _put(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("made by hand")


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_that_only_looks_like_the_archives_own_is_not_replaced(tmp_path, name):
    _archive(tmp_path / name)
    _archive(tmp_path / name, overwrite=True)
    _put(tmp_path / name / FOREIGN[name])
    with pytest.raises(OutputExistsError, match="not of an archive of ours"):
        _archive(tmp_path / name, overwrite=True)
    assert (tmp_path / name / FOREIGN[name]).read_text() == "made by hand"


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_that_comes_while_the_new_archive_is_made_is_not_removed(tmp_path, name, monkeypatch):
    _archive(tmp_path / name)
    target = tmp_path / name / "notes.txt"
    monkeypatch.setattr("flowroi.archives.base.to_disk", lambda _: _put(target))
    with pytest.raises(OutputExistsError, match=r"notes\.txt"):
        _archive(tmp_path / name, overwrite=True)
    assert target.read_text() == "made by hand"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("name", "place"), [("p.ome.zarr", "A/1/0/labels/mine"), ("p", "A1_f0/mine.jp2")])
def test_a_file_within_a_position_of_a_plate_is_not_replaced(tmp_path, name, place):
    write_synthetic_plate(tmp_path / "raw", wells=["A1", "A2"], frames=2, height=32, width=32, cells=1)
    options = {**EXACT, "format": "jp2"} if name == "p" else EXACT
    flowroi.compress(tmp_path / "raw", tmp_path / name, **options)
    _put(tmp_path / name / place)
    with pytest.raises(OutputExistsError, match="mine"):
        flowroi.compress(tmp_path / "raw", tmp_path / name, overwrite=True, **options)
    assert (tmp_path / name / place).read_text() == "made by hand"


def test_a_companion_of_the_input_is_no_output(tmp_path):
    uuid = '<UUID FileName="more.ome.tif">urn:uuid:1f0e7f4e-0000-4000-8000-000000000001</UUID>'
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" '
        'DimensionOrder="XYCZT" Type="uint8" SizeX="40" SizeY="32" SizeZ="1" SizeC="1" SizeT="2"><TiffData IFD="0" '
        f'FirstT="0" PlaneCount="1"/><TiffData IFD="0" FirstT="1" PlaneCount="1">{uuid}</TiffData></Pixels>'
        "</Image></OME>"
    )
    tifffile.imwrite(tmp_path / "raw.tif", MOVIE[0], metadata=None, description=xml)
    tifffile.imwrite(tmp_path / "more.ome.tif", MOVIE[1], metadata=None)
    before = (tmp_path / "more.ome.tif").read_bytes()
    with pytest.raises(InvalidParameterError, match="is the input itself"):
        flowroi.compress(tmp_path / "raw.tif", tmp_path / "more.ome.tif", overwrite=True, **EXACT)
    assert (tmp_path / "more.ome.tif").read_bytes() == before


def test_a_link_where_unfinished_output_goes_is_not_followed(tmp_path):
    (tmp_path / "mine").write_text("made by hand")
    hidden_beside(tmp_path / "a.ome.tif", ".flowroi-part").symlink_to(tmp_path / "mine")
    with pytest.raises(OutputExistsError, match="is a link"):
        _archive(tmp_path / "a.ome.tif")
    assert (tmp_path / "mine").read_text() == "made by hand"


@pytest.mark.parametrize("answer", [errno.ENOLCK, errno.EBADF])
def test_without_locks_output_appears_and_that_of_another_is_left_alone(tmp_path, monkeypatch, answer):
    def without(*_):
        raise OSError(answer, os.strerror(answer))

    monkeypatch.setattr(fcntl, "flock", without)
    with appearing(tmp_path / "a", folder=True) as unfinished:
        (unfinished / "f").write_text("whole")
        with pytest.raises(OutputExistsError, match="no locks"):
            hold(unfinished, folder=True)
    assert (tmp_path / "a" / "f").read_text() == "whole"


@pytest.mark.parametrize("name", ["a", "a.ome.tif"])
def test_what_is_neither_a_file_nor_a_folder_is_not_replaced(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(OutputExistsError, match="pipe, socket or device"):
        _archive(tmp_path / name, overwrite=True)
    assert (tmp_path / name).is_fifo()


@pytest.mark.parametrize("folder", [False, True])
def test_output_that_nobody_goes_on_with_is_removed(tmp_path, folder):
    """As when an interrupt comes between making it and the `with`."""
    unfinished = Unfinished(tmp_path / "a", folder=folder, overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == [unfinished.path.name]
    del unfinished
    assert not list(tmp_path.iterdir())
