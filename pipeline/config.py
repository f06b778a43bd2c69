"""Configuration files, and which of several voices counts.

    default  <  rxtape.toml  <  RXTAPE_FEED_TZ=...  <  --tz ...

A file holds the tables `feed`, `run` and `output`, and a `[[strategy]]` for each strategy:

    [feed]
    columns = { time = "Date+Time", price = "px" }
    tz = "America/New_York"

    [[strategy]]
    use = "volume_breakout"
    move = 0.003
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pipeline.errors import ParameterError, UsageError
from pipeline.settings import BY_KEY, SECTIONS, SETTINGS

__all__ = ["Config", "ConfigError", "StrategyChoice", "Value", "load_config", "settled"]

VARIABLE = re.compile(r"\$\{(\w+)\}")


class ConfigError(UsageError):
    """Everything that is wrong with a configuration, a line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n        ".join(problems))


@dataclass(frozen=True)
class Value:
    """What a setting is, who said so, and, where the environment was asked, how it is written."""

    value: Any
    origin: str = "default"
    written: str = ""


@dataclass(frozen=True)
class StrategyChoice:
    """A strategy of the file: what to use, its parameters, and where that stands."""

    use: str
    parameters: Mapping[str, Any]
    origin: str


@dataclass(frozen=True)
class Config:
    """What a configuration file says, by key."""

    values: Mapping[str, Value] = field(default_factory=dict)
    strategies: tuple[StrategyChoice, ...] = ()


def load_config(path: Path) -> Config:
    """Read a TOML file.

    Raises ConfigError with everything that is wrong with it, each with its line and key.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "rxtape.toml")
    ...     _ = path.write_text('[run]\\nlate = "clamp"\\n\\n[[strategy]]\\nuse = "volume_breakout"\\nmove = 0.02\\n')
    ...     config = load_config(path)
    >>> config.values["run.late"].value, config.strategies[0].parameters
    ('clamp', {'move': 0.02})
    """
    return TomlReader(path).config()


class TomlReader:
    """Reads one file and collects what is wrong with it."""

    def __init__(self, path: Path) -> None:
        self.path, self.problems = path, list[str]()
        try:
            self.lines = path.read_text("utf-8").splitlines()
            self.tables = tomllib.loads("\n".join(self.lines))
        except OSError as error:
            raise ConfigError([f"{path} cannot be read: {error.strerror}"]) from error
        except UnicodeDecodeError:
            raise ConfigError([f"{path} is not UTF-8 text"]) from None
        except tomllib.TOMLDecodeError as error:
            raise ConfigError([f"{path} is no TOML: {error}"]) from None

    def config(self) -> Config:
        """The configuration; ConfigError names all problems at once."""
        values = dict(self._values())
        strategies = tuple(self._strategies())
        if self.problems:
            raise ConfigError(self.problems)
        return Config(values, strategies)

    def _values(self) -> Iterator[tuple[str, Value]]:
        for section, entries in self.tables.items():
            if section == "strategy":
                continue
            if section not in SECTIONS or not isinstance(entries, dict):
                self._unknown(section, section, (*SECTIONS, "strategy"))
                continue
            for name, value in entries.items():
                key = f"{section}.{name}"
                if key not in BY_KEY:
                    self._unknown(section, key, tuple(BY_KEY))
                    continue
                try:
                    filled = self._filled(key, value)
                    yield key, Value(BY_KEY[key].read(filled), self._place(section, name), "" if filled == value else str(value))
                except ParameterError as error:
                    self.problems.append(f"{self._place(section, name)}: {error}")

    def _strategies(self) -> Iterator[StrategyChoice]:
        entries = self.tables.get("strategy", [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            self.problems.append(f"{self._place('strategy', '')}: strategy: write each strategy as a table [[strategy]] with use = ...")
            return
        for turn, entry in enumerate(entries):
            place = self._place("strategy", "use", turn)
            if not isinstance(entry.get("use"), str):
                self.problems.append(f"{place}: strategy {turn + 1} has no use = ...; expected a name, file.py or module:Class")
                continue
            parameters = {name: self._filled(f"strategy.{name}", value) for name, value in entry.items() if name != "use"}
            yield StrategyChoice(entry["use"], parameters, place)

    def _filled(self, key: str, value: Any) -> Any:
        """The value with each ${NAME} taken from the environment."""
        if isinstance(value, list):
            return [self._filled(key, each) for each in value]
        if not isinstance(value, str):
            return value
        for name in VARIABLE.findall(value):
            if name not in os.environ:
                self.problems.append(f"{self.path}: {key}: the environment has no variable {name}")
        return VARIABLE.sub(lambda found: os.environ.get(found[1], ""), value)

    def _unknown(self, section: str, key: str, known: Sequence[str]) -> None:
        near = get_close_matches(key, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}"
        self.problems.append(f"{self._place(section, key.rpartition('.')[2])}: {key} is no setting{hint}")

    def _place(self, section: str, name: str, turn: int = 0) -> str:
        """File and line of a key, as well as a look at the text can tell."""
        seen, inside, heading = -1, False, ""
        head = re.compile(rf"\s*\[+\s*{re.escape(section)}\s*\]+")
        for number, line in enumerate(self.lines, 1):
            if re.match(r"\s*\[", line):
                inside = bool(head.match(line))
                seen += inside
                heading = f":{number}" if inside and seen == turn else heading
            elif inside and seen == turn and re.match(rf"\s*\"?{re.escape(name)}\"?\s*[=.]", line):
                return f"{self.path}:{number}"
        return f"{self.path}{heading}"


def settled(config: Config, given: Mapping[str, Any]) -> dict[str, Value]:
    """Every setting by key: the command line before the environment, the file, and the default.

    `given` is what the command line says, as text or values. Raises ConfigError with all that is wrong.
    """
    values, problems = dict[str, Value](), list[str]()
    for setting in SETTINGS:
        said = config.values.get(setting.key, Value(setting.default))
        if setting.variable in os.environ:
            said = Value(os.environ[setting.variable], f"environment {setting.variable}")
        if given.get(setting.key) not in (None, ()):
            said = Value(given[setting.key], "command line")
        try:
            read = said.value if said.origin == "default" else setting.read(said.value)
            values[setting.key] = Value(read, said.origin, said.written)
        except ParameterError as error:
            problems.append(f"{said.origin}: {error}")
    if problems:
        raise ConfigError(problems)
    return values
