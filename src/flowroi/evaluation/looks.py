"""What there is to look at: the frames and the cells that came off worst, raw beside decoded."""

from __future__ import annotations

from itertools import islice

import numpy as np

from flowroi.archives import Archive, open_archive
from flowroi.evaluation.archive_masks import archive_masks
from flowroi.evaluation.materials import background_of
from flowroi.evaluation.results import SubjectResult
from flowroi.evaluation.worst import WorstCell, worst_cells, worst_frames
from flowroi.masks import Mask
from flowroi.report.blocks import Gallery, Picture, Section, Slider, SliderFrame
from flowroi.report.pictures import beside, grey_range, outline_png, png_of, thumbnail
from flowroi.roi.overlay import OUTLINE_RGB
from flowroi.sources import Source
from flowroi.stores import AnyPath

_FRAMES = 6
_CELLS = 12
_THUMBNAIL_PX = 48
_ZOOM = 3
# Where no RoI is known, nothing is drawn.
_MaskOf = dict[int, Mask]


def looks_section(source: Source, path: AnyPath, result: SubjectResult, *, segmented: bool) -> Section:
    """Return the worst frames of an archive under a slider, and its worst cells.

    Parameters
    ----------
    source : Source
        The raw movie.
    path : Path or StorePath
        The archive.
    result : SubjectResult
        What was measured on it.
    segmented : bool
        Whether to say of cells and frames what the segmenter made of them.
    """
    frames, cells = worst_frames(result, _FRAMES), worst_cells(result, _CELLS)
    with open_archive(path) as archive:
        masks = _masks(source, archive, {*frames, *(cell.t for cell in cells)})
        background = background_of(archive)
        outside = f" Outside it the archive shows no measurement (background: {background})." if background else ""
        slider = Slider(
            "Draw the divider across: uncompressed on its left, the archive on its right; the orange line is the RoI."
            f"{outside} The worst frame comes first.",
            "uncompressed",
            "archive",
            tuple(_slider_frame(source, archive, result, masks, t, segmented) for t in frames),
        )
        gallery = Gallery(
            "The worst cells, uncompressed and as archived: those outside the RoI first, then those with the largest "
            "errors; each place once.",
            tuple(_picture(source, archive, masks, cell, segmented) for cell in cells),
        )
    return Section(f"Look at it: {result.name}", (slider, gallery))


def _slider_frame(
    source: Source, archive: Archive, result: SubjectResult, masks: _MaskOf, t: int, segmented: bool
) -> SliderFrame:
    raw, decoded = source.read(t), archive[t]
    low, high = grey_range(raw)
    summary = result.summary({t})
    notes = []
    if summary.roi_psnr is not None and np.isfinite(summary.roi_psnr):
        notes.append(f"{summary.roi_psnr:.1f} dB on the cells")
    if segmented and summary.f1 is not None:
        notes.append(f"F1 {summary.f1:.3f}")
    if summary.cells_missed:
        notes.append(f"{summary.cells_missed:.1%} of the cells outside the RoI")
    outline = outline_png(masks[t]) if t in masks else None
    name = source.frame_names[t]
    return SliderFrame(name, png_of(raw, low, high), png_of(decoded, low, high), outline, ", ".join(notes))


def _picture(source: Source, archive: Archive, masks: _MaskOf, cell: WorstCell, segmented: bool) -> Picture:
    raw = source.read(cell.t)
    low, high = grey_range(raw)
    outlines = ((masks[cell.t], OUTLINE_RGB),) if cell.t in masks else ()
    pair = [
        thumbnail(frame, cell.centre_yx, _THUMBNAIL_PX, _ZOOM, outlines=outlines, low=low, high=high)
        for frame in (raw, archive[cell.t])
    ]
    covered = "" if cell.covered is None else f", {cell.covered:.0%} in the RoI"
    y, x = cell.centre_yx
    caption = f"{source.frame_names[cell.t]}, cell at ({y:.0f}, {x:.0f}): {cell.psnr:.1f} dB{covered}"
    if segmented and not cell.found:
        caption += ", not found by the segmenter"
    return Picture(caption, beside(*pair), f"{caption}; uncompressed on the left, archived on the right")


def _masks(source: Source, archive: Archive, frames: set[int]) -> _MaskOf:
    masks = enumerate(islice(archive_masks(archive, source), max(frames, default=-1) + 1))
    return {t: mask for t, mask in masks if mask is not None and t in frames}
