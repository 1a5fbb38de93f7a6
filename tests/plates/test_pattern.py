import os
from contextlib import nullcontext

import pytest

from flowroi import compress
from flowroi.errors import FlowRoIError, InvalidParameterError, MissingInputError, UnsupportedFormatError
from flowroi.plates import Position, is_plate, open_plate
from flowroi.sources import open_source
from flowroi.sources.base import Gap

from .conftest import coordinate_frame, read_coordinates, write_image, write_stack

PATTERN = r"(?P<well>[A-P]\d+)_f(?P<field>\d+)_t(?P<time>\d+)"


def write_plate(
    folder, template="{}{:02}_f{}_t{}_c{}.png", wells=("A1", "A2", "B1"), fields=2, channels=1, times=range(3)
):
    for well in wells:
        for field in range(fields):
            for channel in range(channels):
                for t in times:
                    name = template.format(well[0], int(well[1:]), field, t, channel)
                    write_image(folder / name, coordinate_frame(well, field, channel, t))
    return folder


def test_frames_go_where_their_own_coordinates_say(tmp_path, check_plate):
    # Numbers without leading zeros: as text, 10 comes before 2.
    folder = write_plate(tmp_path / "p", wells=("A1", "A2", "A10", "B1"), times=range(12))
    assert is_plate(folder)
    plate = open_plate(folder)
    assert [str(p) for p in plate] == [f"{well}_f{f}" for well in ("A1", "A2", "A10", "B1") for f in (0, 1)]
    assert plate.name == "p"
    assert plate.wells == ("A1", "A2", "A10", "B1")
    assert plate.warnings == ()
    check_plate(plate, range(12))
    with plate.open(Position("A10", 1)) as movie:
        assert movie.name == "A10_f1"
        assert len(movie.provenance()) == 12
        assert movie.gaps == ()


def test_folders_below_by_a_pattern_with_a_slash(tmp_path, check_plate):
    folder = tmp_path / "p"
    for t in (1, 2, 10):
        for well in ("A1", "B2"):
            write_image(folder / f"TimePoint_{t}" / f"{well}.tif", coordinate_frame(well, time=t))
    pattern = r"TimePoint_(?P<time>\d+)/(?P<well>[A-H]\d+)\.tif"
    assert is_plate(folder, pattern)
    plate = open_plate(folder, pattern=pattern)
    check_plate(plate, (1, 2, 10))
    with plate.open(Position("A1")) as movie:
        assert movie.gaps == (Gap(2, 7),)
        assert "3-9 are missing" in movie.warnings[0]


def test_missing_frames_are_gaps_and_odd_ends_are_told(tmp_path):
    folder = write_plate(tmp_path / "p", fields=1, times=range(6))
    (folder / "A01_f0_t2_c0.png").unlink()
    (folder / "A02_f0_t5_c0.png").unlink()
    plate = open_plate(folder)
    assert "most positions have the times 0 to 5, but not A2_f0" in plate.warnings[0]
    with plate.open(Position("A1")) as movie:
        assert movie.gaps == (Gap(before=2, missing=1),)
        assert [read_coordinates(frame)[2] for frame in movie] == [0, 1, 3, 4, 5]


def test_channels(tmp_path, check_plate):
    folder = write_plate(tmp_path / "p", channels=2)
    assert is_plate(folder)
    with pytest.raises(UnsupportedFormatError, match=r"p: the names tell 2 channels \(0, 1\); nothing"):
        open_plate(folder)
    with pytest.raises(InvalidParameterError, match="channel is 2"):
        open_plate(folder, channel=2)
    for channel in (0, 1):
        plate = open_plate(folder, channel=channel)
        assert len(plate) == 6
        check_plate(plate, range(3), channel)
        assert f"channel {channel} of 2 is read" in plate.warnings[0]


def test_channels_with_names_are_counted_as_those_of_a_movie(tmp_path):
    for well in ("A1", "A2"):
        for channel in ("GFP", "DAPI"):
            for t in range(2):
                write_image(tmp_path / "p" / f"{well}_{channel}_{t}.png", coordinate_frame(well, time=t))
    plate = open_plate(tmp_path / "p", pattern=r"(?P<well>A\d)_(?P<channel>\w+)_(?P<time>\d)", channel=0)
    with open_source(tmp_path / "p", pattern=r"A1_(?P<channel>\w+)_(?P<time>\d)", channel=0) as movie:
        assert movie.frame_names == ("A1_DAPI_0", "A1_DAPI_1")
    with plate.open(Position("A1")) as movie:
        assert movie.frame_names == ("A1_DAPI_0", "A1_DAPI_1")


