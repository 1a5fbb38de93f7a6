"""Names made fit to be written: frame names for files, source names for text."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

# Path separators, what Windows forbids, and what a shell or a web page could stumble over.
_UNFIT = re.compile(r'[<>:"/\\|?*&\'`$;\x7f]')
_MAX_STEM_BYTES = 180


def text_name(name: str) -> str:
    r"""Return a file name as valid Unicode: bytes that are not UTF-8 become `\xNN`.

    Examples
    --------
    >>> text_name("a\udcff.png")
    'a\\xff.png'
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def safe_stem(stem: str) -> str:
    r"""Return a stem that every file system, shell and web page takes.

    Examples
    --------
    >>> safe_stem("-t000"), safe_stem("a\nb<script>")
    ('_-t000', 'a_b_script_')
    """
    fit = "".join(c if c.isprintable() else "_" for c in _UNFIT.sub("_", stem))
    # The end is kept, where the number usually is.
    short = fit.encode()[-_MAX_STEM_BYTES:].decode("utf-8", "ignore").rstrip(" .")
    return short if short and short[0] not in "-. " else "_" + short


def safe_stems(stems: Iterable[str]) -> tuple[str, ...]:
    """Apply `safe_stem` to every frame's stem, keeping them unique, also where upper case equals lower case.

    Examples
    --------
    >>> safe_stems(["t0", "t1", "t?", "t:"])
    ('t0', 't1', 't_', 't__3')
    """
    taken: set[str] = set()
    names = []
    for index, stem in enumerate(stems):
        name = safe_stem(stem)
        while name.casefold() in taken:
            name = f"{name}_{index}"
        taken.add(name.casefold())
        names.append(name)
    return tuple(names)


def numbered_names(count: int) -> tuple[str, ...]:
    """Frame names t000, t001, … for sources whose frames have no names.

    Examples
    --------
    >>> numbered_names(2)
    ('t000', 't001')
    """
    digits = max(3, len(str(count - 1)))
    return tuple(f"t{index:0{digits}d}" for index in range(count))
