"""FlowRoI: finds migrating cells by their motion and spends the bits of a compressed movie on them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Names are imported when they are first used: `import flowroi` must stay quick.
_EXPORTS = {
    "Archive": "flowroi.archives",
    "CompressionReport": "flowroi.report.compression",
    "CorruptDataError": "flowroi.errors",
    "EncodeParams": "flowroi.params",
    "FlowRoIError": "flowroi.errors",
    "InvalidParameterError": "flowroi.errors",
    "MissingDependencyError": "flowroi.errors",
    "MissingInputError": "flowroi.errors",
    "OutputExistsError": "flowroi.errors",
    "QualityTargetError": "flowroi.errors",
    "RoiParams": "flowroi.params",
    "SyntheticMovie": "flowroi.synthetic",
    "UnsupportedFormatError": "flowroi.errors",
    "VerificationError": "flowroi.errors",
    "compress": "flowroi.compression",
    "decode": "flowroi.codec",
    "encode": "flowroi.codec",
    "extract_roi": "flowroi.roi",
    "Plate": "flowroi.plates",
    "PlateArchive": "flowroi.archives.plate",
    "PlateReport": "flowroi.plates.report",
    "Position": "flowroi.plates",
    "open_archive": "flowroi.archives",
    "open_plate": "flowroi.plates",
    "open_plate_archive": "flowroi.archives.plate",
    "open_source": "flowroi.sources",
    "synthetic_movie": "flowroi.synthetic",
    "verify": "flowroi.verification",
}

__all__ = ["__version__", "errors", *sorted(_EXPORTS)]

if TYPE_CHECKING:
    from flowroi import errors as errors
    from flowroi.archives import Archive as Archive
    from flowroi.archives import open_archive as open_archive
    from flowroi.archives.plate import PlateArchive as PlateArchive
    from flowroi.archives.plate import open_plate_archive as open_plate_archive
    from flowroi.codec import decode as decode
    from flowroi.codec import encode as encode
    from flowroi.compression import compress as compress
    from flowroi.errors import CorruptDataError as CorruptDataError
    from flowroi.errors import FlowRoIError as FlowRoIError
    from flowroi.errors import InvalidParameterError as InvalidParameterError
    from flowroi.errors import MissingDependencyError as MissingDependencyError
    from flowroi.errors import MissingInputError as MissingInputError
    from flowroi.errors import OutputExistsError as OutputExistsError
    from flowroi.errors import QualityTargetError as QualityTargetError
    from flowroi.errors import UnsupportedFormatError as UnsupportedFormatError
    from flowroi.errors import VerificationError as VerificationError
    from flowroi.params import EncodeParams as EncodeParams
    from flowroi.params import RoiParams as RoiParams
    from flowroi.plates import Plate as Plate
    from flowroi.plates import Position as Position
    from flowroi.plates import open_plate as open_plate
    from flowroi.plates.report import PlateReport as PlateReport
    from flowroi.report.compression import CompressionReport as CompressionReport
    from flowroi.roi import extract_roi as extract_roi
    from flowroi.sources import open_source as open_source
    from flowroi.synthetic import SyntheticMovie as SyntheticMovie
    from flowroi.synthetic import synthetic_movie as synthetic_movie
    from flowroi.verification import verify as verify

    __version__: str


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("flowroi")
    if name == "errors":
        return import_module("flowroi.errors")
    if name in _EXPORTS:
        return getattr(import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'flowroi' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
