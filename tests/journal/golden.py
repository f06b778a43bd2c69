"""The golden journal: `python tests/journal/golden.py FOLDER` writes one by this release; what it must say is written beside it.

A release that changes what is written adds a folder of its own under tests/journal/golden, and leaves the older ones.
"""

import hashlib
import json
import sys
from pathlib import Path

import msgspec
import numpy as np

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from hurtful import hurtful_tape  # noqa: E402

from pipeline.alerts import Alert, Order  # noqa: E402
from pipeline.checks import observe  # noqa: E402
from pipeline.graph import GraphSnapshot  # noqa: E402
from pipeline.journal import Content, Journal, Limits  # noqa: E402
from pipeline.journal.configuration import Chosen, Configuration, config_of, config_record  # noqa: E402
from pipeline.journal.payloads import alerts_of, alerts_record, ticks_of, ticks_record  # noqa: E402
from pipeline.journal.snapshots import KeptSnapshot, Snapshots  # noqa: E402
from pipeline.operators import volume  # noqa: E402
from pipeline.symbols import SymbolTable  # noqa: E402
from pipeline.ticks import Ticks  # noqa: E402
from strategies.volume_breakout import VolumeBreakout  # noqa: E402

CUTS = (0, 1, 20, 60)


def write(folder: Path) -> None:
    """A configuration, rows in three batches with every type of column, alerts, two snapshots, several segments."""
    tape = hurtful_tape(5, CUTS[-1], 4)
    ids = np.array([f"t{place}" if place % 3 else None for place in range(len(tape))], object)
    tape = Ticks({**tape.columns, "trade_id": ids}, tape.symbols)
    seen = observe(volume("5s"), tape)
    with Journal.open(folder, limits=Limits(segment_bytes=3000)) as journal:
        journal.append(config_record(Configuration("hurtful", [Chosen.by(VolumeBreakout())], {"run.late": "fail"}, {"rxtape": "0.1.0"})))
        for first, last, compression in zip(CUTS, CUTS[1:], (None, "zstd", None), strict=False):
            journal.append(ticks_record(tape[first:last], compression=compression))
            alert = Alert(
                symbol="S1", time=last, message="übung {x}", values={"x": last / 3}, id=f"{last:020x}", order=Order(last, 0, last)
            )
            journal.append(alerts_record([alert, Alert(symbol="S2", time=-1, event="cleared")]), urgent=True)
            assert seen.snapshot is not None
            Snapshots(folder).save(journal, seen.snapshot, {"volume_breakout": repr(VolumeBreakout())})


def said(folder: Path) -> dict[str, object]:
    """All that a journal says, to the bit."""
    symbols, frames = SymbolTable(), []
    with Journal.open(folder) as journal:
        for frame in journal.read():
            if frame.content is Content.TICKS:
                ticks = ticks_of(frame, symbols)
                names = ticks.symbols.names(ticks.symbol.tolist())
                frames.append({name: digest(column) for name, column in ticks.columns.items()} | {"symbol": names})
            else:
                frames.append(msgspec.to_builtins(alerts_of(frame) if frame.content is Content.ALERTS else config_of(frame)))
        kept = Snapshots(folder).newest(journal)
        assert kept is not None
        return {"end": journal.end, "frames": frames, "snapshot": state_of(kept)}


def state_of(kept: KeptSnapshot) -> dict[str, object]:
    state: GraphSnapshot = kept.state
    stages = {
        name: [stage.fingerprint, stage.next_row, stage.symbols, {key: digest(array) for key, array in stage.arrays.items()}]
        for name, stage in state.stages.items()
    }
    return {"seq": kept.seq, "row": kept.next_row, "fingerprints": kept.fingerprints, "symbols": list(state.symbols), "stages": stages}


def digest(column: np.ndarray) -> object:
    """A column's type and its bytes, or its objects."""
    if column.dtype == object:
        return ["O", column.tolist()]
    return [column.dtype.str, hashlib.blake2b(column.tobytes(), digest_size=8).hexdigest()]


if __name__ == "__main__":
    target = Path(sys.argv[1])
    write(target)
    (target / "LOCK").unlink()
    (target / "said.json").write_text(json.dumps(said(target), indent=1, ensure_ascii=False) + "\n")
    (target / "LOCK").unlink()
