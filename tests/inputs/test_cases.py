"""Every bad input on every reader: what is said, the exit code, nothing written, the source untouched."""

import hashlib
import os
import stat

import numpy as np
import pytest

from flowroi import compress, open_archive
from flowroi.cli.app import exit_code_of, run
from flowroi.errors import FlowRoIError, printable

from . import damage, limits, names, values  # noqa: F401 - they enter their recipes
from .makers import CASES
from .table import EXIT_CODES, rows

ROWS = {(row.name, reader): row for row in rows() for reader in row.readers}


def test_document_and_cases_agree():
    entered = [(case.name, case.reader) for case in CASES]
    assert len(set(entered)) == len(entered)
    assert sorted(ROWS) == sorted(entered)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.reader}".replace("\n", " "))
def test_case(case, tmp_path, capfd, monkeypatch):
    monkeypatch.delenv("FLOWROI_DEBUG", raising=False)
    if case.name == "no permission to read" and os.geteuid() == 0:
        pytest.skip("root may read everything")
    row = ROWS[case.name, case.reader]
    made = case.make(case.reader, tmp_path / "in")
    (tmp_path / "out").mkdir()
    target = made.target or tmp_path / "out" / "archive.ome.tif"
    there = target.read_bytes() if target.exists() else None
    before = listing(tmp_path / "in")
    code, text = compressed(made, target, capfd)
    assert code == EXIT_CODES[row.outcome], text
    assert row.fits(text), text
    assert all(character.isprintable() or character == "\n" for character in text), text
    if made.during is None:
        assert listing(tmp_path / "in") == before
    if row.outcome != "taken":
        assert list((tmp_path / "out").iterdir()) == []
        assert (target.read_bytes() if target.exists() else None) == there
        if row.outcome == "refused" and not isinstance(made.given, np.ndarray):
            # The message begins with a path of the input, or of the output that is in the way.
            assert text.count(printable(str(tmp_path))) >= 1, text
    if made.frames is not None:
        with open_archive(target) as archive:
            assert archive.shape == made.frames.shape
            assert all((archive[t] == frame).all() for t, frame in enumerate(made.frames))


def compressed(made, target, capfd):
    """Compress, losslessly if nothing else is asked for; return the exit code and what was said."""
    options = [] if {"--rate", "--psnr", "--noise"} & set(made.options) else ["--lossless", "all"]
    options += [] if "--roi-method" in made.options else ["--roi-method", "none"]
    options += made.options
    if isinstance(made.given, np.ndarray) or made.during:
        return called(made, target, options)
    capfd.readouterr()
    code = run(["compress", "-o", str(target), *options, "--", str(made.given)])
    return code, capfd.readouterr().err


def called(made, target, options):
    """As `compressed`, by the function: an array has no name for a command line."""
    keywords = {name[2:].replace("-", "_"): value for name, value in zip(options[::2], options[1::2], strict=True)}
    if "max_pixels" in keywords:
        keywords["max_pixels"] = int(keywords["max_pixels"])
    done = []

    def progress(count, total):
        done.append(count)
        if made.during and len(done) == 1:
            made.during()

    try:
        report = compress(made.given, target, progress=progress, workers=1, **keywords)
    except FlowRoIError as error:
        return exit_code_of(error), str(error)
    return 0, "\n".join(report.warnings)


def listing(folder):
    """Everything below a folder: name, kind, time of modification and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = ""
        if stat.S_ISREG(status.st_mode) and status.st_size < 1 << 20 and os.access(path, os.R_OK):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        found[path] = (status.st_mode, status.st_size, status.st_mtime_ns, content)
    return found
