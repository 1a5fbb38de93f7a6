import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowroi.errors import InvalidParameterError, UnsupportedFormatError
from flowroi.plates import Position
from flowroi.plates.base import row_name, row_number
from flowroi.plates.pattern import known_scheme
from flowroi.plates.router import (
    Coordinates,
    NamePattern,
    archive_name,
    archive_position,
    file_name,
    zarr_path,
    zarr_position,
)

positions = st.builds(
    lambda row, column, field: Position(f"{row_name(row)}{column}", field),
    st.integers(1, 32),
    st.integers(1, 48),
    st.integers(0, 99_999),
)


@given(positions)
def test_storage_and_back(position):
    assert zarr_position(zarr_path(position)) == position
    for suffix in (".ome.tif", ".mkv", ""):
        assert archive_position(archive_name(position, suffix), suffix) == position


@given(positions, st.integers(0, 10**6), st.integers(0, 9))
def test_file_names_and_back(position, time, channel):
    at = Coordinates(position, (time,), str(channel), "P-1")
    for template, pattern in (
        (
            "{plate}_{row}{column:02}_f{field:02}_t{time:04}_c{channel}.tif",
            r"(?P<plate>.+)_(?P<well>[A-Z]+\d+)_f(?P<field>\d+)_t(?P<time>\d+)_c(?P<channel>\d)",
        ),
        (
            "{plate}/{row}/{column}/{time}_{channel}_{field}.png",
            r"(?P<plate>.+)/(?P<row>\w+)/(?P<column>\d+)/(?P<t>\d+)_(?P<c>\d)_(?P<f>\d+)",
        ),
    ):
        assert NamePattern(pattern).read(file_name(template, at)) == at


def test_plate_order():
    names = ["B1", "A10", "AA1", "A2", "Z3", "A1"]
    assert [p.well for p in sorted(Position(n) for n in names)] == ["A1", "A2", "A10", "B1", "Z3", "AA1"]
    assert Position("A1", 2) < Position("A1", 10) < Position("A2", 0)
    assert [row_number(row_name(n)) for n in range(1, 33)] == list(range(1, 33))


@pytest.mark.parametrize("well", ["", "A", "1", "A0", "AG1", "A49", "A1\n", "../A1", "A-1", None, "A1 ", "Ä1", "A١"])
def test_no_such_well(well):
    with pytest.raises(InvalidParameterError, match="well is"):
        Position(well)


@pytest.mark.parametrize("field", [-1, 1.0, True, 100_000, "1"])
def test_no_such_field(field):
    with pytest.raises(InvalidParameterError, match="field is"):
        Position("A1", field)


@pytest.mark.parametrize(
    "path", ["A/1", "../1/0", "/A/1/0", "A/01/0", "A/1/0/", "A/1/00", "A\\1\\0", "AG/1/0", "A/49/0"]
)
def test_no_image_group(path):
    with pytest.raises(UnsupportedFormatError, match="no image group"):
        zarr_position(path)
    with pytest.raises(UnsupportedFormatError, match="no archive"):
        archive_position(path.replace("/", "_f") + ".ome.tif", ".ome.tif")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("A01_f00_t0001_c0.tif", Coordinates(Position("A1", 0), (1,), "0", "")),
        ("exp 3_H12_t7_c1_f2.png", Coordinates(Position("H12", 2), (7,), "1", "exp 3")),
        ("WellB03_f1_t002.tif", Coordinates(Position("B3", 1), (2,), "", "")),
        ("run_WellB03_t002.tif", Coordinates(Position("B3", 0), (2,), "", "run")),
        ("P1_C07_s4_w1_t12.TIF", Coordinates(Position("C7", 4), (12,), "1", "P1")),
        ("AF48_s1_t1.tif", Coordinates(Position("AF48", 1), (1,), "", "")),
        ("AS_A02_T0011F003L01A01Z01C02.tif", Coordinates(Position("A2", 3), (11,), "02", "AS")),
        ("r02c11f05p01-ch2sk14fk1fl1.tiff", Coordinates(Position("B11", 5), (14,), "2", "")),
        ("mig_D6_2_01d02h30m.tif", Coordinates(Position("D6", 2), (1, 2, 30), "", "mig")),
    ],
)
def test_instrument_names(name, expected):
    scheme = known_scheme([name])
    assert scheme is not None
    assert scheme.read(name) == expected


@pytest.mark.parametrize(
    "name",
    ["A1_t1.tif", "t0001.tif", "img_A1.tif", "A01_z1_t1_c0.tif", "A01_f0_f1_t1.tif", "Q01_f0_t1.tif", "A00_f0_t1.tif"],
)
def test_names_that_are_not_sure(name):
    assert known_scheme([name]) is None
    assert known_scheme(["A01_f00_t0001_c0.tif", name]) is None


@pytest.mark.parametrize("pattern", ["(", r"(?P<time>\d+)", r"(?P<row>\w)", "(?P<well>"])
def test_pattern_without_wells(pattern):
    with pytest.raises(InvalidParameterError, match=re.escape(f"pattern is {pattern!r}")):
        NamePattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        (r"(?P<well>\w+?)_t(?P<time>\d+)", "over_t1.png"),
        (r"(?P<well>A1)_t(?P<time>\w+)", "A1_tx.png"),
        (r"(?P<well>A1)_f(?P<field>\w+?)_", "A1_fx_t1.png"),
        (r"(?P<row>\d+)c(?P<column>\d+)", "33c1"),
    ],
)
def test_groups_that_hold_no_coordinate(pattern, name):
    with pytest.raises(UnsupportedFormatError, match="expected"):
        NamePattern(pattern).read(name)


@pytest.mark.parametrize("template", ["{z}.png", "{0}", "{well!x}", "{well.format}{field:z}"])
def test_bad_template(template):
    with pytest.raises(InvalidParameterError, match="template"):
        file_name(template, Coordinates(Position("A1")))
