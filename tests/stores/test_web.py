"""A web server that lists nothing: raw data and archives are read from it."""

import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

import flowroi
from flowroi.comparison import compare
from flowroi.errors import CorruptDataError, StoreError, UnsupportedFormatError
from flowroi.report.compression import size_on_disk
from flowroi.sources import open_source
from flowroi.stores import as_path
from flowroi.verification import verify
from tests.stores.conftest import OPTIONS, files_of, frames_of


class _Silent(SimpleHTTPRequestHandler):
    # What the server has trouble with.
    fails = None

    def send_head(self):
        if self.fails and self.path.endswith(self.fails):
            self.send_error(503)
            return None
        return super().send_head()

    def log_message(self, *arguments):
        pass

    def list_directory(self, path):
        self.send_error(403)


@pytest.fixture
def web(tmp_path):
    """A folder, and the URL that it is served at."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Silent, directory=tmp_path / "served"))
    (tmp_path / "served").mkdir()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield tmp_path / "served", f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def copied(folder, where, name):
    for file, data in files_of(folder).items():
        (where / name / file).parent.mkdir(parents=True, exist_ok=True)
        (where / name / file).write_bytes(data)


def test_raw_movie_from_the_web(web, raw, tmp_path):
    served, url = web
    copied(raw, served, "movie.ome.zarr")
    with open_source(f"{url}/movie.ome.zarr") as movie:
        np.testing.assert_array_equal(np.stack(list(movie)), frames_of(1))
    flowroi.compress(f"{url}/movie.ome.zarr", tmp_path / "small.ome.zarr", **OPTIONS)
    found = compare(tmp_path / "small.ome.zarr", f"{url}/movie.ome.zarr")
    assert not found.all_safe
    assert "does not tell what else is there" in found.kept[0][1]
    (served / "movie.ome.zarr/0/c/1/0/0").unlink()
    with pytest.raises(CorruptDataError, match="frame 1"):
        open_source(f"{url}/movie.ome.zarr")


def test_frames_of_an_archive_from_the_web(web, local_archive):
    served, url = web
    copied(local_archive, served, "small.ome.zarr")
    with flowroi.open_archive(local_archive) as local, flowroi.open_archive(f"{url}/small.ome.zarr") as archive:
        np.testing.assert_array_equal(archive[2], local[2])
    assert verify(f"{url}/small.ome.zarr").faults == ()
    (served / "small.ome.zarr/labels/zarr.json").unlink()
    assert [fault.name for fault in verify(f"{url}/small.ome.zarr").faults] == ["labels/zarr.json"]
    with pytest.raises(UnsupportedFormatError, match="tells no names"):
        size_on_disk(as_path(f"{url}/small.ome.zarr"))


def test_failing_web_server_is_not_taken_for_an_empty_one(web, raw):
    served, url = web
    copied(raw, served, "movie.ome.zarr")
    _Silent.fails = ".zattrs"
    try:
        with pytest.raises(StoreError, match="503"):
            open_source(f"{url}/movie.ome.zarr")
    finally:
        _Silent.fails = None
