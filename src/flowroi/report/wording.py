"""How numbers and foreign text are written in a report."""

from __future__ import annotations

import math
import re
from numbers import Integral, Real
from typing import Any

ABSENT = "–"
_THIN_SPACE = "\u202f"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

# Control characters, separators that end a line in scripts, marks that turn the direction of the text after them,
# and halves of characters, which file names that are not UTF-8 bring along and which no file can hold.
_ILLEGIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)


def legible(text: str) -> str:
    r"""Return text with the characters written out that would change how the text around them is read.

    Examples
    --------
    >>> legible("a\u202egnp.exe\x00")
    'a\\u202egnp.exe\\x00'
    """
    return _ILLEGIBLE.sub(lambda found: found[0].encode("unicode_escape", "backslashreplace").decode(), text)


def number_text(value: float | int) -> str:
    """Return a number as a table shows it: whole numbers in full, others with 4 significant digits.

    Examples
    --------
    >>> [number_text(number) for number in (7, 40.0, 0.123456, -12.5, 0.0, 1e-7, float("inf"), float("nan"))]
    ['7', '40.00', '0.1235', '−12.50', '0', '1.000 × 10⁻⁷', '∞', '–']
    >>> number_text(28800).split()
    ['28', '800']
    """
    if isinstance(value, Integral):
        return _grouped(int(value))
    value = float(value)
    if math.isnan(value):
        return ABSENT
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.3e}".partition("e")
    if not -4 <= int(exponent) <= 8:
        return f"{mantissa.replace('-', '−')} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    if int(exponent) >= 4:
        return _grouped(round(value))
    return f"{value:.{3 - int(exponent)}f}".replace("-", "−")


def cell_text(value: Any) -> str:
    """Return what a table shows of a cell.

    Examples
    --------
    >>> cell_text("0.50"), cell_text(0.5), cell_text(None), cell_text(True)
    ('0.50', '0.5000', '–', 'yes')
    """
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if is_number(value):
        return number_text(value)
    return str(value)


def leaf_text(value: Any) -> str:
    """Return what the provenance shows of a value: the whole of it, unlike a table.

    Examples
    --------
    >>> leaf_text(0.1234567), leaf_text(False), leaf_text(None), leaf_text("")
    ('0.1234567', 'no', '–', '–')
    """
    if value is None or value == "":
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def is_number(value: Any) -> bool:
    """Whether a cell holds a number, which NumPy's are too."""
    return isinstance(value, Real) and not isinstance(value, bool)


def sort_key(value: Any) -> str:
    """Return the number by which a cell is sorted; empty where it is sorted by its text, or last.

    Examples
    --------
    >>> sort_key(1234.5678), sort_key("t000"), sort_key(float("nan"))
    ('1234.5678', '', '')
    """
    if not is_number(value) or math.isnan(value):
        return ""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return str(int(value)) if isinstance(value, Integral) else repr(float(value))


def _grouped(value: int) -> str:
    text = f"{value:,}" if abs(value) >= 10_000 else str(value)
    return text.replace(",", _THIN_SPACE).replace("-", "−")
