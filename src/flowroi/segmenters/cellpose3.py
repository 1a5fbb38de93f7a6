"""The MMV lab's neutrophil network, or another one of the Cellpose 3 architecture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, ClassVar

from flowroi.errors import CorruptDataError, MissingDependencyError
from flowroi.segmenters.base import Frame, Labels, check_diameter
from flowroi.segmenters.network import (
    check_complete,
    check_weights,
    check_weights_path,
    choose_device,
    describe_network,
    require_cellpose,
    segment_with,
    weights_sha256,
)

_PACKAGE = "mmv-h4tracks"
_NETWORK = "mmv_h4tracks/models/Neutrophil_granulocytes"
NEUTROPHIL_SHA256 = "7c87a1cd6b9e2d41d07ad79bb2806ef57dc8082217224024a4aeea21bc046769"
# Mean diameter of the cells that the neutrophil network was trained on.
NEUTROPHIL_DIAMETER_PX = 15.35
_ADVICE = f"pip install --no-deps {_PACKAGE}==1.3.0"


@dataclass(frozen=True, slots=True)
class Cellpose3Segmenter:
    """A network of the Cellpose 3 architecture.

    Parameters
    ----------
    weights : Path, optional
        The network's weights; by default `Neutrophil_granulocytes` of the installed package mmv-h4tracks, which is not
        imported. Nothing is downloaded.
    diameter_px : float in [2, 512], optional
        Typical diameter of a cell, px. By default the mean of the cells that the network was trained on: 15.35 for the
        neutrophils.
    gpu : bool, optional
        Whether to run on the GPU; by default where there is one.

    Raises
    ------
    InvalidParameterError
        If the diameter is out of range.
    MissingDependencyError
        Without Cellpose 3, or without mmv-h4tracks where it is needed.
    MissingInputError
        If the weights are not there.

    References
    ----------
    Stringer and Pachitariu, Cellpose3, 2025, doi:10.1038/s41592-025-02595-5.
    """

    weights: Path | None = None
    diameter_px: float | None = None
    gpu: bool | None = None

    name: ClassVar[str] = "cellpose3"

    def __post_init__(self) -> None:
        check_diameter(self.diameter_px)
        require_cellpose(3, "cellpose3")
        check_weights_path(self._path())

    def segment(self, frame: Frame) -> Labels:
        """Return the cells of a frame; see `Segmenter.segment`."""
        path = self._path()
        model = _load(path, weights_sha256(path), self.weights is None, choose_device(self.gpu))
        return segment_with(model, frame, diameter=self._diameter(), channels=[0, 0])

    def describe(self) -> dict[str, Any]:
        """Return what a report says of it; see `Segmenter.describe`."""
        return describe_network(self.name, self._path(), {"diameter_px": self._diameter()}, self.gpu)

    def _path(self) -> Path:
        return _neutrophil_weights() if self.weights is None else Path(self.weights)

    def _diameter(self) -> float | None:
        return NEUTROPHIL_DIAMETER_PX if self.weights is None and self.diameter_px is None else self.diameter_px


def _neutrophil_weights() -> Path:
    """Return where the installed package keeps its network; importing the package would need napari."""
    try:
        return Path(str(distribution(_PACKAGE).locate_file(_NETWORK)))
    except PackageNotFoundError as error:
        raise MissingDependencyError(
            f"the neutrophil network is part of the package {_PACKAGE}: {_ADVICE}, or give the weights of a network"
        ) from error


@lru_cache(maxsize=1)
def _load(path: Path, sha256: str, is_default: bool, device: str) -> Any:
    """Return the model; another file under the same path has another `sha256`."""
    if is_default and sha256 != NEUTROPHIL_SHA256:
        raise CorruptDataError(
            f"the neutrophil network has SHA-256 {sha256}; expected {NEUTROPHIL_SHA256}; it was not loaded: {_ADVICE}",
            path=path,
        )
    names = check_weights(
        path,
        needs=frozenset({"output.2.weight", "diam_mean", "diam_labels"}),
        refuses=frozenset({"W2"}),
        kind="the weights of a Cellpose 3 network",
    )
    import torch
    from cellpose.models import CellposeModel

    model = CellposeModel(pretrained_model=str(path), device=torch.device(device))
    check_complete(model.net, names, path)
    return model
