"""The table of docs/inputs.md: which inputs are refused or taken, and what is said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "inputs.md"
EXIT_CODES = {"refused": 1, "taken": 0, "usage": 2, "not met": 5}


@dataclass(frozen=True)
class Row:
    """What becomes of a case for some readers."""

    name: str
    readers: tuple[str, ...]
    outcome: str
    message: str

    def fits(self, text):
        """Whether a text holds the message, whose … stand for anything."""
        return re.search(".*?".join(map(re.escape, self.message.split("…"))), text, re.DOTALL) is not None


def rows():
    """Every row of the document's tables of cases."""
    found = []
    for line in DOCUMENT.read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 4 and cells[2] in EXIT_CODES:
            message = "" if cells[3] == "–" else cells[3].strip("`").replace("\\|", "|")
            found.append(Row(cells[0], tuple(cells[1].split(", ")), cells[2], message))
    return found
