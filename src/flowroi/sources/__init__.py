"""Sources: movies as they come, read frame by frame."""

from flowroi.sources.base import Source
from flowroi.sources.open import open_source

__all__ = ["Source", "open_source"]
