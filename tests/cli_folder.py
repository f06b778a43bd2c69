"""A working folder for tests of the command line: a tape, strategies, and the command itself."""

from pathlib import Path

from click.testing import CliRunner, Result

from pipeline.cli import main

START = 1_381_219_200_000_000_000
MINUTE = 60_000_000_000
MINE = """
from pipeline import Strategy, alert_when, combine_latest
from pipeline.operators import last

class Jump(Strategy):
    above: float = 10.0
    cooldown: str = "0s"
    stages: int = 1

    def alerts(self, ticks):
        signal = ticks.pipe(last())
        for _ in range(self.stages):
            signal = signal.apply(lambda x: x)
        condition = alert_when(lambda s: s.last > self.above, cooldown=self.cooldown, message="{symbol} at {last:.2f}")
        return combine_latest(last=signal).pipe(condition)
"""


def filled(folder: Path) -> Path:
    """The folder with ticks.csv (six trades, a minute apart) and mine.py."""
    rows = [row(i, "SPY" if i % 2 else "IBM", 9 + i) for i in range(6)]
    (folder / "ticks.csv").write_text("timestamp,symbol,price,size\n" + "".join(rows))
    (folder / "mine.py").write_text(MINE)
    return folder


def row(minute: int, symbol: str, price: object) -> str:
    """A line of ticks.csv."""
    return f"{START + minute * MINUTE},{symbol},{price},{minute + 1}\n"


def rxtape(*arguments: str, **environment: str) -> Result:
    """Run the command."""
    return CliRunner(env=environment).invoke(main, arguments, prog_name="rxtape")


def problems(done: Result) -> list[str]:
    """What was said is wrong: exit code 2, each on a line of its own, nothing on standard output."""
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert all(line.startswith("rxtape: ") for line in lines), lines
    return [line.removeprefix("rxtape: ") for line in lines]
