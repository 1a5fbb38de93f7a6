"""The same command again changes nothing; one with other settings is refused, and says which."""

import pytest

from tests.trust.conftest import command
from tests.trust.damage import contents_of, state_of

PROMISE = "rerun is a no-op, other settings are refused"


def test_again_changes_nothing(kind_or_plate, runs, source, clean, row, tmp_path):
    kind = kind_or_plate
    whole, _ = clean(kind)
    assert runs(*command(kind, source, tmp_path)).code == 0
    before = state_of(tmp_path)
    for _ in range(2):
        done = runs(*command(kind, source, tmp_path))
        row.fault()
        if done.code != 0:
            row.lost(f"{kind}: the same command again ends with {done.code}: {done.said[-500:]}")
        if state_of(tmp_path) != before:
            row.lost(f"{kind}: the same command again changed something")
    assert contents_of(tmp_path / kind.target) == whole
    assert row.silent == []


def test_another_folder_gets_the_same_bytes(kind, runs, source, clean, row, tmp_path):
    whole, _ = clean(kind)
    place = tmp_path / "another place"
    place.mkdir()
    row.fault()
    assert runs(*command(kind, source, place)).code == 0
    assert contents_of(place / kind.target) == whole


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"rate": 7}, "rate"), ({"scaling_factor": 9}, "scaling"), ({"levels": 3}, "levels")],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_settings_are_refused_by_name(kind, runs, source, row, tmp_path, changes, named):
    if kind.is_video:
        changes, named = {"rate": {"rate": 9}, "scaling": {"gop": 4}, "levels": {"preset": 7}}[named], None
        (named,) = changes
    assert runs(*command(kind, source, tmp_path)).code == 0
    before = state_of(tmp_path)
    done = runs(*command(kind, source, tmp_path, **changes))
    row.fault()
    if done.code in (0, None):
        row.lost(f"{kind} {changes}: not refused")
    if named not in done.said:
        row.lost(f"{kind} {changes}: the refusal does not name {named}: {done.said[-500:]}")
    assert state_of(tmp_path) == before
    assert row.silent == []


def test_another_source_is_refused(kind, runs, source, row, tmp_path):
    import shutil

    import cv2

    assert runs(*command(kind, source, tmp_path)).code == 0
    before = contents_of(tmp_path / kind.target)
    other = tmp_path / "other"
    shutil.copytree(source, other)
    image = cv2.imread(str(other / "images" / "img1.png"), cv2.IMREAD_UNCHANGED)
    image[0, 0] ^= 1
    cv2.imwrite(str(other / "images" / "img1.png"), image)
    done = runs(*kind.arguments(other / "images", tmp_path, masks=other / "masks"))
    row.fault()
    if done.code in (0, None):
        row.lost(f"{kind}: another source's archive was taken for this one's")
    assert contents_of(tmp_path / kind.target) == before
    assert row.silent == []
