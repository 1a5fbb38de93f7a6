"""The groups of a plate, as zarr reads them."""

import json
from types import SimpleNamespace

import pytest

from flowroi.archives.ome_zarr_plate import plate_files, write_plate_groups
from flowroi.errors import InvalidParameterError

zarr = pytest.importorskip("zarr")


def place(row, column, field=0):
    return SimpleNamespace(row=row, column=column, field=field)


PLACES = [place("B", "2"), place("A", "10", 1), place("A", "10"), place("AA", "1"), place("A", "2")]


@pytest.mark.parametrize("version", ["0.5", "0.4"])
def test_zarr_sees_the_plate_its_rows_and_its_wells(version, tmp_path):
    written = write_plate_groups(tmp_path, "pläte", PLACES, version=version)
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()} == set(written)
    root = zarr.open_group(tmp_path, mode="r", zarr_format=3 if version == "0.5" else 2)
    attributes = root.attrs.asdict()
    ome = attributes["ome"] if version == "0.5" else attributes
    plate = ome["plate"]
    assert (ome if version == "0.5" else plate)["version"] == version
    assert plate["name"] == "pläte"
    assert plate["field_count"] == 2
    assert [row["name"] for row in plate["rows"]] == ["A", "B", "AA"]
    assert [column["name"] for column in plate["columns"]] == ["1", "2", "10"]
    assert [well["path"] for well in plate["wells"]] == ["A/2", "A/10", "B/2", "AA/1"]
    for well in plate["wells"]:
        row, column = plate["rows"][well["rowIndex"]]["name"], plate["columns"][well["columnIndex"]]["name"]
        assert well["path"] == f"{row}/{column}"
        found = root[well["path"]].attrs.asdict()
        images = (found["ome"] if version == "0.5" else found)["well"]["images"]
        assert [image["path"] for image in images] == (["0", "1"] if well["path"] == "A/10" else ["0"])


def test_the_order_of_the_fields_changes_nothing():
    assert plate_files("p", PLACES) == plate_files("p", PLACES[::-1])
    assert list(plate_files("p", PLACES)) == sorted(plate_files("p", PLACES))


def test_written_again_it_is_the_same(tmp_path):
    first = write_plate_groups(tmp_path, "p", PLACES)
    assert write_plate_groups(tmp_path, "p", PLACES) == first
    assert all((tmp_path / name).read_bytes() == data for name, data in first.items())
    assert all(json.loads(data)["node_type"] == "group" for data in first.values())


@pytest.mark.parametrize("places", [[], [place("A", "1"), place("A", "1")], [place("..", "1")], [place("A", "1/2")]])
def test_what_no_plate_can_be_is_refused_before_anything_is_written(places, tmp_path):
    with pytest.raises(InvalidParameterError, match=r"nothing was written"):
        write_plate_groups(tmp_path, "p", places)
    assert not list(tmp_path.iterdir())
