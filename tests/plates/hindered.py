"""Movies that kill the process that opens them, wait, or fail: what a plate's workers must put up with.

Run as a program it is `flowroi` for a plate whose wells wait: `python -c "..." FOLDER compress PLATE ...`, see
`waiting_command`. Worker processes import this module, so it imports little.
"""

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

LIMIT_S = 60


def hinder(opener, notes, name, how, times=99):
    """Hinder the first so many who open a movie; each leaves a note that it was there."""
    number = len(list(notes.glob(f"{name}.*")))
    (notes / f"{name}.{number}.{os.getpid()}").touch()
    if number < times:
        if how == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "memory":
            raise MemoryError
        if how == "disk":
            raise OSError(28, "No space left on device", "somewhere")
        if how == "wait":
            deadline = time.monotonic() + LIMIT_S
            while not (notes / "go").exists() and time.monotonic() < deadline:
                time.sleep(0.01)
    return opener()


def hindered(plate, notes, hindrances):
    """The same plate with hindered positions: {position: (how, times)}; the others leave notes only."""
    from flowroi.plates.base import Plate

    openers = {
        position: partial(hinder, opener, notes, str(position), *hindrances.get(str(position), (None,)))
        for position, opener in plate.openers.items()
    }
    return Plate(plate.name, plate.path, openers)


def waiting_command(notes, arguments):
    """The command line of a `flowroi` whose every position but A1 waits; it can be interrupted, whoever starts it."""
    program = "import sys; from tests.plates.hindered import main; main()"
    return [sys.executable, "-c", program, str(notes), *map(str, arguments)]


def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    import flowroi.plates
    from flowroi.cli import main as command_line

    notes, real = Path(sys.argv.pop(1)), flowroi.plates.open_plate

    def open_waiting(*arguments, **options):
        plate = real(*arguments, **options)
        return hindered(plate, notes, {str(position): ("wait",) for position in plate.positions[1:]})

    flowroi.plates.open_plate = open_waiting
    sys.exit(command_line())
