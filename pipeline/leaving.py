"""What Ctrl-C does while the program is only beginning: nothing has been opened or written yet, so it leaves without a word."""

import os

__all__ = ["leave_at_once"]


def leave_at_once(number: int, frame: object) -> None:
    """Handle a signal by the end of the process; an exception could be raised inside of an import, which would print it and go on."""
    os._exit(128 + number)
