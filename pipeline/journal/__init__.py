"""The journal: an append-only log of what happened, snapshots of the graph, and what it takes to go on after any fault.

`Journal` (log) writes frames and says which are on the disk; `Reader` follows them; `Snapshots` keeps the state that
goes with a frame; records and their content are in `payloads`.
"""

from pipeline.journal.frames import Content, Frame, Record
from pipeline.journal.log import Journal, Limits
from pipeline.journal.reading import Reader
from pipeline.journal.retention import Keep

__all__ = ["Content", "Frame", "Journal", "Keep", "Limits", "Reader", "Record"]
