import os

import numpy as np
import pytest
import tifffile

from flowroi.errors import MissingInputError, UnsupportedFormatError
from flowroi.plates import Position, is_plate, open_plate

from .conftest import coordinate_frame, write_image, write_stack


def write_series(folder, well, field=0, times=(1, 2, 10)):
    for t in times:
        write_image(folder / f"img{t}.png", coordinate_frame(well, field, time=t))
    return folder


def stack_of(well, field=0):
    return [coordinate_frame(well, field, time=t) for t in range(3)]


@pytest.mark.parametrize(
    "name", ["{row}{column}", "{row}{column:02}", "Well{row}{column:02}", "{row}/{column}", "{row}/{column:02}"]
)
def test_folders_named_as_wells(tmp_path, check_plate, name):
    for well in ("A1", "A2", "A10", "C3"):
        write_series(tmp_path / "p" / name.format(row=well[0], column=int(well[1:])), well)
    assert is_plate(tmp_path / "p")
    plate = open_plate(tmp_path / "p")
    assert plate.wells == ("A1", "A2", "A10", "C3")
    check_plate(plate, (1, 2, 10))
    with plate.open(Position("A1")) as movie:
        assert movie.name == "A1_f0"
        assert [gap.missing for gap in movie.gaps] == [7]


@pytest.mark.parametrize("field", ["{}", "f{}", "field_{}", "F{:03}", "s{}"])
def test_fields_below(tmp_path, check_plate, field):
    for well in ("A1", "B2"):
        for number in (0, 2, 10):
            write_series(tmp_path / "p" / well / field.format(number), well, number)
    plate = open_plate(tmp_path / "p")
    assert [str(p) for p in plate][:3] == ["A1_f0", "A1_f2", "A1_f10"]
    check_plate(plate, (1, 2, 10))


@pytest.mark.parametrize("name", ["{}.tif", "{}_f0.ome.tif", "Well{}.npy"])
def test_one_file_a_well(tmp_path, check_plate, name):
    folder = tmp_path / "p"
    folder.mkdir()
    for well in ("A1", "B12"):
        path = folder / name.format(well)
        if path.suffix == ".npy":
            np.save(path, np.stack(stack_of(well)))
        elif ".ome" in name:
            tifffile.imwrite(path, np.stack(stack_of(well)), metadata={"axes": "TYX"})
        else:
            write_stack(path, stack_of(well))
    assert is_plate(folder)
    plate = open_plate(folder)
    assert plate.wells == ("A1", "B12")
    check_plate(plate, range(3))


def test_a_stack_in_each_folder_of_a_well(tmp_path, check_plate):
    write_stack(tmp_path / "p/A1/movie.tif", stack_of("A1"))
    for field in (0, 1):
        write_stack(tmp_path / f"p/A2/f{field}.tif", stack_of("A2", field))
        write_stack(tmp_path / f"p/A3/f{field}/movie.tif", stack_of("A3", field))
    plate = open_plate(tmp_path / "p")
    assert [str(p) for p in plate] == ["A1_f0", "A2_f0", "A2_f1", "A3_f0", "A3_f1"]
    check_plate(plate, range(3))


def test_a_pattern_orders_the_images_within_each_well(tmp_path, check_plate):
    for well in ("A1", "A2"):
        for t in range(3):
            write_image(tmp_path / "p" / well / f"x{9 - t}_t{t}_data.png", coordinate_frame(well, time=t))
    plate = open_plate(tmp_path / "p", pattern=r"_t(?P<time>\d+)_data")
    check_plate(plate, range(3))
    assert is_plate(tmp_path / "p", r"_t(?P<time>\d+)_data")
    with pytest.raises(UnsupportedFormatError, match="do not agree on an order"):
        open_plate(tmp_path / "p").open(Position("A1"))


def test_single_images_named_as_wells_stay_a_movie(tmp_path):
    for name in ("A1.tif", "A2.tif", "A3.tif"):
        write_image(tmp_path / "p" / name, coordinate_frame("A1"))
    assert not is_plate(tmp_path / "p")


def test_images_beside_wells_of_images_are_refused_not_taken_for_the_movie(tmp_path):
    write_series(tmp_path / "p/A1", "A1")
    write_image(tmp_path / "p/overview.png", coordinate_frame("A1"))
    assert is_plate(tmp_path / "p")
    with pytest.raises(UnsupportedFormatError, match=r"overview\.png beside A1: a movie, or a plate"):
        open_plate(tmp_path / "p")
    # A pattern tells, either way.
    assert not is_plate(tmp_path / "p", r"(?P<time>\d+)")
    plate = open_plate(tmp_path / "p", pattern=r"(?P<well>A\d)/img(?P<time>\d+)")
    with plate.open(Position("A1")) as movie:
        assert len(movie) == 3


def test_a_pattern_of_times_makes_a_movie_of_files_named_as_wells(tmp_path):
    for t in (1, 2, 10):
        (tmp_path / "p").mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / f"p/A{t}.ome.tif", coordinate_frame("A1", time=t), metadata={"axes": "YX"})
    assert is_plate(tmp_path / "p")
    assert not is_plate(tmp_path / "p", r"A(?P<time>\d+)")


