import json

import pytest

from flowroi.errors import CorruptDataError, MissingInputError, UnsupportedFormatError
from flowroi.limits import DEFAULT_MAX_PIXELS
from flowroi.plates import Position, is_plate, open_plate


def write_metadata(group, attributes, version):
    group.mkdir(parents=True, exist_ok=True)
    if version == "0.4":
        (group / ".zgroup").write_text('{"zarr_format": 2}')
        (group / ".zattrs").write_text(json.dumps(attributes))
    else:
        document = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": {"version": "0.5", **attributes}}}
        (group / "zarr.json").write_text(json.dumps(document))


def write_plate(path, wells=("A/1", "A/02", "B/12"), images=("0", "1"), version="0.5", name="screen 7"):
    plate = {"wells": [{"path": well} for well in wells], "rows": [], "columns": [], "name": name}
    write_metadata(path, {"plate": plate}, version)
    for well in wells:
        if isinstance(well, str) and not well.startswith(("/", "..")):
            write_metadata(path / well, {"well": {"images": [{"path": image} for image in images]}}, version)
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_positions_of_both_versions(tmp_path, version):
    path = write_plate(tmp_path / "a.ome.zarr", version=version)
    assert is_plate(path)
    plate = open_plate(path)
    assert plate.name == "screen 7"
    assert [str(p) for p in plate] == ["A1_f0", "A1_f1", "A2_f0", "A2_f1", "B12_f0", "B12_f1"]


def test_only_what_is_opened_is_read(tmp_path, monkeypatch):
    opened = []

    def note(path, **options):
        opened.append((path, options))
        raise MissingInputError("seen")

    monkeypatch.setattr("flowroi.sources.open.open_source", note)
    path = write_plate(tmp_path / "a.zarr")
    plate = open_plate(path, channel=1)
    assert opened == []
    with pytest.raises(MissingInputError, match="seen"):
        plate.open(Position("A2", 1))
    assert opened == [(path / "A/02/1", {"pattern": None, "channel": 1, "max_pixels": DEFAULT_MAX_PIXELS})]


@pytest.mark.parametrize(
    "well", ["../A/1", "..", "/A/1", "A/..", "A/1/0", "A", "", "A\\1", "A/1\n", 5, None, "A/\udcff"]
)
def test_paths_of_wells_out_of_the_plate(tmp_path, well):
    path = write_plate(tmp_path / "deep" / "a.zarr", wells=["B/2"])
    document = json.loads((path / "zarr.json").read_text())
    document["attributes"]["ome"]["plate"]["wells"].append({"path": well})
    (path / "zarr.json").write_text(json.dumps(document))
    with pytest.raises(UnsupportedFormatError, match="refers to a well at"):
        open_plate(path)


@pytest.mark.parametrize("image", ["../../B/2/0", "/0", "..", "0/1", "", None])
def test_paths_of_images_out_of_the_well(tmp_path, image):
    with pytest.raises(UnsupportedFormatError, match="refers to an image at"):
        open_plate(write_plate(tmp_path / "a.zarr", images=[image]))


def test_links_out_of_the_plate(tmp_path):
    other = write_plate(tmp_path / "other.zarr", wells=["A/1"])
    path = write_plate(tmp_path / "a.zarr", wells=["B/2"])
    plate = {"plate": {"wells": [{"path": "A/1"}, {"path": "B/2"}]}}
    write_metadata(path, plate, "0.5")
    (path / "A").symlink_to(other / "A")
    with pytest.raises(UnsupportedFormatError, match="symbolic link out of the folder"):
        open_plate(path)


def test_wells_listed_twice_and_odd_wells(tmp_path):
    with pytest.raises(UnsupportedFormatError, match="A/01/0 and A/1/0 are both well A1"):
        open_plate(write_plate(tmp_path / "a.zarr", wells=["A/01", "A/1"]))
    with pytest.raises(UnsupportedFormatError, match="names a well '1/A'"):
        open_plate(write_plate(tmp_path / "b.zarr", wells=["1/A"]))
    with pytest.raises(MissingInputError, match="no well"):
        open_plate(write_plate(tmp_path / "c.zarr", wells=[]))


def test_a_missing_well_is_not_dropped(tmp_path):
    path = write_plate(tmp_path / "a.zarr", wells=["A/1"], images=["0"])
    write_metadata(path, {"plate": {"wells": [{"path": "A/1"}, {"path": "A/2"}]}}, "0.5")
    plate = open_plate(path)
    assert [str(p) for p in plate] == ["A1_f0", "A2_f0"]
    with pytest.raises(MissingInputError, match="lists this well"):
        plate.open(Position("A2"))


def test_named_fields_and_acquisitions_are_told(tmp_path):
    plate = open_plate(write_plate(tmp_path / "a.zarr", wells=["A/1"], images=["left", "right"]))
    assert [str(p) for p in plate] == ["A1_f0", "A1_f1"]
    assert "not named by numbers" in plate.warnings[0]
    path = write_plate(tmp_path / "b.zarr", wells=["A/1"])
    images = [{"path": "0", "acquisition": 1}, {"path": "1", "acquisition": 2}]
    write_metadata(path / "A/1", {"well": {"images": images}}, "0.5")
    assert "several acquisitions" in open_plate(path).warnings[0]


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"plate": {"wells": 5}}', '{"plate": {"wells": [5]}}'])
def test_damaged_metadata(tmp_path, text):
    path = write_plate(tmp_path / "a.zarr", version="0.4")
    (path / ".zattrs").write_text(text)
    assert is_plate(path) == ("plate" in text)
    with pytest.raises((CorruptDataError, UnsupportedFormatError)):
        open_plate(path)
    other = write_plate(tmp_path / "b.zarr", version="0.4")
    (other / "A/1/.zattrs").write_text(text)
    with pytest.raises(CorruptDataError):
        open_plate(other)


def test_an_image_group_is_no_plate(tmp_path):
    write_metadata(tmp_path / "a.zarr", {"multiscales": []}, "0.5")
    assert not is_plate(tmp_path / "a.zarr")
