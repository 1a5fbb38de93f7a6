"""What was asked for: written into every archive, so that the same command again is known to be the same."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from flowroi.archives import open_archive
from flowroi.archives.folder_files import is_there
from flowroi.archives.manifest import COMPLETE_NAME, pixels_digest, sha256
from flowroi.archives.ownership import refuse_foreign
from flowroi.errors import CorruptDataError, FlowRoIError, OutputExistsError, StoreError
from flowroi.job import Settings
from flowroi.masks import digest_of_masks, mask_folder
from flowroi.output import check_target, refuse_overlap
from flowroi.report.compression import CompressionReport
from flowroi.sources import Source
from flowroi.stores import AnyPath, StorePath

# Of a job, what decides on no byte of an archive.
_WITHOUT_EFFECT = (
    "workers",
    "overwrite",
    "dry_run",
    "measure",
    "plate",
    "wells",
    "skip_failed",
    "max_pixels",
    "scratch",
)
_MOST_NAMED = 5


class Plan:
    """What decides on an archive's bytes: the input, by its content, and all that was asked for.

    Parameters
    ----------
    source : Source
        Open.
    settings : Settings
    """

    def __init__(self, source: Source, settings: Settings) -> None:
        self._opened = source
        self.settings = settings_of(settings, source.frame_names)

    @cached_property
    def source(self) -> dict[str, Any]:
        """What a manifest says of the input: its name, and the checksum of every file, or of an array's samples.

        Told when it is first asked for, which reads the input once.
        """
        source = self._opened
        files = source.provenance()
        facts: dict[str, Any] = {"name": source.name, "files": files}
        if not files:
            digests = (pixels_digest(source.read(t)) for t in range(len(source)))
            facts["samples_sha256"] = sha256("".join(digests).encode())
        return facts


def settings_of(settings: Settings, frame_names: tuple[str, ...]) -> dict[str, Any]:
    """Return every setting that decides on a byte, ready for JSON; masks that are given count by their content."""
    job = {name: value for name, value in asdict(settings.job).items() if name not in _WITHOUT_EFFECT}
    masks = mask_folder(settings.job.roi_method)
    if masks is not None:
        job["roi_method"] = f"masks from {masks.name}"
    encode = asdict(settings.encode)
    # The format decides on it.
    del encode["container"]
    encode["code_block_size"] = list(settings.encode.code_block_size)
    return {
        "job": job,
        "encode": encode,
        "roi": asdict(settings.roi),
        "masks_sha256": None if masks is None else digest_of_masks(masks, frame_names),
    }


def differences(one: Any, other: Any, name: str = "") -> list[str]:
    """Return how one plan differs from another, a line each.

    Examples
    --------
    >>> differences({"encode": {"rate": 20}}, {"encode": {"rate": 40}})
    ['encode.rate: 20 there, 40 asked for']
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        found = []
        for key in sorted({*one, *other}):
            found += differences(one.get(key), other.get(key), f"{name}.{key}" if name else str(key))
        return found
    if one == other:
        return []
    if isinstance(one, list) and isinstance(other, list):
        return [f"{name}: other content"]
    return [f"{name}: {one!r} there, {other!r} asked for"]


def prepare(opened: Source, target: Path, settings: Settings) -> tuple[Plan, CompressionReport | None]:
    """Check that a movie's archive may go to the target, and whether it is there already.

    Returns
    -------
    Plan
    CompressionReport or None
        Of the archive that is there, made by the same plan and intact: there is nothing to do.

    Raises
    ------
    InvalidParameterError
        If the target overlaps an input.
    OutputExistsError
        If something else is there and may not be replaced.
    MissingInputError
        If the folder that the target is to be in does not exist.
    """
    started = time.perf_counter()
    job = settings.job
    inputs = [*opened.to_spare, mask_folder(job.roi_method)]
    refuse_overlap(target, inputs)
    plan = Plan(opened, settings)
    if not (job.dry_run or job.overwrite):
        manifest = finished_before(target, plan)
        if manifest is not None:
            seconds = time.perf_counter() - started
            return plan, CompressionReport.of_manifest(manifest, str(opened.path or opened.name), target, seconds)
    check_target(target, inputs=inputs, overwrite=job.overwrite, replaceable=("*",))
    refuse_foreign(target)
    return plan, None


def finished_before(target: AnyPath, plan: Plan) -> dict[str, Any] | None:
    """Return the manifest of what stands at the target, if it is an intact archive made by the same plan.

    Which release made it does not matter: it is what was asked for.

    Returns
    -------
    dict or None
        None if there is nothing at the target; or, in a store, nothing that was finished.

    Raises
    ------
    OutputExistsError
        If something else is there; the message names what differs.
    """
    if not (is_there(target / COMPLETE_NAME) if isinstance(target, StorePath) else target.exists()):
        return None
    try:
        with open_archive(target) as archive:
            manifest = archive.manifest
            intact = archive.is_intact()
    except CorruptDataError as error:
        raise OutputExistsError(
            f"the output exists and is damaged ({error.message}); nothing was written: overwrite it, or choose another "
            "name",
            path=target,
        ) from error
    except StoreError:
        raise
    except (FlowRoIError, OSError) as error:
        raise OutputExistsError(
            "the output exists, and is no archive of ours; nothing was written: choose another name, or overwrite",
            path=target,
        ) from error
    there = {"settings": manifest["settings"], "source": manifest["source"]}
    found = differences(there, {"settings": plan.settings, "source": plan.source})
    if found:
        shown = "; ".join(found[:_MOST_NAMED]) + ("; ..." if len(found) > _MOST_NAMED else "")
        raise OutputExistsError(
            f"the output exists, made otherwise ({shown}); nothing was written: choose another name, or overwrite",
            path=target,
        )
    if not intact:
        raise OutputExistsError(
            "the output exists and is damaged; nothing was written: look at it with flowroi verify, or overwrite it",
            path=target,
        )
    return manifest
