"""Instance segmenters behind one protocol."""

from flowroi.segmenters.base import Segmenter
from flowroi.segmenters.open import SEGMENTERS, open_segmenter

__all__ = ["SEGMENTERS", "Segmenter", "open_segmenter"]
