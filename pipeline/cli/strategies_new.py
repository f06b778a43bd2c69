"""`rxtape strategies new`: a small strategy that works, with a test, to begin with."""

import sys
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from string import Template

import click

__all__ = ["new"]

OURS = ("pipeline", "feeds", "strategies")

STRATEGY = Template('''"""$title: the price moves, on volume."""

from pipeline import Strategy, alert_when, combine_latest
from pipeline.operators import price_change, volume, volume_baseline


class $class_name(Strategy):
    """The price moves more than `move` within `over`, on `multiple` times the usual volume."""

    # Parameters: a name, a type and a default. `--set move=0.02` changes one; the comment is shown by `rxtape strategies show`.
    move: float = 0.01  # relative: 0.01 is 1%
    over: str = "1m"  # a length of time: 30s, 5m, 1h
    multiple: float = 2.0  # times the usual volume

    def alerts(self, ticks):
        # An operator makes a signal of the tape: for every tick one value, that of the tick's own symbol, and nan until
        # it is known. price_change("1m") is known once there is a price of a minute ago. docs/operators.md lists them all.
        change = ticks.pipe(price_change(self.over))
        traded = ticks.pipe(volume(self.over))
        usual = ticks.pipe(volume_baseline(self.over, "5m"))

        # combine_latest gives the signals their names. The condition sees them, and the tick's own columns (s.price,
        # s.size, s.symbol), as if they were numbers. Comparisons stand in brackets and are joined by & | ~, not by and, or, not.
        return combine_latest(change=change, traded=traded, usual=usual).pipe(
            alert_when(
                lambda s: (abs(s.change) > self.move) & (s.traded > self.multiple * s.usual),
                # When it is over; without it, as soon as the condition is no longer met. One alert is raised at the
                # beginning and one cleared at the end, none between.
                clear=lambda s: abs(s.change) < self.move / 2,
                message="{symbol} {change:+.2%} on {traded:,.0f} (usual {usual:,.0f})",
            )
        )
''')

TEST = Template('''"""$title: what it says on a tape made by hand, and that it obeys the laws."""

import pytest
from $name import $class_name

from pipeline.checks import LAWS, alerts_of, isolation_law, tape_of

# Seven minutes of one symbol: quiet, then up by 2% on ten times the usual volume, then quiet again.
ROWS = {
    "seconds": [0, 60, 120, 180, 240, 300, 360, 420, 540],
    "price": [100.0, 100.1, 100.0, 100.1, 100.0, 100.1, 100.0, 102.0, 102.0],
    "size": [10, 10, 10, 10, 10, 10, 10, 100, 10],
}


def test_a_jump_on_volume_is_raised_and_cleared():
    alerts = alerts_of($class_name().alerts, **ROWS)
    assert [(alert.symbol, alert.event, alert.message) for alert in alerts] == [
        ("A", "raised", "A +2.00% on 100 (usual 10)"),
        ("A", "cleared", "A +0.00% on 10 (usual 26)"),
    ]


def test_a_higher_threshold_keeps_it_silent():
    assert alerts_of($class_name(move=0.05).alerts, **ROWS) == []


@pytest.mark.parametrize("law", [*LAWS, isolation_law], ids=lambda law: law.__name__)
def test_it_obeys(law):
    law($class_name().alerts, tape_of(**ROWS), [1, 3, 7])
''')


@click.command(short_help="Begin a strategy of your own: my_rule.py, and a test.")
@click.argument("name")
def new(name: str) -> None:
    """Write NAME.py, a small strategy that works, and test_NAME.py into the working folder; nothing is overwritten.

    \b
    rxtape strategies new my_rule
    """
    from pipeline.errors import UsageError

    name = name.removesuffix(".py")
    if reason := refusal(name):
        raise UsageError(f"{name!r} cannot be the name of a strategy file: {reason}; choose another, such as my_rule")
    texts = {Path(f"{name}.py"): STRATEGY, Path(f"test_{name}.py"): TEST}
    for path in texts:
        if path.exists():
            raise UsageError(f"{path} is here already, and nothing was written; choose another name, or move it away")
    for path, text in texts.items():
        path.write_text(text.substitute(name=name, class_name=class_of(name), title=name.replace("_", " ")), encoding="utf-8")
    click.echo(f"wrote {name}.py and test_{name}.py; next:")
    for command in (
        f"rxtape strategies check {name}.py",
        f"rxtape replay ticks.csv --strategy {name}.py --set move=0.02",
        f"pytest test_{name}.py",
    ):
        click.echo(f"  {command}")


def class_of(name: str) -> str:
    """The name of the class in a file: MyRule in my_rule.py."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def refusal(name: str) -> str:
    """Why a name will not do; empty if it will."""
    if not name.isidentifier() or iskeyword(name):
        return "it must be letters, digits and _, not begin with a digit, and be no word of Python's own"
    if not any(part[:1].isalpha() for part in name.split("_")):
        return "it has no letter to make the name of a class of"
    if name in OURS:
        return f"{name} is a package of rxtape, which the file would hide"
    if name in sys.stdlib_module_names:
        return f"{name} is a module of Python itself, which the file would hide"
    if class_of(name) == "Strategy":
        return "its class would hide Strategy, which the file imports"
    spec = find_spec(name)
    if spec is not None and Path(spec.origin or "").parent != Path.cwd():
        return f"{name} is an installed package, which the file would hide"
    return ""
