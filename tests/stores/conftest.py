"""Movies and plates in a local folder and in an S3 server on the loopback, and what a store holds."""

import os
import subprocess
import sys
from pathlib import Path

import fsspec
import numpy as np
import pytest

import flowroi
from flowroi.archives.ome_zarr_plate import plate_files
from flowroi.plates.base import Position
from tests.inputs.makers import write_zarr
from tests.stores.servers import Between, s3_server

SECRET = "hush-hush-do-not-tell"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "somebody",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_DEFAULT_REGION": "us-east-1",
    # A server that fails on purpose does so at once.
    "AWS_MAX_ATTEMPTS": "1",
}
POSITIONS = (Position("A1"), Position("B2", 1))


@pytest.fixture(scope="session")
def s3_url():
    with s3_server() as url:
        yield url


@pytest.fixture
def s3(s3_url, monkeypatch):
    """A bucket of this test alone, on a server that can be made to fail."""
    between = Between(s3_url)
    bucket = Bucket(between)
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(fsspec.config.conf, "s3", {"endpoint_url": between.url})
    try:
        bucket.store.mkdir(bucket.name)
        yield bucket
    finally:
        bucket.store.clear_instance_cache()
        between.close()


class Bucket:
    """What a bucket holds, seen past our own code."""

    _count = 0

    def __init__(self, between):
        Bucket._count += 1
        self.name = f"lab{Bucket._count}-{os.getpid()}"
        self.between = between
        self.environment = {**ENVIRONMENT, "FSSPEC_S3_ENDPOINT_URL": between.url}

    @property
    def store(self):
        return fsspec.filesystem("s3", use_listings_cache=False)

    def url(self, name):
        return f"s3://{self.name}/{name}"

    def put(self, folder, name):
        """Copy a local folder into the bucket; return its URL."""
        for file in Path(folder).rglob("*"):
            if file.is_file():
                self.write(f"{name}/{file.relative_to(folder).as_posix()}", file.read_bytes())
        return self.url(name)

    def write(self, name, data):
        self.store.pipe_file(f"{self.name}/{name}", data)

    def read(self, name):
        return self.store.cat_file(f"{self.name}/{name}")

    def remove(self, name):
        self.store.rm_file(f"{self.name}/{name}")

    def files(self, name=""):
        """All objects below a name: their bytes by their name from there."""
        start = f"{self.name}/{name}/" if name else f"{self.name}/"
        return {key[len(start) :]: self.store.cat_file(key) for key in self.store.find(start.rstrip("/"))}

    def run(self, *arguments, **options):
        """Run `flowroi` in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "flowroi", *map(str, arguments)],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **options,
        )


def files_of(folder):
    """All files below a local folder: their bytes by their name from there."""
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in Path(folder).rglob("*") if f.is_file()}


def frames_of(seed, count=3):
    return np.random.default_rng(seed).integers(0, 256, (count, 24, 32)).astype(np.uint8)


@pytest.fixture(scope="session")
def raw(tmp_path_factory):
    """A raw OME-Zarr movie on the disk."""
    return write_zarr(tmp_path_factory.mktemp("raw"), frames_of(1))


@pytest.fixture(scope="session")
def raw_plate(tmp_path_factory):
    """A raw OME-Zarr plate of two positions on the disk."""
    root = tmp_path_factory.mktemp("raw-plate") / "plate.ome.zarr"
    for seed, position in enumerate(POSITIONS):
        field = root / position.row / position.column / str(position.field)
        field.parent.mkdir(parents=True)
        write_zarr(tmp_path_factory.mktemp("raw"), frames_of(seed)).rename(field)
    for name, data in plate_files("screen", POSITIONS).items():
        (root / name).write_bytes(data)
    return root


@pytest.fixture(scope="session")
def local_archive(raw, tmp_path_factory):
    """The archive of the raw movie, with its masks, made on the disk."""
    target = tmp_path_factory.mktemp("local") / "small.ome.zarr"
    flowroi.compress(raw, target, **MASKED)
    return target


OPTIONS = {"psnr": 38.0, "roi_method": "none"}
MASKED = {"psnr": 38.0, "keep_masks": True}
