"""Threads change nothing: identical bytes, whatever their number."""

import hashlib

import flowroi
from tests.trust.damage import contents_of
from tests.trust.kinds import movie_of

PROMISE = "threads change nothing"


def digest_of(path):
    digest = hashlib.sha256()
    for name, data in contents_of(path).items():
        digest.update(f"{name} {len(data)} ".encode() + data)
    return digest.hexdigest()


def test_identical_bytes(kind, sizes, row, tmp_path):
    movie = movie_of(2 * sizes.frames)
    found = {}
    for workers in (1, 2, 5):
        place = tmp_path / str(workers)
        place.mkdir()
        options = {**kind.options, "workers": workers, "roi_method": "fused"}
        flowroi.compress(movie, place / kind.target, **options)
        found[workers] = digest_of(place / kind.target)
        row.fault()
        if found[workers] != found[1]:
            row.lost(f"{kind}: other bytes with {workers} threads")
    assert row.silent == []
