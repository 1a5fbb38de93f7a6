"""The folder is the truth: what stands still counts, what changed is told, what went away comes back."""

import os

import pytest

from flowroi.live import scan as scan_module
from flowroi.live.scan import Scanner


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def scanner(tmp_path, clock):
    (tmp_path / "in").mkdir()
    return Scanner([tmp_path / "in"], settle_s=2, end_marker="DONE", clock=clock)


def names(scan):
    return [found.key[1] for found, _ in scan.settled]


def test_a_file_counts_when_it_stands_still(scanner, clock, tmp_path):
    file = tmp_path / "in" / "a.png"
    file.write_bytes(b"1")
    assert (names(scanner.scan()), scanner.scan().moving) == ([], 1)
    clock.now += 1.9
    file.write_bytes(b"12")
    scanner.scan()
    clock.now += 1.9
    assert names(scanner.scan()) == []
    clock.now += 0.1
    assert names(scanner.scan()) == ["a.png"]
    assert names(scanner.scan()) == []


def test_same_size_written_again(scanner, clock, tmp_path):
    file = tmp_path / "in" / "a.png"
    file.write_bytes(b"1")
    scanner.scan()
    clock.now += 1
    os.utime(file, ns=(1, 1))
    scanner.scan()
    clock.now += 1.5
    assert names(scanner.scan()) == []


def test_what_is_left_out(scanner, clock, tmp_path):
    folder = tmp_path / "in"
    for name in ("a.png.part", "b.tmp.png", ".c.png", "d.txt", "empty.png", "e.png"):
        (folder / name).write_bytes(b"" if name == "empty.png" else b"1")
    deep = folder / "1/2/3/4/5"
    deep.mkdir(parents=True)
    (deep / "f.png").write_bytes(b"1")
    (folder / "g.png").symlink_to(folder / "e.png")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "h.png")
    first = scanner.scan()
    assert sorted(key[1] for key, _ in first.odd) == ["1/2/3/4/5", "g.png", "h.png"]
    clock.now += 2
    later = scanner.scan()
    assert (names(later), later.odd, later.ended) == (["e.png"], [], False)
    (folder / "DONE").touch()
    assert scanner.scan().ended


def test_written_again_and_renamed(scanner, clock, tmp_path):
    file = tmp_path / "in" / "a.png"
    file.write_bytes(b"1")
    scanner.scan()
    clock.now += 2
    scanner.scan()
    file.rename(tmp_path / "in" / "b.png")
    scanner.scan()
    clock.now += 2
    ((found, other),) = scanner.scan().settled
    assert (found.key, other) == ((0, "b.png"), (0, "a.png"))
    (tmp_path / "in" / "b.png").write_bytes(b"123")
    assert scanner.scan().rewritten == []
    assert scanner.scan(thorough=True).rewritten == [(0, "b.png")]
    assert scanner.scan(thorough=True).rewritten == []


def test_an_empty_folder_in_its_place(scanner, clock, tmp_path):
    folder = tmp_path / "in"
    (folder / "a.png").write_bytes(b"1")
    scanner.scan()
    folder.rename(tmp_path / "away")
    assert "No such file" in scanner.scan().lost
    folder.mkdir()
    assert "still mounted" in scanner.scan().lost
    folder.rmdir()
    (tmp_path / "away").rename(folder)
    assert scanner.scan().lost is None
    clock.now += 2
    assert names(scanner.scan()) == ["a.png"]


def test_a_marker_in_one_folder_tells_nothing_of_another(clock, tmp_path):
    """Of two folders, one has the marker, and in the place of the other is an empty one: that is not the end."""
    roots = [tmp_path / "one", tmp_path / "two"]
    for root in roots:
        root.mkdir()
        (root / "a.png").write_bytes(b"1")
    scanner = Scanner(roots, settle_s=2, end_marker="DONE", clock=clock)
    scanner.scan()
    (roots[0] / "DONE").touch()
    assert scanner.scan().ended
    roots[1].rename(tmp_path / "away")
    roots[1].mkdir()
    assert "still mounted" in scanner.scan().lost
    roots[1].rmdir()
    (tmp_path / "away").rename(roots[1])
    assert scanner.scan().ended


def test_what_one_folder_shows_while_another_is_away_is_told_later(clock, tmp_path):
    roots = [tmp_path / "one", tmp_path / "two"]
    for root in roots:
        root.mkdir()
    file = roots[0] / "a.png"
    file.write_bytes(b"1")
    scanner = Scanner(roots, settle_s=2, clock=clock)
    scanner.scan()
    clock.now += 2
    assert names(scanner.scan()) == ["a.png"]
    file.write_bytes(b"12")
    (roots[0] / "link.png").symlink_to(file)
    roots[1].rmdir()
    assert scanner.scan(thorough=True).lost
    roots[1].mkdir()
    scan = scanner.scan(thorough=True)
    assert (scan.rewritten, [key for key, _ in scan.odd]) == ([(0, "a.png")], [(0, "link.png")])
    scan = scanner.scan(thorough=True)
    assert (scan.rewritten, scan.odd) == ([], [])


def test_folders_that_may_not_be_looked_into(scanner, tmp_path, monkeypatch):
    """One is named and waited for; not that of the file system, where a disk is mounted."""
    real, shut = os.scandir, [tmp_path / "in" / "lost+found"]

    def scandir(folder):
        if folder in shut:
            raise PermissionError(13, "Permission denied", str(folder))
        return real(folder)

    monkeypatch.setattr(scan_module.os, "scandir", scandir)
    (tmp_path / "in" / "lost+found").mkdir()
    assert scanner.scan().lost is None
    (tmp_path / "in" / "A1").mkdir()
    shut.append(tmp_path / "in" / "A1")
    assert scanner.scan().lost == f"{tmp_path}/in/A1: Permission denied"
