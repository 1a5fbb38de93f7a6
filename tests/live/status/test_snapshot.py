"""How a run stands, told of a run that goes on."""

import json
import threading
import urllib.request

import pytest

from flowroi.live.status.tally import MOST_WARNINGS, Tally
from tests.live.conftest import put, well_files
from tests.live.status.conftest import HOSTILE, place, status


def test_json_is_strict_and_what_is_illegible_is_written_out():
    tally = [("refused", {"position": "A1_f0", "message": f"{HOSTILE}\u202e\x00\udcff" + "x" * 10_000})]
    shown = status(place(0), told=tally)
    text = json.dumps(shown.to_json(), allow_nan=False)
    text.encode("utf-8")
    (warned,) = json.loads(text)["warnings"]
    assert warned["text"].startswith(HOSTILE + "\\u202e\\x00\\udcffxxx")
    assert len(warned["text"]) < 700
    assert "counts" not in shown.to_json()


def test_a_tally_is_bounded_and_takes_all_threads():
    tally = Tally()

    def tell():
        for n in range(500):
            tally.hear("late", {"position": "A1_f0", "message": str(n)})
            tally.hear("frame", {"position": "A1_f0", "frame": n, "file": "x", "lag_s": 0.1})

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = tally.counts()
    assert counts.faults["late"] == sum(counts.lags) == len(counts.recent) == 2000
    assert len(counts.warnings) == MOST_WARNINGS
    tally.hear("something else", {})
    assert tally.counts().faults == counts.faults


class Looker:
    """Asks for the status of a run."""

    def __init__(self, running):
        running.wait_for("serving")
        url = dict(running.events)["serving"]["url"]
        self.base, token = url.split("?token=")
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path):
        with urllib.request.urlopen(
            urllib.request.Request(self.base + path, headers=self._headers), timeout=30
        ) as answer:
            return answer.read()

    def status(self):
        return json.loads(self.get("status.json"))

    def until(self, wanted):
        for _ in range(600):
            shown = self.status()
            if wanted(shown):
                return shown
            threading.Event().wait(0.1)
        raise AssertionError(shown)


def test_a_run(raw, incoming, watcher, tmp_path):
    files = well_files(raw)
    running = watcher(incoming, tmp_path / "out", psnr=36, end_marker="DONE", status="0")
    look = Looker(running)
    assert running.kinds()[0] == "serving"
    shown = look.until(lambda s: s["state"] == "watching")
    assert (shown["places"], shown["frames"], shown["lag_s"]) == ([], 0, None)
    for file in files[:4]:
        put(file, incoming)
    put(well_files(raw, "B02")[0], incoming)
    look.until(lambda s: s["frames"] == 5)
    (incoming / "odd.png").write_bytes(b"x")
    shown = look.until(lambda s: s["warnings"])
    by_name = {entry["name"]: entry for entry in shown["places"]}
    assert [(by_name[n]["frames"], by_name[n]["row"], by_name[n]["column"]) for n in ("A1_f0", "B2_f0")] == [
        (4, 1, 1),
        (1, 2, 2),
    ]
    assert shown["raw_bytes"] == 5 * 64 * 80
    coded = sum(facts["coded_bytes"] for kind, facts in running.events if kind == "frame")
    assert 0 < shown["coded_bytes"] == coded < shown["raw_bytes"]
    assert by_name["A1_f0"]["latest"]["file"] == files[3].name
    assert shown["lag_s"]["max"] >= shown["lag_s"]["median"] > 0
    assert shown["warnings"][0]["kind"] == "ignored"
    assert (shown["faults"]["ignored"], shown["faults"]["late"]) == (1, 0)
    assert shown["free_bytes"] > 0
    assert 0 < shown["at"] - shown["started_at"] < 300
    assert look.get(f"overlay/{by_name['A1_f0']['number']}.png").startswith(b"\x89PNG")
    assert b'flowroi_watch_frames_total{position="A1_f0"} 4.0' in look.get("metrics")
    # A gap, and a folder that goes away.
    put(files[6], incoming)
    shown = look.until(lambda s: s["missing"] == 2)
    assert shown["warnings"][-1]["text"] == "2 missing before frame 4; recorded as a gap"
    incoming.rename(tmp_path / "away")
    assert look.until(lambda s: s["source_lost"])["state"] == "source-lost"
    (tmp_path / "away").rename(incoming)
    assert look.until(lambda s: not s["source_lost"])["state"] == "watching"
    (incoming / "DONE").touch()
    ended = look.until(lambda s: s["state"] == "finished")
    assert (ended["frames"], ended["words"]) == (6, "DONE is there")
    assert running.join().finished


