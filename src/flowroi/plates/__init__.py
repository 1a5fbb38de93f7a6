"""Plates: many movies that belong together, each at a well and a field."""

from flowroi.plates.base import Plate, Position
from flowroi.plates.open import open_plate
from flowroi.plates.recognise import is_plate

__all__ = ["Plate", "Position", "is_plate", "open_plate"]
