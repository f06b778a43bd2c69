"""Windows: their bounds, the rows inside them, sessions; and the tapes derived from them."""

from pipeline.windows.bars import bars
from pipeline.windows.clock import clock
from pipeline.windows.sessions import session

__all__ = ["bars", "clock", "session"]
