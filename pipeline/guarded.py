"""What code of users may raise without ending a run."""

from asyncio import CancelledError

__all__ = ["OF_USERS"]

OF_USERS = (Exception, SystemExit, GeneratorExit, CancelledError)
"""Code that is called and awaits nothing cannot have been cancelled, whatever it raises; KeyboardInterrupt is the user's."""
