"""A second writer is refused while the first one lives, and not when it died."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import flowroi
from tests.trust.damage import contents_of
from tests.trust.kinds import KINDS, movie_of
from tests.trust.runs import environment_of_children, line_of

PROMISE = "two writers cannot meet"
_DEADLINE_S = 60

# Stops in the middle of its work, and says so.
_FIRST = """
import sys, time
import numpy as np
import pytest
import flowroi, flowroi.sources
import pytest
from tests.trust.kinds import short_pieces
short_pieces(pytest.MonkeyPatch())
read, at = flowroi.sources.Source.read, []
def slow(self, t):
    if t == 5:
        print("here", flush=True)
        sys.stdin.read()
    return read(self, t)
flowroi.sources.Source.read = slow
flowroi.compress(sys.argv[1], sys.argv[2], **eval(sys.argv[3]))
"""


def started(source, target, options):
    return subprocess.Popen(
        [sys.executable, "-c", _FIRST, str(source), str(target), repr(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment_of_children(),
    )


def test_while_the_first_one_writes(kind, runs, row, tmp_path):
    source, target = tmp_path / "movie.npy", tmp_path / "out" / kind.target
    target.parent.mkdir()
    np.save(source, movie_of(12))
    with started(source, target, kind.options) as first:
        try:
            assert line_of(first, _DEADLINE_S) == b"here\n"
            before = sorted(path.name for path in target.parent.iterdir())
            row.fault()
            second = runs(*kind.arguments(source, target.parent))
            if second.code in (0, None) or "another process" not in second.said:
                row.lost(f"{kind}: a second writer ends with {second.code}: {second.said[-400:]}")
            if sorted(path.name for path in target.parent.iterdir()) != before:
                row.lost(f"{kind}: a second writer changed what the first one wrote")
            # Whether it lives or not is all that counts: a lock that outlives its process would be in the way.
            first.send_signal(signal.SIGKILL)
            first.wait(timeout=_DEADLINE_S)
        finally:
            first.kill()
    row.fault()
    after = runs(*kind.arguments(source, target.parent))
    if after.code != 0:
        row.lost(f"{kind}: what a dead writer left is in the way: {after.said[-400:]}")
    assert row.silent == []


# One of each way to write: a file, a folder, and a folder of unfinished work beside either.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.format in ("ome-tiff", "jp2", "mkv")], ids=str)
def test_two_at_once(kind, row, sizes, tmp_path):
    """Both begin at the same moment: one archive, whole; who comes too late says so, or finds it done."""
    source = tmp_path / "movie.npy"
    np.save(source, movie_of(4))
    for n in range(sizes.races):
        target = tmp_path / str(n) / kind.target
        target.parent.mkdir()
        row.fault()
        ended = forked_pair(source, target, kind.options)
        if 0 not in ended or any(code not in (0, 1) for code in ended):
            row.lost(f"{kind}: two writers ended with {ended}")
        elif flowroi.verify(target).faults or [p.name for p in target.parent.iterdir()] != [target.name]:
            row.lost(f"{kind}: two writers left a damaged archive, or something beside it")
        contents_of(target)
    assert row.silent == []


def forked_pair(source, target, options):
    script = (
        "import sys, time, pytest, flowroi, flowroi.pipeline, flowroi.sequence.pipeline, flowroi.sources.array\n"
        "from tests.trust.kinds import short_pieces\n"
        "short_pieces(pytest.MonkeyPatch())\n"
        "from flowroi.errors import FlowRoIError\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "try: flowroi.compress(sys.argv[1], sys.argv[2], **eval(sys.argv[3]))\n"
        "except FlowRoIError as error: print(error, file=sys.stderr); sys.exit(1)\n"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(source), str(target), repr(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment_of_children(),
        )
        for _ in range(2)
    ]
    try:
        for process in both:
            assert line_of(process, _DEADLINE_S) == b"ready\n"
        for process in both:
            process.stdin.write(b"\n")
            process.stdin.flush()
        deadline = time.monotonic() + _DEADLINE_S
        return [process.wait(timeout=max(deadline - time.monotonic(), 1)) for process in both]
    finally:
        for process in both:
            process.kill()
            process.stdin.close()
            process.stdout.close()
