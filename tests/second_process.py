"""A run that is continued in another process: `python second_process.py <seed> <cut> [<folder of the snapshot>]` prints its alerts."""

import json
import sys
from pathlib import Path

import numpy as np
from hurtful import hurtful_tape

from pipeline.checks import observe
from pipeline.combine import combine_latest
from pipeline.graph import GraphSnapshot
from pipeline.operators import age, ema, mid, moving_average, price_change, volume
from pipeline.rules import alert_when
from pipeline.stage import StageSnapshot
from pipeline.strategy import Strategy
from pipeline.ticks import Ticks
from pipeline.windows import bars, clock

BATCH_ROWS = 7


class Everything(Strategy):
    """Rules of every shape, on tapes of every kind."""

    move: float = 1e-5

    def alerts(self, ticks):
        """Edge, hold and cooldown on the tape, on bars and on the clock; every row; across tapes."""
        one_second = ticks.pipe(bars("1s"))
        moves = combine_latest(change=ticks.pipe(price_change("1s")), volume=ticks.pipe(volume("3s")))
        joined = combine_latest(mid=ticks.pipe(mid()), average=one_second.pipe(ema(2)))
        trend = combine_latest(close=one_second.pipe(moving_average(1)), average=one_second.pipe(moving_average(2)))
        silence = combine_latest(age=ticks.pipe(clock("1s", "1m"), age()))
        text = "{symbol} at {time}"
        return [
            moves.pipe(alert_when(lambda s: abs(s.change) > self.move, hold="20ms", cooldown="2s", message=text + " {change:.9f}")),
            joined.pipe(alert_when(lambda s: s.mid > s.average, clear=lambda s: s.mid < s.average - 1, hold="30ms", name="joined")),
            trend.pipe(alert_when(lambda s: s.close > s.average, cooldown="20s", name="trend", message=text + " {vwap}")),
            silence.pipe(alert_when(lambda s: s.age > 3.0, hold="2s", name="silence", message=text + " {seen}")),
            moves.pipe(alert_when(lambda s: s.size > 2.0, every=True, cooldown="1s", name="large", message=text)),
        ]


def save(snapshot: GraphSnapshot, folder: Path) -> None:
    """Arrays to one file, everything else to another."""
    stages = snapshot.stages.items()
    parts = [stage.arrays for _, stage in stages]
    np.savez(folder / "arrays.npz", **{f"{place}/{name}": array for place, arrays in enumerate(parts) for name, array in arrays.items()})
    heads = [(name, stage.fingerprint, stage.next_row, stage.symbols, stage.version) for name, stage in stages]
    (folder / "stages.json").write_text(json.dumps([snapshot.next_row, snapshot.symbols, heads]))


def load(folder: Path) -> GraphSnapshot:
    """What was saved."""
    next_row, symbols, heads = json.loads((folder / "stages.json").read_text())
    with np.load(folder / "arrays.npz") as arrays:
        kept = {name: arrays[name] for name in arrays.files}
    stages = {}
    for place, (name, fingerprint, row, room, version) in enumerate(heads):
        mine = {key.partition("/")[2]: array for key, array in kept.items() if key.startswith(f"{place}/")}
        stages[name] = StageSnapshot(fingerprint, row, room, mine, version)
    return GraphSnapshot(next_row, tuple(symbols), stages)


def tape(seed: int) -> Ticks:
    """Some hundreds of hurtful rows."""
    return hurtful_tape(seed, 400, 4)


def run(ticks: Ticks, start: GraphSnapshot | None = None):
    """Everything on a tape in small batches."""
    return observe(Everything().alerts, ticks, range(0, len(ticks), BATCH_ROWS), start)


def lines(alerts) -> list[str]:
    """An alert a line."""
    return [json.dumps(alert.as_dict()) for alert in alerts]


if __name__ == "__main__":
    seed, cut, *folder = sys.argv[1:]
    print(*lines(run(tape(int(seed))[int(cut) :], load(Path(folder[0])) if folder else None).alerts), sep="\n")
