"""Compression beside the instrument: movies are coded while their files come in, and become archives at the end."""

from flowroi.live.options import LiveOptions
from flowroi.live.report import LiveReport
from flowroi.live.watch import watch

__all__ = ["LiveOptions", "LiveReport", "watch"]
