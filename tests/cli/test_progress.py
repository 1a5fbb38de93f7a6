"""Progress is drawn on a terminal only, and never mixes with data."""

import json
import os
import pty
import re
import threading


def test_a_terminal_sees_a_bar_and_stdout_stays_data(process, movie):
    ours, theirs = pty.openpty()
    shown = bytearray()

    def watch():
        try:
            while chunk := os.read(ours, 4096):
                shown.extend(chunk)
        except OSError:
            return  # the other end was closed

    watcher = threading.Thread(target=watch)
    watcher.start()
    running = process("compress", movie, "-o", "a.ome.tif", "--rate", "10", "--json", terminal=theirs)
    out, _ = running.communicate(timeout=60)
    os.close(theirs)
    watcher.join(timeout=10)
    os.close(ours)
    assert running.returncode == 0
    assert json.loads(out)["type"] == "compression"
    assert re.search(rb"movie\.tif.*4/4", bytes(shown), re.DOTALL)


def test_without_a_terminal_there_is_no_bar(flow, movie):
    result = flow("compress", movie, "-o", "a.ome.tif", "--rate", "10", "--roi-method", "flow")
    assert result.err == ""
