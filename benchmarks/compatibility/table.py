"""Writes the compatibility matrix as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HEAD = """\
# Compatibility

Which program reads which of our files. This page is written by `benchmarks/compatibility/`:

    python -m benchmarks.compatibility.matrix --cache DIR --python python3.12 --second-python python3.13 \\
        -o docs/compatibility.md

Each cell is what came of reading our file with the program, in an environment without FlowRoI, compared with what
FlowRoI decodes: **same** pixels; **±1**, where the program has a JPEG 2000 decoder of its own, which rounds otherwise,
by one grey level at most; **valid**, of a program that only checks; **refused**, with an error; **WRONG**, a wrong
picture without an error. Two entries in a cell are of 8 bits and of 12 bits in 16. A dash: not tried, since the program
is not made for it. `imagecodecs_jpeg2k`, the codec of our OME-Zarr archives, is in no registry of Zarr: what reads them
needs the packages imagecodecs-zarr (Python 3.12 or later) and imagecodecs-numcodecs, or FlowRoI."""


def markdown(
    families: Mapping[str, tuple[str, ...]],
    kinds: Mapping[str, Any],
    cells: Mapping[tuple[str, str, int], Any],
    reasons: Mapping[tuple[str, str], str],
    versions: Mapping[str, Mapping[str, str]],
) -> str:
    """Return one table for each family of files, the reasons for what is not read, and the versions."""
    parts = [_HEAD]
    for family, members in families.items():
        shown = [kind for kind in members if any(kind == k for _, k, _ in cells)]
        if not shown:
            continue
        readers = [reader for reader in versions if any(r == reader and k in shown for r, k, _ in cells)]
        lines = [f"## {family}", "", "| reader | " + " | ".join(kinds[kind].title for kind in shown) + " |"]
        lines.append("|---" * (len(shown) + 1) + "|")
        for reader in readers:
            row = [_cell({bits: c for (r, k, bits), c in cells.items() if (r, k) == (reader, kind)}) for kind in shown]
            lines.append(f"| {reader} | " + " | ".join(row) + " |")
        parts.append("\n".join(lines))
        told: dict[tuple[str, str], list[str]] = {}
        for (reader, kind), reason in reasons.items():
            if reader in readers and kind in shown:
                told.setdefault((reader, reason), []).append(kinds[kind].title)
        if told:
            parts.append("\n".join(f"- {who} ({'; '.join(what)}): {why}." for (who, why), what in told.items()))
    alike: dict[str, list[str]] = {}
    for reader, found in versions.items():
        alike.setdefault(_versions(found), []).append(reader)
    parts.append("## Versions\n\n" + "\n".join(f"- {', '.join(who)}: {which}" for which, who in alike.items()))
    return "\n\n".join(parts) + "\n"


def _cell(outcomes: Mapping[int, Any]) -> str:
    if not outcomes:
        return "–"
    texts = [f"**{c.outcome}**" if c.outcome == "WRONG" else c.outcome for _, c in sorted(outcomes.items())]
    notes = dict.fromkeys(c.detail for c in outcomes.values() if c.outcome in ("same", "±1", "WRONG") and c.detail)
    text = texts[0] if len(set(texts)) == 1 else " / ".join(texts)
    return f"{text} ({'; '.join(notes)})" if notes else text


def _versions(found: Mapping[str, str]) -> str:
    return ", ".join(f"{'Python' if name == 'python' else name} {version}" for name, version in found.items())
