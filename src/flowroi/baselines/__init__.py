"""Other ways to compress a frame, behind one protocol: what FlowRoI is compared with."""

from flowroi.baselines.base import Baseline
from flowroi.baselines.open import BASELINES, open_baseline

__all__ = ["BASELINES", "Baseline", "open_baseline"]
