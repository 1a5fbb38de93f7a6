"""Raw plates for the recipes, and the command line on the PATH, where workflow managers look for it."""

import hashlib
import os
import sys
from pathlib import Path

import pytest

from flowroi.synthetic import write_synthetic_plate

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"
# Of compress: quick, and of a kind that tells other settings apart.
SETTINGS = "--lossless roi --roi-method none"


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """Of a process that finds `flowroi`, this one, and what is installed beside it."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "flowroi"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m flowroi "$@"\n')
    script.chmod(0o755)
    found = [str(folder), str(Path(sys.executable).parent), os.environ["PATH"]]
    return {**os.environ, "PATH": os.pathsep.join(found)}


@pytest.fixture
def plates(tmp_path):
    """Two plates, one of them of a single well, in folders whose names want quoting."""
    for name, wells in (("raw 1", ("A1", "A2", "B1", "B2")), ("raw 2", ("C3",))):
        write_synthetic_plate(tmp_path / name, wells=wells, frames=3, height=48, width=48, cells=1)
    return tmp_path / "raw 1", tmp_path / "raw 2"


def content_of(folder):
    """The SHA-256 of every file in a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
