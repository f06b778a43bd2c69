"""What a run can be told: one table, for the command line, the environment and configuration files alike."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pipeline.durations import nanoseconds
from pipeline.errors import ParameterError
from pipeline.symbols import MAX_SYMBOLS

__all__ = ["BY_KEY", "SECTIONS", "SETTINGS", "Setting", "nearest_setting"]


@dataclass(frozen=True)
class Setting:
    """One thing a run can be told: its key, as in the file; its kind; its default; what it means."""

    key: str
    kind: str
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    metavar: str = ""

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.partition(".")[2]

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "RXTAPE_" + self.key.replace(".", "_").upper()

    @property
    def option(self) -> str:
        """The option of the command line."""
        return SPELT.get(self.key) or "--" + self.name.replace("_", "-")

    def read(self, value: Any, called: str = "") -> Any:
        """A value of the file, checked; text (of the environment or the command line) is read as the kind asks.

        Raises ParameterError, which names the setting as it was `called`.
        """
        called, value = called or self.key, as_written(value)
        try:
            found = KINDS[self.kind](value)
        except ParameterError as error:
            raise ParameterError(f"{called} = {value!r}: {error}") from None
        except (TypeError, ValueError, KeyError):
            raise ParameterError(f"{called} = {value!r}: expected {EXPECTED[self.kind]}") from None
        if self.choices and found not in self.choices:
            near = get_close_matches(str(found), self.choices, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ParameterError(f"{called} = {value!r}: expected one of {', '.join(self.choices)}{hint}")
        return found


def as_written(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) and not isinstance(value, datetime) else value


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def texts(value: Any) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else tuple(map(text, value))


def table(value: Any) -> dict[str, str]:
    """A table, or text such as "time=Date+Time,price=px"."""
    if isinstance(value, Mapping):
        return {key: text(each) for key, each in value.items()}
    pairs = [part.partition("=") for part in text(value).split(",")]
    if not all(key.strip() and equals and each.strip() for key, equals, each in pairs):
        raise ValueError
    if len({key.strip() for key, _, _ in pairs}) < len(pairs):
        raise ParameterError("a column is given twice")
    return {key.strip(): each.strip() for key, _, each in pairs}


def sides(value: Any) -> dict[str, int]:
    """A table such as { B = "buy", S = "sell", any = 0 }, or text such as "B=buy,S=sell"."""
    pairs = value if isinstance(value, Mapping) else table(value)
    return {word: SIDES[str(side).lower()] for word, side in pairs.items()}


def flag(value: Any) -> bool:
    return (
        value
        if isinstance(value, bool)
        else {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text(value).lower()]
    )


def integer(value: Any) -> int:
    if isinstance(value, bool | float):
        raise TypeError
    found = int(value)
    if found < 1:
        raise ParameterError("expected a number of at least 1")
    return found


def positive(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    found = float(value)
    if not 0 < found < float("inf"):
        raise ParameterError("expected a number above 0")
    return found


def length(value: Any) -> str:
    nanoseconds(text(value))
    return str(value)


def zone(value: Any) -> str:
    try:
        ZoneInfo(text(value))
    except (ZoneInfoNotFoundError, OSError, ValueError):
        known = {name.lower(): name for name in available_timezones()} | {
            name.rpartition("/")[2].lower(): name for name in available_timezones()
        }
        near = get_close_matches(value.lower(), known, n=1, cutoff=0.8)
        hint = f"did you mean {known[near[0]]}?" if near else "write one such as America/New_York or UTC"
        raise ParameterError(f"there is no such time zone; {hint}") from None
    return str(value)


def moment(value: Any) -> str:
    """A time with a zone; TOML has them as values of their own."""
    found = value if isinstance(value, datetime) else datetime.fromisoformat(text(value))
    if found.tzinfo is None:
        raise ParameterError(f"expected a time with a zone, such as {found.isoformat()}Z")
    return value if isinstance(value, str) else found.isoformat()


def speed(value: Any) -> str:
    if not re.fullmatch(r"max|(?=.*[1-9])\d+(\.\d*)?x|\.\d*[1-9]\d*x", text(value)):
        raise ValueError
    return str(value)


def size(value: Any) -> int:
    """A number of bytes, or text such as "20GB"."""
    if isinstance(value, bool | float):
        raise TypeError
    if (written := re.fullmatch(r"(\d+)\s*([kMGT]?)B?", str(value).strip())) is None:
        raise ValueError
    number, unit = written.groups()
    return integer(number) * int(1000 ** " kMGT".index(unit or " "))


def character(value: Any) -> str:
    found = {"\\t": "\t", "tab": "\t"}.get(text(value), str(value))
    if len(found) != 1:
        raise ValueError
    return found


SIDES = {"buy": 1, "1": 1, "sell": -1, "-1": -1, "unknown": 0, "0": 0}
SPELT = {"output.sinks": "--output", "journal.folder": "--journal"}
KINDS: dict[str, Callable[[Any], Any]] = {
    "text": text, "texts": texts, "table": table, "flag": flag, "integer": integer, "number": positive, "length": length,
    "zone": zone, "time": moment, "speed": speed, "character": character,
    "sides": sides, "size": size,
}  # fmt: skip
EXPECTED = {
    "text": "text", "texts": "a list of texts", "table": 'a table such as { time = "Date+Time", price = "px" }', "flag": "true or false",
    "integer": "a whole number", "number": "a number", "length": 'a length of time such as "2s"',
    "zone": "a time zone", "time": "a time such as 2013-10-07T13:30:00Z", "character": 'one character, such as ; (a tab is "tab")',
    "size": "a number of bytes such as 20GB", "sides": "buy, sell or unknown for each word, such as B=buy,S=sell",
    "speed": 'max, or how many times as fast as it was, such as "1x" or "60x"',
}  # fmt: skip

SETTINGS = (
    Setting("feed.files", "texts", (), "Files of ticks, globs, or feeds of plug-ins (NAME:ARGUMENT); several are merged in order of time."),
    Setting("feed.preset", "text", None, "The columns and units of a venue's files.", metavar="NAME"),
    Setting("feed.columns", "table", {}, "Which column of the tape is which of the file.", metavar="time=Date+Time,price=px"),
    Setting("feed.time_unit", "text", None, "Unit of integer times.  [default: seen from the first row]", ("s", "ms", "us", "ns")),
    Setting("feed.time_format", "text", None, "How times are written, as strptime takes it.", metavar="FORMAT"),
    Setting("feed.tz", "zone", None, "Time zone of times that name none, such as America/New_York.", metavar="ZONE"),
    Setting("feed.day", "text", None, "The day from whose midnight times count; {name}: the date in the file's name.", metavar="DAY"),
    Setting("feed.price_scale", "number", None, "What prices are divided by.", metavar="NUMBER"),
    Setting("feed.symbol", "text", None, "The symbol of a file that has no such column.", metavar="NAME"),
    Setting("feed.sides", "sides", {}, "How the aggressor is written beyond buy and sell.", metavar="B=buy,S=sell"),
    Setting("feed.zero_is_absent", "flag", False, "A bid or ask of 0 is a side that is not there."),
    Setting("feed.delimiter", "character", None, "What stands between cells of text.", metavar="CHAR"),
    Setting("feed.decimal", "text", None, "What stands before decimals.", (".", ",")),
    Setting("feed.header", "flag", True, "Whether the first line names the columns."),
    Setting("feed.names", "texts", (), "Names of the columns, in place of a header.", metavar="A,B,C"),
    Setting("feed.sort", "flag", False, "Read everything, and put it in order of time."),
    Setting("feed.from", "time", None, "Leave out ticks before this time (ISO 8601 with a zone).", metavar="TIME"),
    Setting("feed.until", "time", None, "Stop at this time (ISO 8601 with a zone).", metavar="TIME"),
    Setting("feed.speed", "speed", "max", "How fast: max, 1x (as it was), 60x, ...", metavar="SPEED"),
    Setting("run.late", "text", "fail", "What rows too late get.", ("fail", "clamp", "drop")),
    Setting("run.lateness", "length", "0s", "How late a row may be and still be put in order.", metavar="LENGTH"),
    Setting("run.on_bad", "text", "fail", "What bad rows get: the run ends there, or they are set aside.", ("fail", "skip")),
    Setting("run.check_first", "flag", False, "Read the whole input before anything is judged."),
    Setting("run.quarantine", "text", None, "A JSONL file for rows set aside by --on-bad skip or --late drop.", metavar="FILE"),
    Setting("run.max_symbols", "integer", MAX_SYMBOLS, "How many symbols are accepted.", metavar="NUMBER"),
    Setting("live.sources", "texts", (), "Venues with their symbols, such as binance:BTCUSDT,ETHUSDT."),
    Setting("live.url", "text", None, "Connect there instead of to the venue, such as ws://127.0.0.1:8765.", metavar="URL"),
    Setting("live.time", "text", None, "The tape's time: the venue's, or that of arrival, as with several venues.", ("event", "received")),
    Setting("live.quotes", "flag", False, "Listen to the top of the book too; without it only where a strategy asks."),
    Setting("live.record", "text", None, "A folder for the tape as it is judged; replaying it gives the same alerts.", metavar="FOLDER"),
    Setting("live.raw", "text", None, "A folder for the frames as they come.", metavar="FOLDER"),
    Setting("live.quarantine", "text", None, "A JSONL file for rows that are no ticks.", metavar="FILE"),
    Setting("live.stale_after", "length", "30s", "How long no market data may come before a connection is doubted.", metavar="LENGTH"),
    Setting("live.hours", "text", "", "When market data is to be expected: 'Mon-Fri 09:30-16:00 America/New_York'.", metavar="HOURS"),
    Setting("live.capacity", "integer", 65_536, "How many trades may wait.", metavar="NUMBER"),
    Setting("live.patience", "length", "5s", "How long connections wait for room before trades are left out.", metavar="LENGTH"),
    Setting(
        "journal.folder",
        "text",
        None,
        "Write down what comes and what is found, in this folder; a run started again goes on there.",
        metavar="FOLDER",
    ),
    Setting("journal.snapshot_rows", "integer", 5_000_000, "After how many rows the journal gets a snapshot.", metavar="NUMBER"),
    Setting("journal.snapshot_every", "length", "1m", "After how long the journal gets a snapshot.", metavar="LENGTH"),
    Setting("journal.keep_size", "size", None, "How many bytes of the log are kept.  [default: all]", metavar="SIZE"),
    Setting("journal.keep_for", "length", None, "How long the log is kept.  [default: for ever]", metavar="LENGTH"),
    Setting("output.sinks", "texts", (), "Where alerts go: jsonl:alerts.jsonl, sqlite:alerts.db, console:, ...", metavar="URL"),
    Setting("output.plot", "text", None, "Draw the alerts into this picture.", metavar="FILE"),
    Setting("output.plot_symbol", "text", None, "The symbol to draw.  [default: that with most alerts]", metavar="NAME"),
)
BY_KEY = {setting.key: setting for setting in SETTINGS}
SECTIONS = tuple(dict.fromkeys(setting.key.partition(".")[0] for setting in SETTINGS))


def nearest_setting(variable: str) -> Setting | None:
    """The setting that a variable without a section may mean: RXTAPE_TZ is nearly RXTAPE_FEED_TZ."""
    name = variable.removeprefix("RXTAPE_").lower()
    by_name = {setting.name: setting for setting in reversed(SETTINGS)} | {setting.key.replace(".", "_"): setting for setting in SETTINGS}
    near = get_close_matches(name, by_name, n=1, cutoff=0.8)
    return by_name[near[0]] if near else None
