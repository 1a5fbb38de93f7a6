"""Where output may go."""

import pytest

from flowroi.errors import InvalidParameterError, MissingInputError, OutputExistsError
from flowroi.output import check_target, refuse_inside


@pytest.fixture
def source(tmp_path):
    place = tmp_path / "data" / "movie"
    place.mkdir(parents=True)
    (place / "0.png").touch()
    return place


def test_a_new_name_beside_the_input_is_fine(source, tmp_path):
    check_target(tmp_path / "data" / "out", inputs=[source, None], overwrite=False)
    check_target(tmp_path / "data" / "movie2", inputs=[source], overwrite=False)


@pytest.mark.parametrize(
    "place", ["data/movie", "data/movie/out", "data/movie/deep/out", "data", ".", "data/x/../movie"]
)
def test_overlap_with_an_input_is_refused_whatever_is_asked(source, tmp_path, place):
    for overwrite in (False, True):
        with pytest.raises(InvalidParameterError, match="nothing was written"):
            check_target(tmp_path / place, inputs=[source], overwrite=overwrite, replaceable=("*",))


def test_overlap_through_a_link_is_refused(source, tmp_path):
    (tmp_path / "link").symlink_to(source)
    with pytest.raises(InvalidParameterError, match="inside"):
        check_target(tmp_path / "link" / "out", inputs=[source], overwrite=False)
    with pytest.raises(InvalidParameterError, match="inside"):
        check_target(source / "out", inputs=[tmp_path / "link"], overwrite=False)


def test_an_existing_file_needs_overwrite(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(OutputExistsError):
        check_target(tmp_path / "a", inputs=[], overwrite=False)
    check_target(tmp_path / "a", inputs=[], overwrite=True)


def test_a_dangling_link_counts_as_existing(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputExistsError):
        check_target(tmp_path / "a", inputs=[], overwrite=False)


def test_a_folder_is_replaced_only_if_all_in_it_is_replaceable(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "t0_roi.png").touch()
    check_target(folder, inputs=[], overwrite=True, replaceable=("*_roi.png",))
    with pytest.raises(OutputExistsError, match=r"t0_roi\.png"):
        check_target(folder, inputs=[], overwrite=True, replaceable=("*.jp2",))
    (folder / "photo.png").touch()
    with pytest.raises(OutputExistsError, match=r"photo\.png"):
        check_target(folder, inputs=[], overwrite=True, replaceable=("*_roi.png",))


def test_the_folder_of_the_output_must_exist(tmp_path):
    with pytest.raises(MissingInputError, match="no such folder"):
        check_target(tmp_path / "nowhere" / "out", inputs=[], overwrite=False)


def test_a_folder_for_output_may_hold_inputs_but_not_lie_in_one(source, tmp_path):
    refuse_inside(tmp_path / "data", [source])
    for folder in (source, source / "out"):
        with pytest.raises(InvalidParameterError):
            refuse_inside(folder, [source])
