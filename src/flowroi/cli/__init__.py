"""The command line: `flowroi VERB`."""

from __future__ import annotations

import sys
from typing import Any

# Exit codes.
DONE, FAILED, USAGE, PARTLY, NOT_VERIFIED, TARGET_MISSED = range(6)
INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit with its code; errors become one clear line on stderr."""
    import os
    import signal

    from flowroi.cli.app import run

    received = [signal.SIGINT]

    def stop(number: int, _: Any) -> None:
        received[0] = signal.Signals(number)
        raise KeyboardInterrupt

    # A batch system ends jobs with SIGTERM, a terminal that is closed with SIGHUP: clean up as for Ctrl-C.
    signal.signal(signal.SIGTERM, stop)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
        # nohup ignores it, which stays so.
        signal.signal(signal.SIGHUP, stop)
    code = run(sys.argv[1:])
    if code == INTERRUPTED:
        # Die of the signal itself, so that a shell loop around us stops, too.
        signal.signal(received[0], signal.SIG_DFL)
        os.kill(os.getpid(), received[0])
    sys.exit(code)
