"""Which program reads which of our files: the same pixels, or a refusal that is known, never a wrong picture unnamed.

Run it where FlowRoI is installed with its extras, from the project's folder:

    python -m benchmarks.compatibility.matrix --cache DIR --python python3.12 --second-python python3.13 \
        -o docs/compatibility.md

It makes an environment for each reader in DIR (5 GB), writes our files there, reads each in a process of its own, and
exits with 1 where a cell is not what is stated here. It takes 5 minutes, and 15 more to make the environments. Beside
Python it needs Java (for Bio-Formats) and OpenJPEG's library (for glymur; Debian's libopenjp2-7).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from benchmarks.compatibility import environments, files, table

_ZARRS = ("ome-zarr", "ome-zarr-0.4", "plate", "plate-0.4", "export-ome-zarr", "export-ome-zarr-0.4")
_H4TRACKS = ("h4tracks-ome-zarr", "h4tracks-zarr", "h4tracks-no-tracks")
_TIFFS = ("ome-tiff", "ome-tiff-masks", "tiff")
_IMAGES = ("jp2", "png")
_VIDEOS = ("mkv-av1", "mkv-hevc", "mp4-hevc", "mkv-folder")
FAMILIES = {"TIFF": _TIFFS, "Image files": _IMAGES, "OME-Zarr": (*_ZARRS, *_H4TRACKS), "Video": _VIDEOS}


@dataclass(frozen=True)
class Reader:
    """A program: its name in the table, its environment, its function in `readers.py`, and what it is tried on."""

    title: str
    environment: str
    function: str
    kinds: tuple[str, ...]
    second_python: bool = False


READERS = (
    Reader("tifffile with imagecodecs", "images", "tifffile", _TIFFS),
    Reader("tifffile alone", "tifffile-alone", "tifffile", _TIFFS),
    Reader("scikit-image", "images", "scikit-image", (*_TIFFS, *_IMAGES)),
    Reader("bioio", "bioio", "bioio", (*_TIFFS, "ome-zarr", "ome-zarr-0.4", "export-ome-zarr", "export-ome-zarr-0.4")),
    Reader("Bio-Formats", "bio-formats", "bio-formats", (*_TIFFS, *_IMAGES)),
    Reader("napari", "napari", "napari", (*_TIFFS, *_IMAGES)),
    Reader("Pillow", "images", "pillow", (*_TIFFS, *_IMAGES)),
    Reader("OpenCV", "images", "opencv", (*_TIFFS, *_IMAGES, *_VIDEOS[:3])),
    Reader("imagecodecs", "images", "imagecodecs", _IMAGES),
    Reader("glymur", "images", "glymur", ("jp2",)),
    Reader("FFmpeg (PyAV)", "images", "ffmpeg", (*_IMAGES, *_VIDEOS)),
    Reader("zarr with imagecodecs-zarr, -numcodecs", "zarr", "zarr", (*_ZARRS, *_H4TRACKS)),
    Reader("zarr, likewise, second Python", "zarr", "zarr", (*_ZARRS, *_H4TRACKS), second_python=True),
    Reader("dask with imagecodecs-zarr, -numcodecs", "zarr", "dask", (*_ZARRS, *_H4TRACKS)),
    Reader("zarr alone", "zarr-alone", "zarr", (*_ZARRS, *_H4TRACKS)),
    Reader("napari-ome-zarr", "napari", "napari-ome-zarr", (*_ZARRS, "h4tracks-ome-zarr")),
    Reader("ome-zarr-models", "ome-zarr-models", "ome-zarr-models", (*_ZARRS, "h4tracks-ome-zarr")),
    Reader("ngio", "ngio", "ngio", (*_ZARRS, "h4tracks-ome-zarr")),
    Reader("iohub", "iohub", "iohub", (*_ZARRS, "h4tracks-ome-zarr")),
    Reader("MMV_H4Tracks' loader", "h4tracks", "h4tracks", _H4TRACKS),
)
_NO_CODEC = "it has no JPEG 2000 of its own, and says that the codec is missing"
_OWN_DECODER = "its decoder of JPEG 2000 is its own"
# What is not "same" or "valid", by reader and kind: the outcome of 8 bits and of 12, and why that is so.
STATED: dict[tuple[str, str], tuple[tuple[str, str], str]] = {
    **{("tifffile alone", kind): (("refused", "refused"), _NO_CODEC) for kind in _TIFFS[:2]},
    **{
        ("Pillow", kind): (
            ("refused", "refused"),
            "it has no JPEG 2000 in TIFF; `flowroi decompress` makes what it reads",
        )
        for kind in _TIFFS[:2]
    },
    **{
        ("OpenCV", kind): (
            ("WRONG", "refused"),
            "it has no JPEG 2000 in TIFF and returns zeros, of 8 bits without an error: use tifffile, or "
            "`flowroi decompress`",
        )
        for kind in _TIFFS[:2]
    },
    ("OpenCV", "mkv-av1"): (("refused", "refused"), "its wheel has no AV1 decoder"),
    **{
        ("OpenCV", kind): (("same", "WRONG"), "it shows all video in 8 bits: use PyAV")
        for kind in ("mkv-hevc", "mp4-hevc")
    },
    ("FFmpeg (PyAV)", "jp2"): (("±1", "±1"), _OWN_DECODER),
    **{("Bio-Formats", kind): (("±1", "±1"), _OWN_DECODER) for kind in (*_TIFFS[:2], "jp2")},
    **{("zarr alone", kind): (("refused", "refused"), _NO_CODEC) for kind in _ZARRS[:4]},
    ("MMV_H4Tracks' loader", "h4tracks-no-tracks"): (
        ("refused", "refused"),
        "its layer of tracks fails where there are none, as `flowroi decompress` warns: name the export NAME.ome.zarr",
    ),
}


@dataclass(frozen=True)
class Cell:
    """What came of one file in one reader."""

    outcome: str
    detail: str = ""


def compare(made: files.Made, found: npt.NDArray[Any]) -> Cell:
    """Say how frames that were read relate to those of the archive."""
    frames, height, width = made.pixels.shape
    squeezed = np.squeeze(found)
    if made.wells > 1 and squeezed.size != made.pixels.size:
        return _compare_plate_view(made, squeezed)
    if squeezed.ndim != 3 and squeezed.size == made.pixels.size:
        squeezed = squeezed.reshape(made.pixels.shape)
    # Readers that know nothing of series show kept masks as further pages.
    further = squeezed.ndim == 3 and len(squeezed) == 2 * frames
    squeezed = squeezed[:frames] if further else squeezed
    if squeezed.ndim != 3 or len(squeezed) != frames:
        return Cell("WRONG", f"shape {found.shape}")
    shown = squeezed[:, :height, :width].astype(np.int64)
    if made.shift:
        shown = (shown + (1 << made.shift >> 1)) >> made.shift
        shown = np.minimum(shown, np.iinfo(made.pixels.dtype).max)
    if shown.shape != made.pixels.shape:
        return Cell("WRONG", f"shape {found.shape}")
    worst = int(np.abs(shown - made.pixels).max())
    if worst <= 1:
        notes = [f"in {made.shift} bits more"] if made.shift else []
        notes += ["the masks as further pages"] if further else []
        return Cell("±1" if worst else "same", ", ".join(notes))
    if not shown.any():
        return Cell("WRONG", "all zeros")
    if found.dtype.itemsize < made.pixels.dtype.itemsize:
        return Cell("WRONG", f"8 bits of {made.pixels.dtype.itemsize * 8}")
    return Cell("WRONG", f"off by up to {worst} grey levels")


def _compare_plate_view(made: files.Made, shown: npt.NDArray[Any]) -> Cell:
    """Compare a plate shown as one picture: wells A1 and B2 on the diagonal of a grid, the others empty."""
    frames, height, width = made.pixels.shape[0] // made.wells, *made.pixels.shape[1:]
    expected = np.zeros((frames, 2 * height, 2 * width), made.pixels.dtype)
    expected[:, :height, :width] = made.pixels[:frames]
    expected[:, height:, width:] = made.pixels[frames:]
    if shown.shape != expected.shape:
        return Cell("WRONG", f"shape {shown.shape}")
    return Cell("same", "as one picture") if np.array_equal(shown, expected) else Cell("WRONG", "as one picture")


def is_stated(reader: Reader, kind: str, bits: int, cell: Cell) -> bool:
    """Whether a cell is as good as it should be, or as bad as is known."""
    if (reader.title, kind) not in STATED:
        return cell.outcome in ("same", "valid")
    outcomes, _ = STATED[reader.title, kind]
    return cell.outcome == outcomes[bits > 8]


def read(interpreter: Path, function: str, made: files.Made, scratch: Path) -> Cell:
    """Read a file with a reader, in a process of its own, and compare."""
    target = scratch / "found.npy"
    target.unlink(missing_ok=True)
    script = Path(__file__).resolve().with_name("readers.py")
    try:
        done = subprocess.run(
            [str(interpreter), "-P", str(script), function, str(made.path), str(target)],
            capture_output=True,
            text=True,
            timeout=300,
            env={**environments.plain_environment(), "QT_QPA_PLATFORM": "offscreen"},
        )
    except subprocess.TimeoutExpired:
        return Cell("WRONG", "no answer within 300 s")
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return Cell("WRONG", f"the process ended with {done.returncode}: {done.stderr.strip()[-200:]}")
    answer = json.loads(lines[-1])
    if answer["outcome"] == "read":
        return compare(made, np.load(target))
    return Cell(answer["outcome"], answer["said"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, required=True, help="folder for environments and files")
    parser.add_argument("--python", default=sys.executable, help="the Python of the environments, 3.12 or later")
    parser.add_argument("--second-python", help="another one, for zarr")
    parser.add_argument("--readers", nargs="*", help="only these, by their functions")
    parser.add_argument("--kinds", nargs="*", help="only these files")
    parser.add_argument("-o", "--output", type=Path, help="the page, Markdown")
    arguments = parser.parse_args()
    cache = arguments.cache.resolve()
    kinds = [kind for kind in files.KINDS if arguments.kinds is None or kind in arguments.kinds]
    made = {(kind, bits): files.make(kind, bits, cache / "files") for kind in kinds for bits in files.KINDS[kind].bits}
    cells: dict[tuple[str, str, int], Cell] = {}
    versions: dict[str, dict[str, str]] = {}
    unexpected = 0
    for reader in READERS:
        if arguments.readers is not None and reader.function not in arguments.readers:
            continue
        python = arguments.second_python if reader.second_python else arguments.python
        if python is None:
            continue
        try:
            interpreter = environments.make(reader.environment, cache / "environments", python)
        except environments.NotMadeError as error:
            print(f"! {reader.title}: its environment could not be made: {error}")
            unexpected += 1
            continue
        versions[reader.title] = environments.versions(interpreter, reader.environment)
        for kind in reader.kinds:
            for bits in files.KINDS[kind].bits if kind in kinds else ():
                cell = read(interpreter, reader.function, made[kind, bits], cache)
                cells[reader.title, kind, bits] = cell
                fits = is_stated(reader, kind, bits, cell)
                unexpected += not fits
                print(
                    f"{'  ' if fits else '! '}{reader.title}, {kind}, {bits} bits: {cell.outcome} {cell.detail[:300]}"
                )
                sys.stdout.flush()
    if arguments.output:
        arguments.output.write_text(
            table.markdown(FAMILIES, files.KINDS, cells, {key: why for key, (_, why) in STATED.items()}, versions),
            encoding="utf-8",
        )
    print(f"{len(cells)} cells, {unexpected} not as stated")
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
