"""The results of an evaluation: every frame of every subject, and what they come to when pooled."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from flowroi.evaluation.measure import FrameMeasure
from flowroi.evaluation.subjects import Kind
from flowroi.metrics.coverage import Coverage
from flowroi.metrics.image import PooledError, PooledMean
from flowroi.metrics.matching import Matches


@dataclass(frozen=True, slots=True)
class Summary:
    """Some frames of one subject, pooled. PSNR in dB; None is what was not measured, or is not defined.

    Attributes
    ----------
    frames : int
    size_bytes : int
        Of the encoded frames alone.
    rate, rate_bpp : float
        Raw bytes over encoded bytes; bits a pixel.
    roi_mse : float or None
        Mean squared error on the true cells, grey levels²; 0 where they are exact.
    roi_psnr, background_psnr, psnr, clean_psnr : float or None
        On the true cells, elsewhere, on all pixels, and on the true cells against the frames before noise.
    ssim : float or None
        On the true cells.
    precision, recall, f1, average_precision : float or None
        Of the segmentation, at an IoU of 0.5.
    mean_average_precision : float or None
        Over IoU 0.5 to 0.95.
    cells_covered, cells_half_covered, cells_missed : float or None
        Shares of the true cells that the RoI covers to 90 % and to 50 % at least, and to less than 10 %.
    roi_area : float or None
        Area of the RoI over that of the cells.
    """

    frames: int
    size_bytes: int
    rate: float
    rate_bpp: float
    roi_mse: float | None
    roi_psnr: float | None
    background_psnr: float | None
    psnr: float | None
    clean_psnr: float | None
    ssim: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    average_precision: float | None
    mean_average_precision: float | None
    cells_covered: float | None
    cells_half_covered: float | None
    cells_missed: float | None
    roi_area: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name, ready for JSON: an infinite PSNR, of no error at all, is None."""
        return {
            name: None if isinstance(value, float) and math.isinf(value) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class SubjectResult:
    """One subject, measured.

    Attributes
    ----------
    key, name, kind, rate, coded
        See `Subject`.
    peak : int
        PSNR's.
    frames : tuple of FrameMeasure
        In order; baselines only of the frames of the curves.
    """

    key: str
    name: str
    kind: Kind
    rate: float | None
    peak: int
    frames: tuple[FrameMeasure, ...]
    coded: str | None = None

    def summary(self, only: Collection[int] | None = None) -> Summary:
        """Pool the frames, or those of them that `only` names."""
        chosen = [frame for frame in self.frames if only is None or frame.t in only]
        cells = _sum((f.cells for f in chosen), PooledError())
        background = _sum((f.background for f in chosen), PooledError())
        matches = _sum((f.matches for f in chosen if f.matches), Matches())
        covered = [f.coverage for f in chosen if f.coverage]
        total = _sum(covered, Coverage())
        share = (lambda n: n / total.cells) if covered and total.cells else (lambda _: None)
        raw, size = sum(f.raw_bytes for f in chosen), sum(f.size_bytes for f in chosen)
        pixels = cells.pixels + background.pixels
        return Summary(
            frames=len(chosen),
            size_bytes=size,
            rate=raw / size,
            rate_bpp=8 * size / pixels,
            roi_mse=cells.mse,
            roi_psnr=cells.psnr(self.peak),
            background_psnr=background.psnr(self.peak),
            psnr=(cells + background).psnr(self.peak),
            clean_psnr=_sum((f.clean for f in chosen), PooledError()).psnr(self.peak),
            ssim=_sum((f.ssim for f in chosen), PooledMean()).mean,
            precision=matches.precision(),
            recall=matches.recall(),
            f1=matches.f1(),
            average_precision=matches.average_precision(),
            mean_average_precision=matches.mean_average_precision,
            cells_covered=share(total.covered),
            cells_half_covered=share(total.half_covered),
            cells_missed=share(total.missed),
            roi_area=total.area_ratio if covered else None,
        )

    def condensed(self) -> SubjectResult:
        """Return the subject with all its frames added up into one: what pooling takes, and a movie's worth smaller."""
        matches = [f.matches for f in self.frames if f.matches]
        covered = [f.coverage for f in self.frames if f.coverage]
        whole = FrameMeasure(
            t=0,
            raw_bytes=sum(f.raw_bytes for f in self.frames),
            size_bytes=sum(f.size_bytes for f in self.frames),
            cells=_sum((f.cells for f in self.frames), PooledError()),
            background=_sum((f.background for f in self.frames), PooledError()),
            clean=_sum((f.clean for f in self.frames), PooledError()),
            ssim=_sum((f.ssim for f in self.frames), PooledMean()),
            matches=_sum(matches, Matches()) if matches else None,
            coverage=_sum(covered, Coverage()) if covered else None,
            per_cell=None,
            found=None,
        )
        return replace(self, frames=(whole,))


def _sum(parts: Iterable[Any], start: Any) -> Any:
    for part in parts:
        start = start + part
    return start