def test_what_an_earlier_run_told_is_recalled(raw, incoming, watcher, tmp_path):
    files = well_files(raw)
    running = watcher(incoming, tmp_path / "out", psnr=36)
    for t in (0, 3):
        put(files[t], incoming)
    running.wait_for("frame", 2)
    put(files[1], incoming)
    running.wait_for("late")
    put(files[4], incoming)
    running.wait_for("frame", 3)
    running.abandon.set()
    running.join()
    token = tmp_path / "token"
    again = watcher(incoming, tmp_path / "out", psnr=36, status="0", status_token_file=token)
    again.wait_for("serving")
    facts = dict(again.events)["serving"]
    # What a file keeps is not repeated.
    assert token.read_text().strip() not in json.dumps(facts)
    assert facts["token_file"] == str(token)
    facts["url"] += "?token=" + token.read_text().strip()
    look = Looker(again)
    shown = look.until(lambda s: s["state"] == "watching")
    assert (shown["frames"], shown["missing"], shown["faults"]["late"]) == (3, 2, 0)
    assert [(w["kind"], w["at"]) for w in shown["warnings"]] == [("late", None)]
    assert shown["coded_bytes"] == sum(f["coded_bytes"] for kind, f in running.events if kind == "frame")
    again.abandon.set()
    assert not again.join().finished


@pytest.mark.parametrize("what", ["disk", "lag"])
def test_a_run_in_trouble(raw, incoming, watcher, tmp_path, monkeypatch, what):
    """Stalled while nothing can be written; behind, and degraded, while files wait too long."""
    from flowroi.live.journal import Journal

    held = threading.Event()
    real = Journal.commit

    def commit(journal):
        if not held.is_set() and journal.pending and journal.path.suffix == ".journal":
            if what == "disk":
                raise OSError(28, "No space left on device")
            held.wait(60)
        real(journal)

    monkeypatch.setattr(Journal, "commit", commit)
    running = watcher(
        incoming, tmp_path / "out", psnr=36, frames=4, status="0", max_lag_s=0.2, degrade="masks:2", workers=1
    )
    look = Looker(running)
    for file in well_files(raw)[:4]:
        put(file, incoming)
    put(well_files(raw, "B02")[0], incoming)
    try:
        if what == "disk":
            shown = look.until(lambda s: s["stalled"])
            assert (shown["state"], "disk is full" in shown["words"]) == ("stalled", True)
        else:
            shown = look.until(lambda s: s["degraded"])
            assert shown["state"] == "degraded"
            assert shown["behind_s"] > 0.2
            assert shown["waiting"] > 0
    finally:
        held.set()
    shown = look.until(lambda s: s["frames"] == 5 and not s["stalled"])
    running.stop.set()
    assert running.join().frames == 5


def test_a_client_that_hangs_does_not_hold_the_run(raw, incoming, watcher, tmp_path):
    import socket
    import time

    running = watcher(incoming, tmp_path / "out", psnr=36, frames=3, status="0")
    look = Looker(running)
    port = int(look.base.rstrip("/").rpartition(":")[2])
    idle = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(40)]
    try:
        for file in well_files(raw)[:3]:
            put(file, incoming)
        running.wait_for("frame", 3)
        began = time.monotonic()
        assert running.join().finished
        # Nobody looked just before: the end is not shown to anyone.
        assert time.monotonic() - began < 9
    finally:
        for connection in idle:
            connection.close()