def test_a_well_without_the_channel_is_not_dropped(tmp_path):
    folder = write_plate(tmp_path / "p", channels=2, fields=1)
    for t in range(3):
        (folder / f"B01_f0_t{t}_c1.png").unlink()
    plate = open_plate(folder, channel=1)
    assert len(plate) == 3
    with pytest.raises(MissingInputError, match="no image of the channel"):
        plate.open(Position("B1"))


def test_two_files_for_the_same_coordinates(tmp_path):
    folder = write_plate(tmp_path / "p", fields=1)
    write_image(folder / "A1_f0_t01_c0.png", coordinate_frame("A1", time=1))
    with pytest.raises(UnsupportedFormatError, match=r"A01_f0_t1_c0\.png and A1_f0_t01_c0\.png both have number 1"):
        open_plate(folder)
    other = tmp_path / "q"
    for name in ("A01.tif", "A1.tif", "B1.tif"):
        write_stack(other / name, [coordinate_frame("A1")] * 2)
    with pytest.raises(UnsupportedFormatError, match=r"A01\.tif and A1\.tif are both well A1, field 0"):
        open_plate(other, pattern=r"^(?P<well>[A-P]\d+)\.tif$")


def test_a_pattern_without_time_finds_whole_movies(tmp_path, check_plate):
    for well in ("A1", "B2"):
        frames = [coordinate_frame(well, time=t) for t in range(4)]
        write_stack(tmp_path / "p" / f"scan-{well}-x.tif", frames)
    plate = open_plate(tmp_path / "p", pattern=r"scan-(?P<row>[A-H])(?P<column>\d+)-")
    check_plate(plate, range(4))


def test_what_does_not_match_is_left_out_and_told(tmp_path):
    folder = write_plate(tmp_path / "p", fields=1)
    write_image(folder / "overview.png", coordinate_frame("A1"))
    assert not is_plate(folder)
    plate = open_plate(folder, pattern=PATTERN)
    assert "1 of 10 files do not match" in plate.warnings[0]
    with pytest.raises(InvalidParameterError, match="matches none of the 10"):
        open_plate(folder, pattern=r"(?P<well>nothing)")


def test_planes_and_plates_are_not_mixed(tmp_path):
    for z in (1, 2):
        for well in ("A01", "A02"):
            name = f"AS_{well}_T0001F001L01A01Z0{z}C01.tif"
            write_image(tmp_path / "z" / name, coordinate_frame(well))
            write_image(tmp_path / "p" / f"P{z}_{well}_f0_t1.png", coordinate_frame(well))
    with pytest.raises(UnsupportedFormatError, match=r"z: A1_f1: the names tell 2 values of plane \(01, 02\)"):
        open_plate(tmp_path / "z")
    with pytest.raises(UnsupportedFormatError, match=r"p: the names tell 2 plates \(P1, P2\)"):
        open_plate(tmp_path / "p")


def test_wells_may_differ_in_size_and_type_but_not_a_well(tmp_path):
    folder = tmp_path / "p"
    for t in range(2):
        write_image(folder / f"A01_f0_t{t}.png", coordinate_frame("A1"))
        write_image(folder / f"A02_f0_t{t}.png", coordinate_frame("A2", shape=(9, 12)).astype("uint16") * 9)
    write_image(folder / "B01_f0_t0.png", coordinate_frame("B1"))
    write_image(folder / "B01_f0_t1.png", coordinate_frame("B1", shape=(7, 8)))
    plate = open_plate(folder)
    with plate.open(Position("A2")) as movie:
        assert (movie.shape, str(movie.dtype)) == ((2, 9, 12), "uint16")
    with pytest.raises(UnsupportedFormatError, match=r"B01_f0_t1\.png, frame 1: the frame is 7x8"):
        plate.open(Position("B1"))


def test_a_plain_folder_stays_a_movie_and_two_wells_are_refused_as_before(tmp_path):
    movie = tmp_path / "m"
    for t in range(3):
        write_image(movie / f"t{t}.png", coordinate_frame("A1", time=t))
        write_image(tmp_path / "one" / f"A01_f0_t{t}_c0.png", coordinate_frame("A1", time=t))
        for well in ("A1", "A2"):
            write_image(tmp_path / "two" / f"{well}_t{t}.png", coordinate_frame(well, time=t))
    assert not is_plate(movie)
    assert not is_plate(tmp_path / "one")
    assert not is_plate(tmp_path / "two")
    with pytest.raises(UnsupportedFormatError, match="pattern"):
        open_source(tmp_path / "two")
    with pytest.raises(UnsupportedFormatError, match="give --pattern with a group"):
        open_plate(tmp_path / "two")
    assert is_plate(tmp_path / "two", r"(?P<well>A\d)_t(?P<time>\d)")
    assert is_plate(tmp_path / "two", r"(?P<well>A1)_t(?P<time>\d)")


