"""Small files that would take much memory do not: measured in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .bombs import CONTROL, SIZE, bombs

MOST_MIB = 24
MOST_SECONDS = 20
# Whole pictures with something behind them; what the header says decides.
TAKEN = {"PNG: IDAT of 128 MiB", "TIFF: LZMA strip", "TIFF: LZW strip", "AVI: giant frames"}


@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="the peak of a process's memory is not told here"
)
def test_bombs(tmp_path):
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "tests.inputs.bombs", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    control, *found = [json.loads(line) for line in done.stdout.splitlines()]
    assert control["name"] == CONTROL
    assert control["mib"] >= 0.9 * (SIZE >> 20)
    assert [bomb["name"] for bomb in found] == list(bombs())
    for bomb in found:
        assert bomb["mib"] <= MOST_MIB, bomb
        assert bomb["seconds"] <= MOST_SECONDS, bomb
        assert (bomb["said"] == "taken") == (bomb["name"] in TAKEN), bomb
