"""The table of promises: each test tells how many faults it injected and how many went unseen; all are summed up."""

import json
import os
import time
from pathlib import Path

from tests.trust.sizes import FORMS

_KEY = "trust"
# Processor seconds of processes that are not waited for by this one.
elsewhere = {"seconds": 0.0}


class Row:
    """What one test adds to the table."""

    def __init__(self, promise):
        self.promise = promise
        self.faults = 0
        # What went wrong without a word.
        self.silent = []
        self._wall = time.perf_counter()
        self._cpu = _processor_seconds()

    def fault(self, count=1):
        self.faults += count

    def lost(self, what):
        self.silent.append(what)

    def to_property(self):
        """Return what the test's report carries, whichever process ran it."""
        seconds = time.perf_counter() - self._wall
        facts = [self.promise, self.faults, len(self.silent), seconds, _processor_seconds() - self._cpu]
        return _KEY, json.dumps(facts)


def _processor_seconds():
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system + elsewhere["seconds"]


def pytest_addoption(parser):
    group = parser.getgroup("trust", "the promises of the archives (tests/trust)")
    group.addoption("--trust", choices=FORMS, default="quick", help="how many faults are injected (default: quick)")
    group.addoption("--trust-table", metavar="FILE.md", help="write the table of promises to a file")


def pytest_terminal_summary(terminalreporter, config):
    rows = _rows(terminalreporter)
    if not rows:
        return
    lines = ["| promise | faults injected | silent losses | s | s of processor |", "|---|---:|---:|---:|---:|"]
    lines += [f"| {name} | {f:,} | {lost} | {wall:.1f} | {cpu:.1f} |" for name, (f, lost, wall, cpu) in rows.items()]
    faults, lost, wall, cpu = (sum(column) for column in zip(*rows.values(), strict=True))
    lines.append(f"| **all** | {faults:,} | {lost} | {wall:.1f} | {cpu:.1f} |")
    terminalreporter.section(f"promises and their tests: {config.getoption('--trust')}")
    for line in lines:
        terminalreporter.write_line(line)
    if config.getoption("--trust-table"):
        Path(config.getoption("--trust-table")).write_text("\n".join([*lines, ""]), encoding="utf-8")


def _rows(terminalreporter):
    rows = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            # A fixture adds the facts when the test is over, so they travel with the last report.
            if getattr(report, "when", None) != "teardown":
                continue
            for key, value in report.user_properties:
                if key == _KEY:
                    promise, *facts = json.loads(value)
                    known = rows.get(promise, [0] * len(facts))
                    rows[promise] = [a + b for a, b in zip(known, facts, strict=True)]
    return dict(sorted(rows.items()))
