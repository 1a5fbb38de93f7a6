"""The export for MMV_H4Tracks: what its loader looks for is there.

The loader itself is run by `benchmarks/compatibility`.
"""

import numpy as np
import pytest
import zarr

from flowroi.errors import InvalidParameterError
from flowroi.exports import export


@pytest.fixture
def labels(archive):
    """Cell 1 in all frames; cell 7, a ring, in two; cell 9 in one."""
    made = np.zeros(archive.shape, np.int32)
    for t in range(len(made)):
        made[t, 3 + t : 8 + t, 10:15] = 1
    for t in (1, 2):
        made[t, 20:31, 20:31] = 7
        made[t, 22:29, 22:29] = 0
    made[4, 35:38, 40:43] = 9
    return made


@pytest.mark.parametrize("name", ["h.zarr", "h.ome.zarr"])
def test_without_labels_they_are_empty(archive, decoded, tmp_path, name):
    warnings = export(archive, tmp_path / name, format="h4tracks")
    group = zarr.open_group(tmp_path / name, mode="r")
    if name == "h.zarr":
        assert "fails" in warnings[0]
        assert "ome.zarr" in warnings[0]
        assert group["tracking_data"].shape == (0, 4)
    else:
        assert warnings == []
        assert group["labels/TrackedCells"].attrs["implied_tracks"] is False
    frames, cells = arrays(group)
    assert np.array_equal(frames[:], decoded)
    assert cells.dtype == np.int32
    assert not cells[:].any()


@pytest.mark.parametrize("name", ["h.zarr", "h.ome.zarr"])
def test_labels_of_chosen_frames(archive, decoded, labels, tmp_path, name):
    export(archive, tmp_path / name, format="h4tracks", frames=range(1, 4), labels=labels)
    frames, cells = arrays(zarr.open_group(tmp_path / name, mode="r"))
    assert np.array_equal(frames[:], decoded[1:4])
    assert np.array_equal(cells[:], labels[1:4])


def test_labels_from_a_folder_of_some_frames(archive, labels, tmp_path):
    import tifffile

    (tmp_path / "labels").mkdir()
    name = archive.manifest["frames"][2]["name"]
    tifffile.imwrite(tmp_path / "labels" / f"{name}_masks.tif", labels[2].astype(np.uint16))
    export(archive, tmp_path / "h.ome.zarr", format="h4tracks", labels=tmp_path / "labels")
    _, cells = arrays(zarr.open_group(tmp_path / "h.ome.zarr", mode="r"))
    assert np.array_equal(cells[2], labels[2])
    assert not cells[:2].any()
    assert not cells[3:].any()


def test_labels_that_are_tracks_become_tracks(archive, labels, tmp_path):
    warnings = export(archive, tmp_path / "h.zarr", format="h4tracks", labels=labels, labels_are_tracks=True)
    assert warnings == []
    tracks = zarr.open_group(tmp_path / "h.zarr", mode="r")["tracking_data"][:]
    assert tracks[:5].tolist() == [[1, t, 5 + t, 12] for t in range(5)]
    # Cell 9 is in one frame only; a point of a ring lies on the ring.
    assert tracks[5:, :2].tolist() == [[7, 1], [7, 2]]
    assert all(labels[t, y, x] == cell for cell, t, y, x in tracks)
    export(archive, tmp_path / "h.ome.zarr", format="h4tracks", labels=labels, labels_are_tracks=True)
    assert zarr.open_group(tmp_path / "h.ome.zarr", mode="r")["labels/TrackedCells"].attrs["implied_tracks"] is True


def test_tracks_of_empty_labels_are_no_tracks(archive, tmp_path):
    empty = np.zeros(archive.shape, np.int32)
    export(archive, tmp_path / "h.ome.zarr", format="h4tracks", labels=empty, labels_are_tracks=True)
    assert zarr.open_group(tmp_path / "h.ome.zarr", mode="r")["labels/TrackedCells"].attrs["implied_tracks"] is False


def test_labels_of_another_size_are_refused_and_nothing_is_left(archive, tmp_path):
    with pytest.raises(InvalidParameterError, match="41x56"):
        export(archive, tmp_path / "h.zarr", format="h4tracks", labels=np.zeros((5, 41, 56), np.int32))
    assert list(tmp_path.iterdir()) == []
    assert len(archive[:]) == 5


def arrays(group):
    if "raw_data" in group:
        return group["raw_data"], group["segmentation_data"]
    return group["0"], group["labels/TrackedCells/0"]
