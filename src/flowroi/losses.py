"""What a movie has lost for good: one entry a lossy coding that it went through, appended to and never reset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from flowroi.sources.base import Source


@dataclass(frozen=True, slots=True)
class Losses:
    """The lossy codings of a movie, oldest first.

    Parameters
    ----------
    methods : tuple of str
        What coded it: `"ISO_15444_1"` for JPEG 2000, else a name that says as much.
    ratios : tuple of (float or None)
        Raw bytes over encoded bytes of the same codings; None where it is not known.

    References
    ----------
    DICOM PS3.3, C.7.6.1.1.5: Lossy Image Compression, once set, is never reset; methods and ratios append.

    Examples
    --------
    >>> once = Losses().then("ISO_15444_1", 20.0)
    >>> once.then("ISO_15444_1", 40.0).manifest()
    {'lossy': True, 'lossy_method': ['ISO_15444_1', 'ISO_15444_1'], 'lossy_ratio': [20.0, 40.0]}
    """

    methods: tuple[str, ...] = ()
    ratios: tuple[float | None, ...] = ()

    def __post_init__(self) -> None:
        if len(self.methods) != len(self.ratios):
            raise ValueError(f"{len(self.methods)} methods with {len(self.ratios)} ratios; expected one each")

    @classmethod
    def of(cls, source: Source) -> Losses:
        """Return what the frames of a source had lost before we saw them."""
        return source.losses

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> Self:
        """Read them from a manifest of any version.

        Version 1 named one method for all generations, and a lossless archive of a lossless movie by none.

        Examples
        --------
        >>> Losses.from_manifest({"lossy": True, "lossy_method": "ISO_15444_1", "lossy_ratio": [20.0, 40.0]}).methods
        ('ISO_15444_1', 'ISO_15444_1')
        >>> Losses.from_manifest({"lossy": False, "lossy_method": "ISO_15444_1", "lossy_ratio": []})
        Losses(methods=(), ratios=())
        """
        if not manifest.get("lossy"):
            return cls()
        ratios = tuple(manifest.get("lossy_ratio") or ())
        method = manifest.get("lossy_method") or "unknown"
        if isinstance(method, str):
            return cls((method,) * max(1, len(ratios)), ratios or (None,))
        methods = tuple(method)
        # A flag without its list stays a flag.
        count = max(len(methods), len(ratios), 1)
        return cls(
            methods + ("unknown",) * (count - len(methods)),
            ratios + (None,) * (count - len(ratios)),
        )

    def __bool__(self) -> bool:
        """Whether anything was lost."""
        return bool(self.methods)

    def then(self, method: str | None, ratio: float | None = None) -> Losses:
        """Return them with one more; a method of None is a lossless coding, which changes nothing."""
        if method is None:
            return self
        return Losses((*self.methods, method), (*self.ratios, ratio))

    def with_own(self, own: Losses) -> Losses:
        """Return them with those that a file's own streams tell, which are the last of them, or came after.

        Examples
        --------
        >>> recorded = Losses(("AV1", "ISO_15444_1"), (20.0, 8.0))
        >>> recorded.with_own(Losses(("ISO_15444_1",), (8.0,))) == recorded
        True
        >>> recorded.with_own(Losses(("AV1",), (None,))).methods
        ('AV1', 'ISO_15444_1', 'AV1')
        """
        if self.methods[len(self.methods) - len(own.methods) :] == own.methods:
            return self
        return Losses(self.methods + own.methods, self.ratios + own.ratios)

    def manifest(self) -> dict[str, Any]:
        """Return the entries of a manifest."""
        return {"lossy": bool(self), "lossy_method": list(self.methods), "lossy_ratio": list(self.ratios)}

    @property
    def warning(self) -> str | None:
        """What to tell before such a movie is compressed again; None where nothing was lost.

        Examples
        --------
        >>> Losses().then("AV1", 20.0).warning[:50]
        'the input is lossy already (AV1 at 20:1): what was'
        """
        if not self:
            return None
        known = [
            method if ratio is None else f"{method} at {ratio:.4g}:1"
            for method, ratio in zip(self.methods, self.ratios, strict=True)
        ]
        return (
            f"the input is lossy already ({', then '.join(known)}): what was lost stays lost, lossy encoding adds to "
            "it, and the archive records both"
        )
