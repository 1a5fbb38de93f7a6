"""OME-Zarr archives: what zarr reads of them, what stands in them, and that every damage is found."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from flowroi.archives.base import ArchiveLayout
from flowroi.archives.crc32c import with_crc32c
from flowroi.archives.label_chunks import decode_mask, encode_mask
from flowroi.archives.manifest import pixels_digest, sealed
from flowroi.archives.ome_zarr import OmeZarr04Writer, OmeZarrArchive, OmeZarrWriter
from flowroi.archives.open import open_archive
from flowroi.archives.shard import read_chunk
from flowroi.codec import encode
from flowroi.errors import CorruptDataError, FlowRoIError, MissingInputError
from flowroi.verification import verify

FRAMES = 10
ROOM = 4
WRITERS = {"0.5": OmeZarrWriter, "0.4": OmeZarr04Writer}
CONTENT = {
    "flowroi": "0.0",
    "codecs": {"openjpeg": "2.5"},
    "lossy": True,
    "lossy_method": ["ISO_15444_1"],
    "lossy_ratio": [3.0],
    "settings": {"rate": 3},
    "source": {"name": "m", "files": []},
    "gaps": [],
    "roi": {"method": "none"},
    "roi_share": 0.5,
    "masks_sha256": None,
    "encode": {"rate": 3},
    "warnings": [],
}


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr("flowroi.archives.shard.MOST_CHUNKS", ROOM)


@pytest.fixture(params=["0.5", "0.4"])
def version(request):
    return request.param


@pytest.fixture(scope="module")
def movie():
    rng = np.random.default_rng(3)
    frames = rng.integers(0, 4000, (FRAMES, 21, 34)).astype(np.uint16)
    frames[:, 0, 0] = 100 + np.arange(FRAMES)
    return frames


@pytest.fixture(scope="module")
def streams(movie):
    return [encode(frame, lossless="all", container="j2k") for frame in movie]


def write(path, version, movie, streams, *, masks=None, **changes):
    values = {
        "shape": movie.shape,
        "dtype": movie.dtype.name,
        "significant_bits": 12,
        "name": "m",
        "frame_names": tuple(f"t{t:03d}" for t in range(len(movie))),
        "pixel_size_um": 0.641,
        "frame_interval_s": 8.0,
        "keep_masks": masks is not None,
    }
    with WRITERS[version](path, ArchiveLayout(**values | changes), overwrite=False) as writer:
        for t, (frame, stream) in enumerate(zip(movie, streams, strict=True)):
            writer.add(stream, None if masks is None else masks[t], pixels_sha256=pixels_digest(frame))
        writer.finish(CONTENT)
    return path


@pytest.fixture(scope="module")
def originals(tmp_path_factory, movie, streams):
    folder = tmp_path_factory.mktemp("originals")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flowroi.archives.shard.MOST_CHUNKS", ROOM)
        return {version: write(folder / version, version, movie, streams, masks=movie > 2000) for version in WRITERS}


@pytest.fixture
def archive_path(tmp_path, version, originals):
    return Path(shutil.copytree(originals[version], tmp_path / "a.ome.zarr"))


def files_of(path):
    return {str(file.relative_to(path)): file for file in sorted(path.rglob("*")) if file.is_file()}


def shard_of(path, number, array="0"):
    return path / array / "c" / str(number) / "0" / "0" / "0" / "0"


def attributes_of(path, version):
    if version == "0.4":
        return json.loads((path / ".zattrs").read_text())
    attributes = json.loads((path / "zarr.json").read_text())["attributes"]
    assert attributes["ome"]["version"] == "0.5"
    return {**attributes, **attributes["ome"]}


def test_zarr_reads_what_we_read(archive_path, version, movie):
    zarr = pytest.importorskip("zarr")
    with open_archive(archive_path) as archive:
        assert archive.format == {"0.5": "ome-zarr", "0.4": "ome-zarr-0.4"}[version]
        assert np.array_equal(archive[:], movie)
        assert all(np.array_equal(archive.roi(t), movie[t] > 2000) for t in range(FRAMES))
    group = zarr.open_group(archive_path, mode="r")
    assert group["0"].shape == (FRAMES, 1, 1, *movie.shape[1:])
    assert group["0"].dtype == movie.dtype
    assert np.array_equal(group["0"][:, 0, 0], movie)
    assert np.array_equal(group["labels/roi/0"][:, 0, 0], movie > 2000)


def test_the_streams_are_stored_as_they_are(archive_path, version, streams):
    with open_archive(archive_path) as archive:
        assert [archive.stored(t) for t in range(FRAMES)] == streams
    for t, stream in enumerate(streams):
        if version == "0.4":
            assert (archive_path / f"0/{t}/0/0/0/0").read_bytes() == stream
        else:
            assert read_chunk(shard_of(archive_path, t // ROOM), t % ROOM, ROOM) == with_crc32c(stream)
    if version == "0.5":
        with pytest.raises(CorruptDataError, match="absent"):
            read_chunk(shard_of(archive_path, 2), 2, ROOM)


def test_the_same_movie_gives_the_same_bytes(tmp_path, archive_path, version, movie, streams):
    again = files_of(write(tmp_path / "b.zarr", version, movie, streams, masks=movie > 2000))
    assert {name: file.read_bytes() for name, file in again.items()} == {
        name: file.read_bytes() for name, file in files_of(archive_path).items()
    }
    assert "COMPLETE" in again


def test_the_metadata_say_what_is_known(archive_path, version):
    attributes = attributes_of(archive_path, version)
    (multiscale,) = attributes["multiscales"]
    assert multiscale["axes"] == [
        {"name": "t", "type": "time", "unit": "second"},
        {"name": "c", "type": "channel"},
        {"name": "z", "type": "space"},
        {"name": "y", "type": "space", "unit": "micrometer"},
        {"name": "x", "type": "space", "unit": "micrometer"},
    ]
    scale = {"type": "scale", "scale": [8.0, 1.0, 1.0, 0.641, 0.641]}
    assert multiscale["datasets"] == [{"path": "0", "coordinateTransformations": [scale]}]
    assert multiscale.get("version") == ("0.4" if version == "0.4" else None)
    (channel,) = attributes["omero"]["channels"]
    assert channel["window"] == {"min": 0, "max": 4095, "start": 0, "end": 4095}
    ours = attributes["flowroi"]
    assert (ours["flowroi"], ours["lossy"], ours["lossy_ratio"], ours["encode"]) == ("0.0", True, [3.0], {"rate": 3})
    with open_archive(archive_path) as archive:
        assert ours["lossy_method"] == archive.manifest["lossy_method"]
    label = attributes_of(archive_path / "labels" / "roi", version)
    assert label["image-label"]["source"] == {"image": "../../"}
    assert attributes_of(archive_path / "labels", version)["labels"] == ["roi"]


def test_what_is_not_known_is_not_said(tmp_path, version, movie, streams):
    path = write(tmp_path / "a.zarr", version, movie, streams, pixel_size_um=None, frame_interval_s=None)
    (multiscale,) = attributes_of(path, version)["multiscales"]
    assert not [axis for axis in multiscale["axes"] if "unit" in axis]
    assert multiscale["datasets"][0]["coordinateTransformations"][0]["scale"] == [1.0] * 5
    assert not (path / "labels").exists()
    with open_archive(path) as archive, pytest.raises(MissingInputError):
        archive.roi(0)


def test_an_archive_costs_little_beside_its_streams(tmp_path, version, monkeypatch):
    monkeypatch.setattr("flowroi.archives.shard.MOST_CHUNKS", 512)
    movie = np.zeros((60, 8, 8), np.uint8)
    stream = encode(movie[0], lossless="all", container="j2k")
    path = write(tmp_path / "a.zarr", version, movie, [stream] * 60, dtype="uint8", significant_bits=8)
    whole = sum(file.stat().st_size for file in files_of(path).values())
    # 2 % of a frame of 864x648 at 40:1.
    assert (whole - 60 * len(stream)) / 60 < 0.02 * 864 * 648 / 40


def test_random_damage_is_found_every_time(archive_path):
    assert not verify(archive_path, workers=1).faults
    rng = random.Random(4)
    files = list(files_of(archive_path).values())
    for n in range(100):
        file = rng.choice(files)
        data = file.read_bytes()
        k = rng.randrange(len(data))
        file.write_bytes(
            data[:k] if n % 5 == 0 else data[:k] + bytes([data[k] ^ 1 << rng.randrange(8)]) + data[k + 1 :]
        )
        assert found(archive_path), (file, k)
        file.write_bytes(data)
    assert not found(archive_path)


def found(path):
    """Whether `flowroi verify` says that an archive is not what was written."""
    try:
        return bool(verify(path, workers=1).faults)
    except FlowRoIError:
        return True


def test_the_damaged_frame_is_named(archive_path, version, movie):
    for t in (0, 5, 9):
        path = archive_path / f"0/{t}/0/0/0/0" if version == "0.4" else shard_of(archive_path, t // ROOM)
        data = path.read_bytes()
        with open_archive(archive_path) as archive:
            at = data.index(archive.stored(t)) + 200
        path.write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
        assert verify(archive_path, workers=1).bad_frames == (t,)
        with open_archive(archive_path) as archive:
            assert np.array_equal(archive[(t + 1) % FRAMES], movie[(t + 1) % FRAMES])
        path.write_bytes(data)


def test_a_damaged_or_missing_index_is_found_and_costs_no_frame(tmp_path, movie, streams):
    path = write(tmp_path / "a.zarr", "0.5", movie, streams)
    shard = shard_of(path, 1)
    data = shard.read_bytes()
    for damaged in (data[:-1], data[: -16 * ROOM - 4], data[:-5] + b"\x01" + data[-4:]):
        shard.write_bytes(damaged)
        result = verify(path, workers=1)
        assert result.bad_frames == ()
        assert [fault.name for fault in result.faults] == ["0/c/1/0/0/0/0"]
        with open_archive(path) as archive:
            assert np.array_equal(archive[:], movie)


def test_a_shard_that_is_cut_costs_the_frames_that_were_cut(tmp_path, movie, streams):
    path = write(tmp_path / "a.zarr", "0.5", movie, streams)
    shard = shard_of(path, 1)
    shard.write_bytes(shard.read_bytes()[: len(streams[4]) + 4 + len(streams[5]) + 4 + 100])
    assert verify(path, workers=1).bad_frames == (6, 7)


def test_what_is_missing_is_named(archive_path, tmp_path):
    for name, file in files_of(archive_path).items():
        file.rename(tmp_path / "away")
        if name in ("manifest.json", "COMPLETE"):
            with pytest.raises(FlowRoIError):
                open_archive(archive_path)
        else:
            faults = verify(archive_path, workers=1).faults
            assert faults, name
            if name.startswith("0/c/1"):
                assert {fault.frame for fault in faults} == {None, 4, 5, 6, 7}
            if name.startswith("0/7/"):
                assert [fault.frame for fault in faults] == [7]
        (tmp_path / "away").rename(file)


def test_what_does_not_belong_is_found(archive_path):
    for name in ("x", "0/x", "labels/roi/0/c", "0/c/7/0/0/0/0", ".hidden"):
        extra = archive_path / name
        if extra.exists():
            continue
        extra.parent.mkdir(parents=True, exist_ok=True)
        extra.write_bytes(b"x")
        assert [fault.name for fault in verify(archive_path, workers=1).faults] == [name]
        extra.unlink()
    assert not found(archive_path)


def test_links_are_no_files_of_an_archive(archive_path, tmp_path):
    for name, file in files_of(archive_path).items():
        moved = tmp_path / "moved"
        file.rename(moved)
        file.symlink_to(moved)
        assert found(archive_path), name
        file.unlink()
        moved.rename(file)
    (archive_path / "more").symlink_to(archive_path / "0")
    assert found(archive_path)


def test_frames_in_another_order_are_found(archive_path, version):
    if version == "0.5":
        first, second = shard_of(archive_path, 0), shard_of(archive_path, 1)
        expected = tuple(range(8))
    else:
        first, second = (archive_path / f"0/{t}/0/0/0/0" for t in (0, 1))
        expected = (0, 1)
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    assert verify(archive_path, workers=1).bad_frames == expected


def test_a_damaged_mask_is_named(archive_path, version):
    path = archive_path / "labels/roi/0/5/0/0/0/0" if version == "0.4" else shard_of(archive_path, 1, "labels/roi/0")
    data = path.read_bytes()
    at = len(data) // 2 if version == "0.4" else 350
    path.write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
    faults = verify(archive_path, workers=1).faults
    assert len(faults) == 2
    assert [fault.frame is None for fault in faults].count(False) == 1


@pytest.mark.parametrize("size", [1, 41, 43, 10**7])
def test_a_mask_of_another_size_is_refused_before_it_is_inflated(size, version):
    chunk = encode_mask(np.zeros((1, size), bool), version)
    with pytest.raises(CorruptDataError, match="expected 42"):
        decode_mask(chunk, (6, 7), version)
    whole = encode_mask(np.ones((6, 7), bool), version)
    for damaged in (b"", whole[:-3], b"x" * 30):
        with pytest.raises(CorruptDataError):
            decode_mask(damaged, (6, 7), version)


def test_nothing_is_left_of_a_writer_that_gives_up(tmp_path, version, movie, streams):
    def interrupted():
        yield streams[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a.zarr", version, movie, interrupted(), masks=movie > 2000)
    assert not list(tmp_path.iterdir())


def forge(path, change):
    """Change the manifest and make its digest and the mark fit again."""
    manifest = json.loads((path / "manifest.json").read_text())
    del manifest["digest"]
    change(manifest)
    data = sealed(manifest)
    (path / "manifest.json").write_bytes(data)
    (path / "COMPLETE").write_text(json.loads(data)["digest"] + "\n")


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["frames"][2].update(size_bytes=2**52),
        lambda m: [frame.update(size_bytes=2**52) for frame in m["frames"]],
        lambda m: m["frames"][2].update(size_bytes=0),
        lambda m: m.update(shape=[FRAMES, 2**20, 2**20]),
        lambda m: m.update(shape=[FRAMES, 34, 21]),
        lambda m: m.update(dtype="uint8"),
        lambda m: m.update(archive="ome-zarr-0.4" if m["archive"] == "ome-zarr" else "ome-zarr"),
        lambda m: m.update(archive="jp2"),
        lambda m: m["files"].append({"name": "0/../../x", "size_bytes": 1, "sha256": "0" * 64}),
        lambda m: m["files"].append({"name": "0/x", "size_bytes": 2**52, "sha256": "0" * 64}),
        lambda m: m["files"].pop(),
    ],
)
def test_a_manifest_that_lies_is_found_and_harms_nobody(archive_path, change):
    forge(archive_path, lambda manifest: None)
    assert not found(archive_path)
    forge(archive_path, change)
    assert found(archive_path)


def test_the_manifest_lists_every_shard_and_every_metadata_file(tmp_path, movie, streams):
    path = write(tmp_path / "a.zarr", "0.5", movie, streams)
    with OmeZarrArchive(path) as archive:
        assert archive.manifest["archive"] == "ome-zarr"
        assert [file["name"] for file in archive.manifest["files"]] == sorted(
            name for name in files_of(path) if name not in ("manifest.json", "COMPLETE")
        )
