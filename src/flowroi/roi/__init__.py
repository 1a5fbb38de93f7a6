"""RoI extraction: where the cells are, found by their motion."""

from flowroi.roi.extract import FUSED_IS_FLOW, SINGLE_FRAME, extract_roi, iter_roi
from flowroi.roi.overlay import draw_overlay

__all__ = ["FUSED_IS_FLOW", "SINGLE_FRAME", "draw_overlay", "extract_roi", "iter_roi"]
