"""`flowroi inspect` through the command line."""

import hashlib

import flowroi


def test_text_for_people(flow, archive, movie):
    result = flow("inspect", archive)
    assert result.code == 0
    assert "4 frames of 120x160 uint8" in result.out
    assert "yes: ISO_15444_1 10" in result.out
    assert "roi_threshold=auto" in result.out
    assert hashlib.sha256(movie.read_bytes()).hexdigest() in result.out
    assert f"flowroi {flowroi.__version__}" in result.out


def test_json_for_programs(flow, archive, frames):
    (summary,) = flow("inspect", archive, "--json").objects
    assert summary["type"] == "archive"
    assert summary["raw_bytes"] == frames.nbytes
    assert summary["file_bytes"] == archive.stat().st_size
    assert summary["manifest"]["shape"] == [4, 120, 160]
    assert summary["manifest"]["encode"]["rate"] == 10


def test_every_frame(flow, archive):
    summary, *frames = flow("inspect", archive, "--frames", "--json").objects
    assert [frame["index"] for frame in frames] == [0, 1, 2, 3]
    assert sum(frame["size_bytes"] for frame in frames) == summary["stored_bytes"]
    with flowroi.open_archive(archive) as opened:
        assert frames[1]["sha256"] == hashlib.sha256(opened.codestream(1)).hexdigest()
    text = flow("inspect", archive, "--frames")
    assert frames[3]["sha256"] in text.out


def test_an_array_as_source_and_a_lossless_archive(flow, frames):
    flowroi.compress(frames, "a", lossless="all", roi_method="none")
    result = flow("inspect", "a")
    assert "source   array" in result.out
    assert "lossy    no" in result.out


def test_what_is_no_archive_fails(flow, movie):
    result = flow("inspect", movie, "--json")
    assert result.code == 1
    assert result.objects[0]["type"] == "error"