def test_images_beside_a_folder_without_images_are_a_movie(tmp_path):
    write_series(tmp_path / "p", "A1")
    (tmp_path / "p/A1").mkdir()
    (tmp_path / "p/A1/results.csv").write_text("x")
    assert not is_plate(tmp_path / "p")


def test_images_beside_the_fields_of_a_well_are_refused(tmp_path):
    write_series(tmp_path / "p/A1/f0", "A1")
    write_image(tmp_path / "p/A1/overview.png", coordinate_frame("A1"))
    with pytest.raises(UnsupportedFormatError, match=r"overview\.png beside the fields f0"):
        open_plate(tmp_path / "p")


def test_folders_of_images_that_are_no_field_are_told(tmp_path):
    write_series(tmp_path / "p/A1/f0", "A1")
    write_series(tmp_path / "p/A1/second", "A1")
    write_series(tmp_path / "p/B/3", "B3")
    write_series(tmp_path / "p/B/3b", "B3")
    (tmp_path / "p/A1/tables").mkdir()
    plate = open_plate(tmp_path / "p")
    assert [str(position) for position in plate] == ["A1_f0", "B3_f0"]
    assert plate.warnings == ("not named as wells, left out: B/3b", "not named as fields, left out: A1/second")


def test_what_is_no_well_is_told(tmp_path):
    write_series(tmp_path / "p/A1", "A1")
    (tmp_path / "p/overview").mkdir()
    (tmp_path / "p/notes.txt").write_text("x")
    (tmp_path / "p/.hidden").mkdir()
    (tmp_path / "p/A2.part").mkdir()
    plate = open_plate(tmp_path / "p")
    assert plate.warnings == ("not named as wells, left out: overview, notes.txt",)
    assert plate.wells == ("A1",)


def test_one_well_twice_is_refused_naming_both(tmp_path):
    write_series(tmp_path / "p/A1", "A1")
    write_series(tmp_path / "p/A01", "A1")
    with pytest.raises(UnsupportedFormatError, match="A01 and A1 are both well A1, field 0"):
        open_plate(tmp_path / "p")
    write_series(tmp_path / "q/B/3/f1", "B3")
    write_series(tmp_path / "q/B/3/field_1", "B3")
    with pytest.raises(UnsupportedFormatError, match="B/3/f1 and B/3/field_1 are both well B3, field 1"):
        open_plate(tmp_path / "q")


def test_a_bad_well_does_not_keep_the_others_from_opening(tmp_path):
    write_series(tmp_path / "p/A1", "A1")
    (tmp_path / "p/A2").mkdir()
    plate = open_plate(tmp_path / "p")
    assert plate.wells == ("A1", "A2")
    with plate.open(Position("A1")) as movie:
        assert len(movie) == 3
    with pytest.raises(MissingInputError, match="no image"):
        plate.open(Position("A2"))


def test_two_movies_in_one_well(tmp_path):
    for name in ("a.tif", "b.tif"):
        write_stack(tmp_path / "p/A1" / name, stack_of("A1"))
    with pytest.raises(UnsupportedFormatError, match="number them as fields"):
        open_plate(tmp_path / "p")


@pytest.mark.parametrize("target", ["../outside", "../p", "A9", "nowhere"])
def test_links_out_loops_and_links_to_nowhere(tmp_path, target):
    write_series(tmp_path / "outside", "A9")
    write_series(tmp_path / "p/A1", "A1")
    (tmp_path / "p/A9").symlink_to(target)
    if target == "../outside":
        with pytest.raises(UnsupportedFormatError, match="symbolic link out of the folder"):
            open_plate(tmp_path / "p")
        return
    # A loop, and a link to nowhere, are no wells; the folder itself is one without an image.
    plate = open_plate(tmp_path / "p")
    with plate.open(Position("A1")) as movie:
        assert len(movie) == 3
    if target == "../p":
        with pytest.raises(MissingInputError, match="no image"):
            plate.open(Position("A9"))
    else:
        assert "A9" in plate.warnings[0]


def test_a_link_to_a_field_outside(tmp_path):
    write_series(tmp_path / "outside", "A1")
    write_series(tmp_path / "p/A1/f0", "A1")
    (tmp_path / "p/A1/f1").symlink_to("../../outside")
    with pytest.raises(UnsupportedFormatError, match="symbolic link out of the folder"):
        open_plate(tmp_path / "p")


def test_a_pipe_named_as_a_movie_is_not_opened(tmp_path):
    write_series(tmp_path / "p/A1", "A1")
    os.mkfifo(tmp_path / "p/A2.tif")
    with pytest.raises(UnsupportedFormatError, match="pipe"):
        open_plate(tmp_path / "p")
    (tmp_path / "p/A2.tif").unlink()
    os.mkfifo(tmp_path / "p/A1/img3.png")
    with pytest.raises(UnsupportedFormatError, match="pipe"):
        open_plate(tmp_path / "p").open(Position("A1"))


def test_hostile_names_beside_the_wells(tmp_path):
    for name in ("-rf\n", "<script>alert(1)", "\udcff", "x" * 255):
        write_series(tmp_path / "p/A1", "A1")
        (tmp_path / "p" / name).mkdir()
    plate = open_plate(tmp_path / "p")
    plate.warnings[0].encode()
    assert plate.wells == ("A1",)
