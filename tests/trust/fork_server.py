"""A process with everything imported, that runs each command line in a fork of itself: faults at a few ms apiece.

Reads a JSON object a line, and answers with one: see `runs.py`.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import tempfile
import time
import traceback

# Their threads would not survive a fork.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")

MODULES = (
    "av",
    "cv2",
    "imagecodecs",
    "tifffile",
    "flowroi.cli.app",
    "flowroi.pipeline",
    "flowroi.sequence.pipeline",
    "flowroi.sequence.coding",
    "flowroi.archives.jp2_folder",
    "flowroi.archives.ome_tiff",
    "flowroi.archives.video",
    "flowroi.archives.video_writer",
    "flowroi.sources.folder",
    "flowroi.sources.tiff",
    "flowroi.verification",
    "zarr",
    "flowroi.archives.ome_zarr",
    "flowroi.plates.compression",
    "flowroi.exports",
    "flowroi.live",
)


def serve():
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not name.startswith(error.name.split(".")[0]):
                raise
    import pytest

    from tests.trust.kinds import short_pieces

    short_pieces(pytest.MonkeyPatch())
    import cv2

    cv2.setNumThreads(1)
    warm_up()
    print(json.dumps({"ready": os.getpid()}), flush=True)
    for line in sys.stdin:
        before = sum(os.times()[:4])
        ended = run(json.loads(line))
        print(json.dumps({**ended, "processor_s": sum(os.times()[:4]) - before}), flush=True)


def warm_up():
    """Import what is imported late, and fill the caches; nothing here may leave a thread behind."""
    import typer

    import flowroi
    from flowroi.cli.app import app
    from flowroi.cli.app import run as command_line
    from tests.trust.kinds import movie_of

    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere:  # noqa: PTH123
        sys.stdout, stdout = nowhere, sys.stdout
        for name in ("a.ome.tif", "a"):
            flowroi.compress(movie_of(2), f"{folder}/{name}", rate=4, roi_method="none", workers=1)
            command_line(["verify", f"{folder}/{name}"])
        sys.stdout = stdout
    # The command line is made of the verbs' signatures each time, which takes as long as the rest.
    made = typer.main.get_command(app)
    typer.main.get_command = lambda _: made


def run(order):
    """Run one command line in a child; tell how it ended."""
    child = os.fork()
    if child == 0:
        work(order)
    # Here as well as there: whoever comes first, it is a group of its own before it is killed.
    with contextlib.suppress(OSError):
        os.setpgid(child, child)
    deadline = time.monotonic() + order["deadline_s"]
    killed_at = time.monotonic() + order["kill_after_s"] if order["kill_after_s"] is not None else deadline
    pause = 0.0005
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        now = time.monotonic()
        if now >= min(killed_at, deadline):
            os.killpg(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            return {"code": None, "signal": signal.SIGKILL, "hung": killed_at >= deadline}
        time.sleep(min(pause, killed_at - now))
        pause = min(2 * pause, 0.005)
    killed_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    code = None if killed_by is not None else os.WEXITSTATUS(status)
    return {"code": code, "signal": killed_by, "hung": False}


def work(order):
    """Be the child."""
    code = 70
    try:
        os.setpgid(0, 0)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        said = os.open(order["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(said, 1)
        os.dup2(said, 2)
        from flowroi.cli.app import run as command_line
        from tests.trust.fault_library import Fault, arm, calls_counted

        if order["folder"] is not None:
            log = -1
            if order["log"] is not None:
                log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            arm(order["folder"], Fault(**order["fault"]), log)
        code = command_line(order["arguments"])
        sys.stdout.flush()
        if order["folder"] is not None:
            print(f"\ncalls {calls_counted()}", flush=True)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve()
