"""What the tasks of one plate hand on to each other: which plate becomes which, and by what settings."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from flowroi.errors import CorruptDataError, OutputExistsError
from flowroi.job import parse_options
from flowroi.output import refuse_overlap
from flowroi.plan import differences
from flowroi.plates.base import Plate
from flowroi.plates.compression import compress_plate
from flowroi.plates.open import open_plate
from flowroi.plates.report import PlateReport
from flowroi.plates.router import zarr_path, zarr_position
from flowroi.plates.workplace import refuse_strays

# Within the new plate until it is finished: what is hidden and named so is of ours, and is gone then.
_NAME = ".fractal.flowroi-job"


@dataclass(frozen=True, slots=True)
class PlateJob:
    """The compression of one plate.

    Parameters
    ----------
    raw : str
        The OME-Zarr plate that is compressed.
    target : str
        The new one.
    images : tuple of str, optional
        Its images (`A/1/0`), where they are not all of the raw plate.
    options : dict
        As of `flowroi.compress`.
    """

    raw: str
    target: str
    images: tuple[str, ...] | None
    options: dict[str, Any]

    @classmethod
    def begun(cls, target: Path) -> Self | None:
        """Return the job of a plate that is on its way; None where there is none.

        Raises
        ------
        CorruptDataError
            If what is there is no job.
        """
        try:
            return cls.of(json.loads((target / _NAME).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            raise CorruptDataError(
                f"the job of the plate cannot be read ({error}); nothing was done: remove the file, and compress again",
                path=target / _NAME,
            ) from error

    @classmethod
    def of(cls, data: dict[str, Any]) -> Self:
        """Read a job from JSON."""
        images = data["images"]
        return cls(**{**data, "images": None if images is None else tuple(images)})

    def data(self) -> dict[str, Any]:
        """Return the job as JSON has it."""
        return {**asdict(self), "images": None if self.images is None else list(self.images)}

    def begin(self) -> None:
        """Put the job into the new plate's folder, for who finishes the plate.

        Raises
        ------
        OutputExistsError
            If the plate was begun by another job, or something else stands there.
        InvalidParameterError
            If the new plate and the raw one overlap.
        """
        target = Path(self.target)
        plate = self._plate()
        refuse_overlap(target, [plate.path])
        before = PlateJob.begun(target)
        found = [] if before is None else differences(before.data(), self.data())
        if found:
            raise OutputExistsError(
                f"the plate was begun otherwise ({'; '.join(found)}); nothing was done: finish it, give another "
                "suffix, or remove its folder yourself",
                path=target,
            )
        refuse_strays(target, "ome-zarr", plate.positions)
        target.mkdir(exist_ok=True)
        part = target / f"{_NAME}.{os.getpid()}"
        part.write_text(json.dumps(self.data()), encoding="utf-8")
        part.replace(target / _NAME)

    def run(self, image: str | None = None) -> PlateReport:
        """Compress one image into the new plate; or, without one, all that is missing, and finish the plate.

        Raises
        ------
        FlowRoIError
            As `compress_plate`, and what is wrong with an image.
        """
        options = {**self.options, "wells": () if image is None else (image,)}
        report = compress_plate(self._plate(), Path(self.target), parse_options(options))
        for _, error in report.failed:
            raise error
        return report

    def _plate(self) -> Plate:
        plate = open_plate(self.raw, channel=self.options.get("channel"))
        if self.images is None:
            return plate
        wanted = {zarr_position(image) for image in self.images}
        openers = {position: opener for position, opener in plate.openers.items() if position in wanted}
        return Plate(plate.name, plate.path, openers, plate.warnings)


def image_names(raw: Path, channel: int | None) -> dict[str, str]:
    """Return where each image of a plate lies, and the name (`A/1/0`) that it gets in the new one.

    Raises
    ------
    FlowRoIError
        If the plate or an image cannot be opened.
    """
    from flowroi.plates.overview import overview

    names = {}
    for entry in overview(open_plate(raw, channel=channel)):
        if entry.error is not None:
            raise entry.error
        names[str(entry.path)] = zarr_path(entry.position)
    return names
