"""Other ways to compress a frame, or a whole movie: what FlowRoI is compared with."""

from flowroi.baselines.base import Baseline
from flowroi.baselines.open import BASELINES, open_baseline
from flowroi.baselines.sequence import SEQUENCE_BASELINES, PlainVideo

__all__ = ["BASELINES", "SEQUENCE_BASELINES", "Baseline", "PlainVideo", "open_baseline"]
