"""Compiles the library that makes system calls fail, and names what it can do (see faultlib.c)."""

import ctypes
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("faultlib.c")
NONE, FAIL, SHORT, KILL_BEFORE, KILL_AFTER, KILL_HALFWAY, QUOTA = range(7)


@dataclass(frozen=True)
class Fault:
    """What goes wrong: at which of the calls below the folder, counted from 0, and how."""

    action: int = NONE
    at: int = -1
    errno: int = 0
    # Whether it goes on to fail, as a full disk does.
    for_good: bool = False
    quota_bytes: int = 0

    def __str__(self):
        how = ["nothing", "fails", "short", "killed before", "killed after", "killed halfway", "quota"][self.action]
        stays = " for good" if self.for_good else ""
        name = os.strerror(self.errno) if self.errno else ""
        return f"call {self.at} {how} {name}{stays}" if self.action != QUOTA else f"{self.quota_bytes} bytes of disk"


def compile_library(folder):
    """Return the compiled library, or the reason why there is none."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        return None, "no C compiler for the library that injects the faults"
    library = folder / "faultlib.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        return None, f"the library that injects the faults does not compile here: {done.stderr[:300]}"
    return library, ""


def arm(folder, fault, log_descriptor):
    """Begin to count in this process, which was started with the library."""
    ctypes.CDLL(None).fault_arm(
        os.fsencode(folder),
        fault.action,
        fault.errno,
        ctypes.c_long(fault.at),
        int(fault.for_good),
        ctypes.c_long(fault.quota_bytes),
        log_descriptor,
    )


def calls_counted():
    library = ctypes.CDLL(None)
    library.fault_calls.restype = ctypes.c_long
    return library.fault_calls()
