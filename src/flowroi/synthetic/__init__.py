"""Synthetic ComplexEye-like movies with exact truth."""

from flowroi.synthetic.movie import SyntheticFrame, SyntheticMovie, iter_synthetic, synthetic_movie
from flowroi.synthetic.params import SyntheticParams
from flowroi.synthetic.plate import write_synthetic_plate

__all__ = [
    "SyntheticFrame",
    "SyntheticMovie",
    "SyntheticParams",
    "iter_synthetic",
    "synthetic_movie",
    "write_synthetic_plate",
]
