"""Finds the setting of a codec without rate control that fits a budget, in few encodes."""

from __future__ import annotations

import math
from collections.abc import Callable

from flowroi.errors import QualityTargetError

# Encodes for a frame, at most.
MOST_ENCODES = 7
# A result this much below the budget, in proportion, is near enough.
_NEAR = 0.005
# Where in its bracket a trial may lie: trials too near an end learn little if sizes are crooked.
_INNER = (0.05, 0.95)


def encode_within(
    encode: Callable[[float], bytes],
    budget_bytes: int,
    *,
    finest: float,
    coarsest: float,
    slope: float,
    whole: bool = False,
) -> bytes:
    """Return the finest of a few encodings that fits.

    Parameters
    ----------
    encode : callable
        From a coarseness to the encoded frame; the coarser, the fewer bytes, as a rule.
    budget_bytes : int
    finest, coarsest : float
        Range of the coarseness. The logarithm of the size should be about linear in it.
    slope : float < 0
        Change of that logarithm with the coarseness, about: leads the first trials only.
    whole : bool, default False
        Whether the coarseness counts in whole numbers.

    Returns
    -------
    bytes
        At most `budget_bytes`; at most `MOST_ENCODES` encodes were made. The same result for the same input.

    Raises
    ------
    QualityTargetError
        If not even the coarsest encoding fits.

    Notes
    -----
    A bracket of a trial that is too large and a coarser one that fits shrinks around the budget, by interpolation.
    Sizes that are not monotonic cost nearness to the budget, never the budget itself.

    Examples
    --------
    >>> data = encode_within(lambda x: bytes(int(1000 * 2.0 ** -x)), 300, finest=0, coarsest=10, slope=-0.5)
    >>> 298 <= len(data) <= 300
    True
    """
    # (coarseness, size) of the coarsest trial that was too large and of the finest that fitted.
    over: tuple[float, int] | None = None
    under: tuple[float, int] | None = None
    best = b""
    x = (finest + coarsest) / 2
    for done in range(1, MOST_ENCODES + 1):
        # The last trial is for a result at all.
        if done == MOST_ENCODES and under is None:
            x = coarsest
        x = round(x) if whole else x
        data = encode(x)
        if len(data) <= budget_bytes:
            under, best = (x, len(data)), data
            if x <= finest or len(data) >= (1 - _NEAR) * budget_bytes:
                break
        else:
            over = (x, len(data))
            if x >= coarsest:
                raise QualityTargetError(
                    f"at its coarsest the codec needs {len(data)} bytes for this frame and {budget_bytes} are allowed; "
                    "ask for a lower rate"
                )
        if whole and over and under and under[0] - over[0] <= 1:
            break
        x = _next(over, under, math.log(max(budget_bytes, 1) * (1 - _NEAR / 2)), finest, coarsest, slope)
        if whole and over and under:
            x = min(max(round(x), over[0] + 1), under[0] - 1)
    return best


def _next(
    over: tuple[float, int] | None,
    under: tuple[float, int] | None,
    aim: float,
    finest: float,
    coarsest: float,
    slope: float,
) -> float:
    if over and under:
        low, high = math.log(over[1]), math.log(max(under[1], 1))
        share = (low - aim) / max(low - high, 1e-9)
        return over[0] + (under[0] - over[0]) * min(max(share, _INNER[0]), _INNER[1])
    known = over or under
    assert known is not None
    # Half as far again as the slope says: a bracket is worth more than a near miss.
    x = known[0] + 1.5 * (aim - math.log(max(known[1], 1))) / slope
    least = (coarsest - finest) / 16
    x = max(x, known[0] + least) if over else min(x, known[0] - least)
    return min(max(x, finest), coarsest)
