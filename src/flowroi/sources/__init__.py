"""Readers of movies: image folders, TIFF and OME-TIFF, video files, NumPy arrays."""

from flowroi.sources.base import Source
from flowroi.sources.open import open_source

__all__ = ["Source", "open_source"]
