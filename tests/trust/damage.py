"""Ways to damage bytes and files, each as a function of a random generator."""

from dataclasses import dataclass
from pathlib import Path


def flip(data, rng):
    """One bit is another."""
    changed = bytearray(data)
    changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def cut(data, rng):
    """The end is missing."""
    return data[: rng.randrange(len(data))]


def zero_tail(data, rng):
    """The end is zeros, as after a crash on some file systems."""
    at = rng.randrange(len(data))
    changed = data[:at] + bytes(len(data) - at)
    return changed if changed != data else flip(data, rng)


def garble(data, rng):
    """A stretch of it is noise."""
    at = rng.randrange(len(data))
    length = min(rng.randint(1, 64), len(data) - at)
    changed = data[:at] + rng.randbytes(length) + data[at + length :]
    return changed if changed != data else flip(data, rng)


def lengthen(data, rng):
    """Something follows."""
    return data + rng.randbytes(rng.randint(1, 16))


WAYS = (flip, cut, zero_tail, garble, lengthen)


def files_of(path):
    """Return every file of an archive with its bytes, in order of their names."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {file: file.read_bytes() for file in files}


def state_of(folder):
    """Return all that a folder holds, down to times and inodes: what must not change."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_ino,
            path.lstat().st_mtime_ns,
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() else None,
        )
        for path in sorted(folder.rglob("*"))
    }


def contents_of(path):
    """Return the bytes of every file of an archive by their names within it, hidden ones, too."""
    if path.is_file():
        return {"": path.read_bytes()}
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


@dataclass
class Damage:
    """Files that are changed for a moment; a context manager that puts everything back."""

    path: Path

    def __enter__(self):
        self._whole = {}
        return self

    def write(self, file, data):
        if file not in self._whole:
            self._whole[file] = file.read_bytes()
        file.write_bytes(data)

    def remove(self, file):
        if file not in self._whole:
            self._whole[file] = file.read_bytes()
        file.unlink()

    def add(self, file, data):
        self._whole.setdefault(file, None)
        file.write_bytes(data)

    def __exit__(self, *_):
        for file, data in self._whole.items():
            if data is None:
                file.unlink(missing_ok=True)
            else:
                file.write_bytes(data)
