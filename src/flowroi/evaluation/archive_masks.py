"""The RoI that an archive was made with: as it was kept, or found once more."""

from __future__ import annotations

from collections.abc import Iterator

from flowroi.archives import Archive
from flowroi.errors import CorruptDataError, InvalidParameterError
from flowroi.masks import Mask, frames_with_masks
from flowroi.params import RoiParams
from flowroi.sources import Source


def archive_masks(archive: Archive, source: Source) -> Iterator[Mask | None]:
    """Yield the mask of every frame, in order; None where it is not known.

    Parameters
    ----------
    archive : Archive
        Masks that it did not keep are found with its own parameters: the same masks, if the source is the same.
    source : Source
        The raw movie.
    """
    settings = dict(archive.manifest["roi"])
    method = settings.pop("method")
    settings.pop("soft_weights", None)
    if archive.manifest["masks_kept"]:
        yield from (archive.roi(t) for t in range(len(archive)))
    elif method in ("fused", "flow"):
        try:
            params = RoiParams(**settings)
        except (TypeError, InvalidParameterError) as error:
            raise CorruptDataError(
                f"its manifest holds RoI parameters unknown here: {error}", path=archive.path
            ) from error
        for _, roi in frames_with_masks(source, range(len(source)), method, params, executor=None, look_ahead=0):
            yield None if roi is None else roi.mask
    else:
        yield from (None for _ in range(len(archive)))
