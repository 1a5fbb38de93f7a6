"""Shards: what zarr reads of them, and what is said of damaged ones."""

import struct
import tracemalloc

import numpy as np
import pytest

import flowroi
from flowroi.archives.crc32c import with_crc32c, without_crc32c
from flowroi.archives.shard import ShardWriter, chunks_per_shard, read_chunk
from flowroi.errors import CorruptDataError, FlowRoIError, InvalidParameterError, MissingInputError

CHUNKS = [b"one", b"", b"three!", bytes(range(256))]


@pytest.fixture
def shard(tmp_path):
    """A shard of four chunks with room for six."""
    path = tmp_path / "0"
    writer = ShardWriter(path, 6)
    for chunk in CHUNKS:
        writer.append(chunk)
    writer.finish()
    return path


def test_the_bytes_are_chunks_then_pairs_then_a_checksum(shard):
    pairs = [0, 3, 3, 0, 3, 6, 9, 256, *[2**64 - 1] * 4]
    assert shard.read_bytes() == b"".join(CHUNKS) + with_crc32c(struct.pack("<12Q", *pairs))


def test_every_chunk_is_read_back_and_absent_ones_are_said_to_be(shard):
    assert [read_chunk(shard, n, 6) for n in range(4)] == CHUNKS
    for n in (4, 5):
        with pytest.raises(CorruptDataError, match=f"chunk {n} is absent"):
            read_chunk(shard, n, 6)


def test_every_flip_and_every_cut_of_the_index_is_found(shard):
    data = shard.read_bytes()
    start = len(data) - 6 * 16 - 4
    for k in range(start, len(data)):
        shard.write_bytes(data[:k] + bytes([data[k] ^ 0x10]) + data[k + 1 :])
        with pytest.raises(CorruptDataError, match="index"):
            read_chunk(shard, 3, 6)
    for k in range(0, len(data), 5):
        shard.write_bytes(data[:k])
        with pytest.raises(CorruptDataError, match="index"):
            read_chunk(shard, 3, 6)


@pytest.mark.parametrize("pair", [(0, 10**6), (2**64 - 1, 1), (2**63, 2**63), (2**64 - 2, 0), (265, 1)])
def test_an_index_that_points_out_of_the_file_is_refused(shard, pair):
    data = shard.read_bytes()[:265]
    shard.write_bytes(data + with_crc32c(struct.pack("<2Q", *pair) + b"\xff" * 80))
    with pytest.raises(CorruptDataError, match=r"of 265"):
        read_chunk(shard, 0, 6)


def test_no_more_chunks_than_there_is_room_and_no_file_is_written_over(shard, tmp_path):
    with pytest.raises(FileExistsError):
        ShardWriter(shard, 6)
    writer = ShardWriter(tmp_path / "1", 1)
    writer.append(b"a")
    assert writer.full
    with pytest.raises(InvalidParameterError, match="room"):
        writer.append(b"b")
    writer.abandon()
    with pytest.raises(MissingInputError):
        read_chunk(tmp_path / "2", 0, 6)


def test_memory_does_not_grow_with_the_chunks(tmp_path):
    writer = ShardWriter(tmp_path / "0", 512)
    chunk = bytes(100_000)
    tracemalloc.start()
    for _ in range(512):
        writer.append(chunk)
    writer.finish()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
    assert (tmp_path / "0").stat().st_size == 512 * 100_000 + 512 * 16 + 4


def test_a_checksum_finds_what_was_changed():
    data = with_crc32c(b"some bytes")
    assert without_crc32c(data) == b"some bytes"
    for k in range(len(data)):
        assert without_crc32c(data[:k] + bytes([data[k] ^ 1]) + data[k + 1 :]) is None
        assert without_crc32c(data[:k]) is None


def test_zarr_reads_a_shard_of_ours(tmp_path):
    zarr = pytest.importorskip("zarr")
    movie = np.random.default_rng(1).integers(1, 200, (5, 1, 1, 9, 7)).astype(np.uint8)
    array = zarr.create_array(
        tmp_path / "a",
        shape=movie.shape,
        shards=(3, 1, 1, 9, 7),
        chunks=(1, 1, 1, 9, 7),
        dtype="u1",
        serializer={"name": "imagecodecs_jpeg2k"},
        compressors=[{"name": "crc32c"}],
    )
    array[:] = movie
    for number, frames in enumerate((movie[:3], movie[3:])):
        path = tmp_path / "a" / "c" / str(number) / "0" / "0" / "0" / "0"
        theirs = [read_chunk(path, n, 3) for n in range(len(frames))]
        path.unlink()
        writer = ShardWriter(path, chunks_per_shard(3))
        for frame in frames:
            writer.append(with_crc32c(flowroi.encode(frame[0, 0], lossless="all", container="j2k")))
        writer.finish()
        assert [read_chunk(path, n, 3) for n in range(len(frames))] == theirs
    assert np.array_equal(zarr.open_array(tmp_path / "a", mode="r")[:], movie)


def test_errors_are_ours(tmp_path):
    (tmp_path / "0").write_bytes(b"")
    with pytest.raises(FlowRoIError):
        read_chunk(tmp_path / "0", 0, 1)