def test_a_plate_that_is_asked_for_may_have_one_well(tmp_path, check_plate):
    for t in range(3):
        write_image(tmp_path / "one" / f"A01_f0_t{t}_c0.png", coordinate_frame("A1", time=t))
        write_image(tmp_path / "plain" / f"t{t}.png", coordinate_frame("A1", time=t))
    assert not is_plate(tmp_path / "one")
    assert is_plate(tmp_path / "one", asked=True)
    assert is_plate(tmp_path / "one", r"(?P<well>A\d\d)_f0_t(?P<time>\d)")
    check_plate(open_plate(tmp_path / "one"), range(3))
    assert not is_plate(tmp_path / "plain", asked=True)
    with pytest.raises(UnsupportedFormatError, match="no plate"):
        open_plate(tmp_path / "plain")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"(?P<well>\d+)_f", "the pattern's well is '01'"),
        (r"XX(?P<well>A\d+)_f(?P<time>\d)", "matches none of the 9 names"),
        (r"(?P<well>B\d+)_f0_t2", None),
        (r"^(?P<well>[A-Z]/\d+)/x(?P<time>\d)", "matches none"),
    ],
)
def test_a_wrong_pattern_of_wells_is_told_as_such(tmp_path, pattern, message):
    folder = write_plate(tmp_path / "p", "{}{:02}_f{}_t{}_c{}.png", fields=1)
    with pytest.raises(FlowRoIError, match=message) if message else nullcontext():
        report = compress(folder, tmp_path / "out", pattern=pattern, lossless="all", roi_method="none")
        assert [str(position) for position, _ in report.done] == ["B1_f0"]


def test_links_and_pipes(tmp_path):
    for number, target in enumerate(["../secret.png", "A01_f0_t9_c0.png", "nowhere.png"]):
        folder = write_plate(tmp_path / f"p{number}", fields=1)
        write_image(tmp_path / "secret.png", coordinate_frame("A1"))
        (folder / "A01_f0_t9_c0.png").symlink_to(target)
        with pytest.raises(UnsupportedFormatError, match="symbolic link"):
            open_plate(folder)
    folder = write_plate(tmp_path / "pipe", fields=1)
    os.mkfifo(folder / "A01_f0_t9_c0.png")
    with pytest.raises(UnsupportedFormatError, match="pipe"):
        open_plate(folder).open(Position("A1"))


def test_a_folder_reached_through_a_link_is_not_entered(tmp_path):
    outside = write_plate(tmp_path / "outside", "{}{:02}/f{}_t{}_c{}.png")
    folder = write_plate(tmp_path / "p", "{}{:02}/f{}_t{}_c{}.png", wells=("B1",))
    (folder / "A01").symlink_to(outside / "A01")
    (folder / "loop").symlink_to(folder)
    plate = open_plate(folder, pattern=r"(?P<well>[A-P]\d+)/f(?P<field>\d)_t(?P<time>\d)")
    assert plate.wells == ("B1",)


def test_too_deep_is_refused(tmp_path):
    write_image(tmp_path / "p/1/2/3/4/5/A1_t0.png", coordinate_frame("A1"))
    with pytest.raises(UnsupportedFormatError, match="nested deeper"):
        open_plate(tmp_path / "p", pattern=r"/(?P<well>A1)_t(?P<time>\d)")


@pytest.mark.parametrize("odd", ["-rf\n", "<script>", "\udcff", "x" * 220])
def test_hostile_names(tmp_path, odd, check_plate):
    folder = tmp_path / "p"
    for well in ("A01", "B01"):
        for t in range(2):
            write_image(folder / f"{odd}_{well}_f0_t{t}.png", coordinate_frame(well, time=t))
    assert is_plate(folder) or "\n" in odd
    plate = open_plate(folder, pattern=r"(?s)(?P<plate>.*)_(?P<well>[A-P]\d\d)_f(?P<field>\d)_t(?P<time>\d)\.png")
    check_plate(plate, range(2))
    assert plate.name.isprintable()
    assert plate.name[0] != "-"
    assert "<" not in plate.name
    plate.name.encode()


def test_no_such_position(tmp_path):
    plate = open_plate(write_plate(tmp_path / "p"))
    with pytest.raises(InvalidParameterError, match=r"no position H1_f0; it has A1_f0, A1_f1"):
        plate.open(Position("H1"))
    with pytest.raises(AttributeError):
        plate.name = "other"
    with pytest.raises(TypeError):
        plate.openers[Position("A1")] = None
    with pytest.raises(MissingInputError, match="no such folder"):
        open_plate(tmp_path / "nowhere")
