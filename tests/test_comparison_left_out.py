"""`verify --against`: what holds more than the frames that were archived is not safe, nor is a folder of more."""

import re

import numpy as np
import pytest
import tifffile

import flowroi
from flowroi.comparison import compare
from flowroi.png import write_png
from flowroi.sources import open_source

EXACT = {"lossless": "all", "roi_method": "none"}


@pytest.fixture(scope="module")
def frames():
    return flowroi.synthetic_movie(frames=6, height=48, width=64, cells=3, seed=2).frames


@pytest.fixture
def compared(tmp_path):
    def run(raw, **reading):
        flowroi.compress(raw, tmp_path / "archive.ome.tif", **EXACT, **reading)
        return compare(tmp_path / "archive.ome.tif", raw)

    return run


def _none_safe(found, word):
    assert found.safe == ()
    assert found.kept
    assert all(word in why for _, why in found.kept)


def _ome_file(path, pages, tiff_data):
    """Write pages whose OME-XML names them as it is told to."""
    tifffile.imwrite(path, pages, photometric="minisblack", ome=True, metadata={"axes": "TYX"})
    with tifffile.TiffFile(path) as tiff:
        xml = tiff.ome_metadata
    size = len(re.findall("<TiffData", tiff_data))
    xml = re.sub("<TiffData.*?(/>|</TiffData>)", tiff_data, xml, flags=re.S)
    xml = re.sub('SizeT="[0-9]+"', f'SizeT="{size}"', xml)
    with tifffile.TiffWriter(path) as tiff:
        for n, page in enumerate(pages):
            tiff.write(page, photometric="minisblack", metadata=None, contiguous=False, description=None if n else xml)


def _plane(page, t, file=""):
    uuid = f'<UUID FileName="{file}">urn:uuid:1f0e7f4e-0000-4000-8000-000000000001</UUID>' if file else ""
    return f'<TiffData IFD="{page}" FirstT="{t}" FirstZ="0" FirstC="0" PlaneCount="1">{uuid}</TiffData>'


def test_a_colour_image_behind_a_grey_one_is_kept(tmp_path, frames, compared):
    folder = tmp_path / "raw"
    folder.mkdir()
    write_png(folder / "i0.png", frames[0])
    write_png(folder / "i1.png", np.stack([frames[1], 255 - frames[1], frames[1]], axis=-1))
    _none_safe(compared(folder, channel=0), "other channels")


def test_a_page_that_no_frame_is_in_while_another_is_named_twice_is_kept(tmp_path, frames, compared):
    _ome_file(tmp_path / "raw.tif", frames[:2], _plane(0, 0) + _plane(0, 1))
    _none_safe(compared(tmp_path / "raw.tif"), "1 pages that are no frames")


def test_pages_of_a_companion_that_are_no_frames_are_kept(tmp_path, frames, compared):
    _ome_file(tmp_path / "raw.tif", frames[:1], _plane(0, 0) + _plane(0, 1, "more.tif"))
    tifffile.imwrite(tmp_path / "more.tif", frames[1:4], photometric="minisblack", metadata=None)
    _none_safe(compared(tmp_path / "raw.tif"), "2 pages that are no frames")


def test_images_within_the_pages_are_kept(tmp_path, frames, compared):
    with tifffile.TiffWriter(tmp_path / "raw.tif") as tiff:
        for t in range(2):
            tiff.write(frames[t], photometric="minisblack", metadata=None, subifds=1)
            tiff.write(frames[t + 2], photometric="minisblack", metadata=None)
    _none_safe(compared(tmp_path / "raw.tif"), "SubIFDs")


def test_a_second_array_in_a_file_is_kept(tmp_path, frames, compared):
    with (tmp_path / "raw.npy").open("wb") as file:
        np.save(file, frames[:3])
        np.save(file, frames[3:])
    _none_safe(compared(tmp_path / "raw.npy"), "behind the array")


def test_masks_of_an_archive_that_was_compressed_again_are_kept(tmp_path, frames, compared):
    flowroi.compress(frames, tmp_path / "first.ome.tif", rate=4, keep_masks=True)
    _none_safe(compared(tmp_path / "first.ome.tif"), "masks")


def _video(path, movies, layout):
    """Write streams side by side; where there are colours, all frames but the first have them."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("ffv1", rate=8) for _ in movies]
        for stream, movie in zip(streams, movies, strict=True):
            stream.height, stream.width = movie.shape[1:]
            stream.pix_fmt = layout
        for stream, movie in zip(streams, movies, strict=True):
            for t, frame in enumerate(movie):
                planes = (
                    [frame] if layout == "gray" else [frame, np.full_like(frame, 60 if t else 128), frame * 0 + 128]
                )
                shown = av.VideoFrame.from_ndarray(frame if layout == "gray" else np.stack(planes), format=layout)
                shown.pts = t
                container.mux(stream.encode(shown))
            container.mux(stream.encode())


def test_a_second_stream_of_a_video_is_kept(tmp_path, frames, compared):
    _video(tmp_path / "raw.mkv", [frames, frames[::-1]], "gray")
    _none_safe(compared(tmp_path / "raw.mkv"), "1 more streams")


def test_colours_that_begin_behind_the_first_frame_are_told_and_kept(tmp_path, frames, compared):
    _video(tmp_path / "raw.mkv", [frames], "yuv444p")
    _none_safe(compared(tmp_path / "raw.mkv"), "colours")
    with open_source(tmp_path / "raw.mkv") as source:
        assert list(source)
        assert [text for text in source.warnings if "colours are not kept" in text]


def test_a_grey_video_is_safe(tmp_path, frames, compared):
    _video(tmp_path / "raw.mkv", [frames], "gray")
    assert compared(tmp_path / "raw.mkv").all_safe


def test_a_folder_with_files_that_were_not_read_is_not_safe_as_a_whole(tmp_path, frames, compared):
    folder = tmp_path / "raw"
    (folder / "within").mkdir(parents=True)
    for t in range(2):
        write_png(folder / f"a_t{t}.png", frames[t])
        write_png(folder / f"b_t{t}.png", frames[t + 2])
    write_png(folder / "within" / "c.png", frames[4])
    found = compared(folder, pattern=r"a_t(?P<time>\d+)")
    assert [file.name for file in found.safe] == ["a_t0.png", "a_t1.png"]
    assert sorted(file.name for file, _ in found.kept) == ["b_t0.png", "b_t1.png", "c.png"]
    assert not found.all_safe


def test_a_plate_with_files_that_were_not_read_is_not_safe_as_a_whole(tmp_path, frames):
    from flowroi.plates.comparison import compare_plate

    raw = tmp_path / "plate"
    raw.mkdir()
    for well in ("A01", "B02"):
        for n in range(4):
            tifffile.imwrite(raw / f"{well}_f00_t000{n % 2}_c{n // 2}.tif", frames[n])
    flowroi.compress(raw, tmp_path / "p", channel=0, **EXACT)
    found = compare_plate(tmp_path / "p", raw)
    assert all(file.name.endswith("c0.tif") for file in found.safe)
    assert len(found.safe) == len(found.kept) == 4
    assert not found.all_safe
