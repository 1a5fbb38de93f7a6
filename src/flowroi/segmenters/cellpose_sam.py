"""Cellpose-SAM: the network that the paper fine-tunes, with weights that the user has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from flowroi.errors import MissingInputError
from flowroi.segmenters.base import Frame, Labels, check_diameter
from flowroi.segmenters.network import (
    check_complete,
    check_weights,
    check_weights_path,
    choose_device,
    describe_network,
    quiet_import,
    require_cellpose,
    segment_with,
    weights_sha256,
)


@dataclass(frozen=True, slots=True)
class CellposeSamSegmenter:
    """Cellpose-SAM.

    Parameters
    ----------
    weights : Path
        The published weights, or those of a fine-tuned network. Nothing is downloaded.
    diameter_px : float in [2, 512], optional
        The frame is scaled so that cells of this diameter have 30 px; by default it is taken as it is.
    gpu : bool, optional
        Whether to run on the GPU; by default where there is one. A CPU takes minutes for a frame.

    Raises
    ------
    InvalidParameterError
        If the diameter is out of range.
    MissingDependencyError
        Without Cellpose 4.
    MissingInputError
        Without weights, or if they are not there.

    References
    ----------
    Pachitariu, Rariden and Stringer, Cellpose-SAM, 2025, doi:10.1101/2025.04.28.651001.
    """

    weights: Path | None = None
    diameter_px: float | None = None
    gpu: bool | None = None

    name: ClassVar[str] = "cellpose-sam"

    def __post_init__(self) -> None:
        check_diameter(self.diameter_px)
        require_cellpose(4, "cellpose-sam")
        check_weights_path(self._path())

    def segment(self, frame: Frame) -> Labels:
        """Return the cells of a frame; see `Segmenter.segment`."""
        path = self._path()
        model = _load(path, weights_sha256(path), choose_device(self.gpu))
        return segment_with(model, frame, diameter=self.diameter_px)

    def describe(self) -> dict[str, Any]:
        """Return what a report says of it; see `Segmenter.describe`."""
        return describe_network(self.name, self._path(), {"diameter_px": self.diameter_px}, self.gpu)

    def _path(self) -> Path:
        if self.weights is None:
            raise MissingInputError(
                "cellpose-sam needs weights, and downloads none: fetch cpsam_v2 from the Cellpose project, or "
                "fine-tune a network (docs/segmenters.md), and give its path as weights (--weights)"
            )
        return Path(self.weights)


@lru_cache(maxsize=1)
def _load(path: Path, sha256: str, device: str) -> Any:  # noqa: ARG001 - another file under the same path is loaded anew
    names = check_weights(
        path,
        needs=frozenset({"W2", "out.weight", "encoder.pos_embed"}),
        refuses=frozenset(),
        kind="the weights of Cellpose-SAM",
    )
    import torch

    with quiet_import():
        from cellpose.models import CellposeModel

    # Half precision is for GPUs: on a CPU it is slower and less exact.
    model = CellposeModel(pretrained_model=str(path), device=torch.device(device), use_bfloat16=device == "cuda")
    check_complete(model.net, names, path)
    return model
