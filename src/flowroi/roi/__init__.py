"""RoI extraction: where the cells are, found by their motion and their looks."""

from flowroi.roi.extract import extract_roi, iter_roi
from flowroi.roi.frame_roi import FrameRoi, RoiDiagnostics
from flowroi.roi.overlay import draw_overlay

__all__ = ["FrameRoi", "RoiDiagnostics", "draw_overlay", "extract_roi", "iter_roi"]
