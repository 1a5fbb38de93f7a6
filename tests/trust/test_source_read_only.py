"""The source is read-only to us: no call changes anything below it, and the files stay as they were."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.trust.conftest import command
from tests.trust.damage import state_of

PROMISE = "the source is read-only to us"
# What a trace shows of calls that change files.
_CHANGING = re.compile(
    r"\b(?:open|openat|creat|write|pwrite64|writev|pwritev2?|rename|renameat2?|unlink|unlinkat|mkdir|mkdirat|rmdir|link|"
    r"linkat|symlink|symlinkat|truncate|ftruncate|fallocate|chmod|fchmod|fchmodat|chown|fchown|fchownat|utimensat|"
    r"setxattr|fsetxattr|copy_file_range|sendfile)\("
)


def verbs(kind, source, folder):
    """Return what people do with a source."""
    target = folder / kind.target
    yield command(kind, source, folder)
    yield ["verify", target, "--against", source / "images"]
    yield command(kind, source, folder)
    yield command(kind, source, folder, "--dry-run", "--overwrite")


def test_no_call_changes_anything_below_it(kind, runs, source, row, tmp_path):
    before = state_of(source)
    for arguments in verbs(kind, source, tmp_path):
        done = runs(*arguments, below=source, log=True)
        row.fault()
        if done.code != 0 or done.hung:
            row.lost(f"{arguments}: ended with {done.code}: {done.said[-500:]}")
        if done.log:
            row.lost(f"{arguments}: {done.log[:3]}")
    assert state_of(source) == before
    assert row.silent == []


def test_other_verbs(runs, source, row, tmp_path):
    before = state_of(source)
    images = source / "images"
    for arguments in (["roi", images, "-o", tmp_path / "roi"], ["verify", images], ["inspect", images]):
        done = runs(*arguments, below=source, log=True)
        row.fault()
        if done.log or done.hung:
            row.lost(f"{arguments}: {done.log[:3]}")
    assert state_of(source) == before
    assert row.silent == []


def test_output_inside_the_source_is_refused(kind, runs, source, row):
    before = state_of(source)
    # Videos are made without the masks here, so their folder is none of the inputs.
    for place in [source / "images"] if kind.is_video else [source / "images", source / "masks"]:
        done = runs(*kind.arguments(source / "images", place, masks=source / "masks"), below=source, log=True)
        row.fault()
        if done.code == 0 or done.log:
            row.lost(f"{kind} into {place.name}: exit code {done.code}, {done.log[:3]}")
    assert state_of(source) == before
    assert row.silent == []


def test_under_strace(source, row, tmp_path):
    """The same, seen from outside the process: whatever way a call takes."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("no strace here; the library that counts calls looks instead")
    trial = subprocess.run([strace, "-o", tmp_path / "trial", "true"], capture_output=True, timeout=20, check=False)
    if trial.returncode:
        pytest.skip("processes may not be traced here; the library that counts calls looks instead")
    before = state_of(source)
    from tests.trust.kinds import KINDS

    trace = tmp_path / "trace"
    arguments = [str(word) for word in command(KINDS[0], source, tmp_path)]
    subprocess.run(
        [strace, "-f", "-y", "-e", "trace=file,desc", "-o", trace, sys.executable, "-m", "flowroi", *arguments],
        check=True,
        timeout=120,
        capture_output=True,
    )
    lines = trace.read_text(errors="replace").splitlines()
    place = json.dumps(str(source))[1:-1]
    # What is said about the source, to a pipe, is no call below it.
    said = re.compile(r"\bwrite\(\d+<(?:pipe|socket|/dev/)")
    below = [line for line in lines if place in line and not said.search(line)]
    assert len(below) > 10, "the trace does not show that the source was read"
    row.fault(len(below))
    for line in below:
        opened = re.search(r"\bopenat?\(", line)
        changes = re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", line) if opened else _CHANGING.search(line)
        if changes:
            row.lost(line[:300])
    assert state_of(source) == before
    assert row.silent == []
