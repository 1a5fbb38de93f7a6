"""URLs: what is one, how it is shown, and keys that would lead elsewhere."""

import json
import pickle
from pathlib import Path

import pytest

from flowroi.errors import (
    FlowRoIError,
    InvalidParameterError,
    MissingInputError,
    StoreError,
    UnsupportedFormatError,
)
from flowroi.plates import open_plate
from flowroi.sources import open_source
from flowroi.stores import StorePath, as_path
from tests.inputs.makers import change_json
from tests.stores.conftest import POSITIONS, files_of

SIGNED = "https://me:hush@host/a"


def test_what_is_a_url():
    assert isinstance(as_path("s3://lab/a"), StorePath)
    assert as_path("file:///lab/a") == Path("/lab/a")
    assert as_path("lab/a") == Path("lab/a")
    assert as_path("C:/lab/a") == Path("C:/lab/a")
    with pytest.raises(InvalidParameterError, match="'s3://lab/a' is a URL"):
        as_path(Path("s3://lab/a"))


@pytest.mark.parametrize("url", ["s3://lab/../a", "s3://lab//a", "s3://", "s3://lab/a?x=1", "simplecache::s3://lab/a"])
def test_what_is_refused(url):
    with pytest.raises(UnsupportedFormatError):
        as_path(url)


def test_credentials_are_not_shown():
    place = as_path(SIGNED) / "b"
    for text in (str(place), repr(place), str(place.parent), str(MissingInputError("what", path=place))):
        assert "hush" not in text
        assert "https://host/a" in text
    with pytest.raises(UnsupportedFormatError) as told:
        as_path("https://me:hush@host/a?signature=hush")
    assert "hush" not in str(told.value)
    assert pickle.loads(pickle.dumps(place)) == place


def test_unknown_protocol():
    with pytest.raises(UnsupportedFormatError, match="no protocol 'nosuch'"):
        open_source("nosuch://lab/a")


def test_paths():
    place = as_path("s3://lab/a/b.ome.zarr")
    assert (place.name, place.suffix, str(place.parent)) == ("b.ome.zarr", ".zarr", "s3://lab/a")
    assert str(place.with_name("c")) == "s3://lab/a/c"
    assert (place / "0/c").relative_to(place).as_posix() == "0/c"
    assert not as_path("s3://lab/ab").is_relative_to(as_path("s3://lab/a"))
    with pytest.raises(UnsupportedFormatError, match="leads out"):
        place / "../c"


@pytest.mark.parametrize("key", ["../other/0", "/0", "..", "0//1", "s3://other/0", "a\\b"])
def test_hostile_keys_are_inert(raw, key):
    place = as_path(f"memory://hostile{abs(hash(key))}/movie.ome.zarr")
    for name, data in files_of(raw).items():
        (place / name).write(data)
        (place.parent / "other" / name).write(data)
    document = json.loads((place / "zarr.json").read_bytes())
    document["attributes"]["ome"]["multiscales"][0]["datasets"][0]["path"] = key
    (place / "zarr.json").write(json.dumps(document).encode())
    with pytest.raises(FlowRoIError):
        open_source(place)


@pytest.mark.parametrize("where", ["../A/1", "/A/1", "A/../1", "A/1/0"])
def test_hostile_wells_are_inert(raw_plate, where, tmp_path):
    place = as_path(f"memory://hostile-plate{abs(hash(where))}/plate.ome.zarr")
    for name, data in files_of(raw_plate).items():
        (place / name).write(data)
    (tmp_path / "zarr.json").write_bytes((raw_plate / "zarr.json").read_bytes())

    def change(document):
        document["attributes"]["ome"]["plate"]["wells"][0]["path"] = where

    change_json(tmp_path / "zarr.json", change)
    (place / "zarr.json").write((tmp_path / "zarr.json").read_bytes())
    with pytest.raises(UnsupportedFormatError):
        open_plate(place)
    assert len(POSITIONS) == 2


@pytest.mark.parametrize("who", ["key:hush", "key:hu/hush", "hush"])
def test_credentials_are_not_shown_by_what_the_stores_own_package_says(s3, who):
    with pytest.raises(StoreError) as told:
        as_path(f"s3://{who}@box/small.ome.zarr").exists()
    assert "hush" not in str(told.value)
    assert "s3://box/small.ome.zarr" in str(told.value)
