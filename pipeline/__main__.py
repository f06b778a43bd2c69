"""Where `rxtape` and `python -m pipeline` begin: Ctrl-C is quiet from here on, also while the rest is being imported."""

import signal
import sys

from pipeline.leaving import leave_at_once

__all__ = ["main"]


def main() -> None:
    """Run the command line. Until a run begins, Ctrl-C ends the process at once; a run stops between two batches."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave_at_once)
    try:
        from pipeline.cli import main as commands

        commands()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
