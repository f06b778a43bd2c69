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
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, Self

from pipeline.errors import ParameterError, UsageError
from pipeline.settings import BY_KEY, SECTIONS, SETTINGS, Setting, nearest_setting

__all__ = ["Config", "ConfigError", "Problem", "Problems", "StrategyChoice", "Value", "concealed", "load_config", "settled"]

VARIABLE = re.compile(r"\$\{(\w+)\}")
PASSWORD = re.compile(r"(://[^/@\s:]*:)[^/@\s]+(?=@)|([?&](?:token|key|api_?key|secret|password)=)[^&#\s'\"]+", re.IGNORECASE)
HOOK = re.compile(r"(webhook:https?://[^/\s'\"]+/)[^#\s'\"]+")
SHORTEST_SECRET = 4


class ConfigError(UsageError):
    """Everything that is wrong with a configuration, a line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n        ".join(problems))


class Problem(NamedTuple):
    """What is wrong, and the key that it is about."""

    key: str
    text: str


class Problems:
    """Everything that is wrong, collected before it is told.

    >>> problems = Problems()
    >>> for number in (1, 2):
    ...     with problems.noted(f"rxtape.toml:{number}"):
    ...         raise UsageError("that is wrong")
    >>> problems.told()
    Traceback (most recent call last):
    pipeline.config.ConfigError: rxtape.toml:1: that is wrong
            rxtape.toml:2: that is wrong
    """

    def __init__(self) -> None:
        self.errors: list[UsageError] = []

    @contextmanager
    def noted(self, place: str = "") -> Iterator[None]:
        """Note a UsageError, with the place that it is about, and go on."""
        try:
            yield
        except UsageError as error:
            self.errors.append(UsageError(f"{place}: {error}") if place else error)

    def told(self) -> None:
        """Raise the one problem as it is, or ConfigError with all of them."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise ConfigError(
                [text for error in self.errors for text in (error.problems if isinstance(error, ConfigError) else [str(error)])]
            )


@dataclass(frozen=True)
class Value:
    """What a setting is, who said so, and, where the environment was asked, how it is written."""

    value: Any
    origin: str = "default"
    written: Any = None


@dataclass(frozen=True)
class StrategyChoice:
    """A strategy of the file: what to use, its parameters, where it stands, and where each parameter does.

    `filled` are the parameters that the environment filled in, as they are written.
    """

    use: str
    parameters: Mapping[str, Any]
    origin: str
    places: Mapping[str, str] = field(default_factory=dict)
    filled: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Config:
    """Settings by key, strategies, what is wrong with them, what the environment filled in, by name, and venues of JSON messages."""

    values: Mapping[str, Value] = field(default_factory=dict)
    strategies: tuple[StrategyChoice, ...] = ()
    problems: tuple[Problem, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    venues: Mapping[str, Any] = field(default_factory=dict)

    def checked(self) -> Self:
        """This configuration; ConfigError names everything that is wrong with it."""
        if self.problems:
            raise ConfigError([problem.text for problem in self.problems])
        return self

    def faulty(self, section: str) -> bool:
        """Whether something is wrong with a section."""
        return any(key.partition(".")[0] == section for key, _ in self.problems)


def concealed(text: str, secrets: Mapping[str, str]) -> str:
    """A text without what `${NAME}` stood for, without the passwords of URLs, and without the paths of webhooks, which may be secret.

    >>> concealed("kafka://me:hush@host/alerts with s3cret", {"TOKEN": "s3cret"})
    'kafka://me:***@host/alerts with ${TOKEN}'
    >>> concealed("webhook:https://hooks.example.com/services/T0/path?token=x#secret=HOOK_KEY", {})
    'webhook:https://hooks.example.com/***#secret=HOOK_KEY'
    """
    for name, value in secrets.items():
        if len(value) >= SHORTEST_SECRET:
            text = text.replace(value, f"${{{name}}}")
    return PASSWORD.sub(lambda found: f"{found[1] or found[2]}***", HOOK.sub(r"\1***", text))


def load_config(path: Path) -> Config:
    """Read a TOML file; what is wrong with it is in `problems`, each with its line and key.

    Raises ConfigError where it is no TOML file at all.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "rxtape.toml")
    ...     _ = path.write_text('[run]\\nlate = "clamp"\\n\\n[[strategy]]\\nuse = "volume_breakout"\\nmove = 0.02\\n')
    ...     config = load_config(path).checked()
    >>> config.values["run.late"].value, config.strategies[0].parameters
    ('clamp', {'move': 0.02})
    """
    return TomlReader(path).config()


class TomlReader:
    """Reads one file and collects what is wrong with it."""

    def __init__(self, path: Path) -> None:
        self.path, self.problems, self.secrets = path, list[Problem](), dict[str, str]()
        try:
            self.lines = path.read_text("utf-8-sig").splitlines()
            self.tables = tomllib.loads("\n".join(self.lines))
        except OSError as error:
            raise ConfigError([f"{path} cannot be read: {error.strerror}; name the file of settings with --config FILE"]) from error
        except UnicodeDecodeError:
            raise ConfigError([f"{path} is not UTF-8 text; save it as UTF-8"]) from None
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"at line (\d+)", str(error))
            raise ConfigError([f"{path}:{line[1] if line else len(self.lines)} is no TOML: {error}"]) from None

    def config(self) -> Config:
        """What the file says, and what is wrong with it."""
        values = dict(self._values())
        strategies = tuple(self._strategies())
        venues = self._filled("venue", self.tables.get("venue", {}), self._place("venue", ""))
        problems = tuple(Problem(key, concealed(text, self.secrets)) for key, text in self.problems)
        return Config(values, strategies, problems, self.secrets, venues)

    def _values(self) -> Iterator[tuple[str, Value]]:
        for section, entries in self.tables.items():
            if section in ("strategy", "venue"):
                continue
            if section not in SECTIONS or not isinstance(entries, dict):
                self._unknown(section, section, (*SECTIONS, "strategy", "venue"))
                continue
            for name, value in entries.items():
                key = f"{section}.{name}"
                if key not in BY_KEY:
                    self._unknown(section, key, tuple(BY_KEY))
                    continue
                place = self._place(section, name)
                known = len(self.problems)
                filled = self._filled(key, value, place)
                if len(self.problems) > known:
                    continue
                try:
                    yield key, Value(BY_KEY[key].read(filled), place, None if filled == value else value)
                except ParameterError as error:
                    self.problems.append(Problem(key, f"{place}: {error}"))

    def _strategies(self) -> Iterator[StrategyChoice]:
        entries = self.tables.get("strategy", [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            place = self._place("strategy", "")
            self.problems.append(Problem("strategy", f"{place}: strategy: write each strategy as a table [[strategy]] with use = ..."))
            return
        for turn, entry in enumerate(entries):
            if not isinstance(entry.get("use"), str):
                said = f"strategy {turn + 1} has no use = ...; expected a name, file.py or module:Class"
                self.problems.append(Problem("strategy.use", f"{self._place('strategy', 'use', turn)}: {said}"))
                continue
            places = {name: self._place("strategy", name, turn) for name in entry}
            known = len(self.problems)
            filled = {name: self._filled(f"strategy.{name}", value, places[name]) for name, value in entry.items()}
            if len(self.problems) > known:
                continue
            written = {name: value for name, value in entry.items() if filled[name] != value}
            yield StrategyChoice(filled.pop("use"), filled, places["use"], places, written)

    def _filled(self, key: str, value: Any, place: str) -> Any:
        """The value with each ${NAME} taken from the environment."""
        if isinstance(value, list):
            return [self._filled(key, each, place) for each in value]
        if isinstance(value, dict):
            return {name: self._filled(key, each, place) for name, each in value.items()}
        if not isinstance(value, str):
            return value
        for name in VARIABLE.findall(value):
            if name in os.environ:
                self.secrets[name] = os.environ[name]
            else:
                said = f"{key} asks for the variable {name}, which the environment does not have; export {name}=..."
                self.problems.append(Problem(key, f"{place}: {said}"))
        return VARIABLE.sub(lambda found: os.environ.get(found[1], found[0]), value)

    def _unknown(self, section: str, key: str, known: Sequence[str]) -> None:
        near = get_close_matches(key, known, n=1)
        among = [each for each in known if each.startswith(f"{section}.")] or known
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(among)}"
        about = near[0] if near and section == key else key
        self.problems.append(Problem(about, f"{self._place(section, key.rpartition('.')[2])}: {key} is no setting{hint}"))

    def _place(self, section: str, name: str, turn: int = 0) -> str:
        """File and line of a key, as well as a look at the text can tell."""
        seen, inside, heading = -1, False, ""
        head = re.compile(rf"\s*\[+\s*{re.escape(section)}\s*\]+")
        own_head = re.compile(rf"\s*\[\s*{re.escape(section)}\s*\.\s*\"?{re.escape(name)}\"?\s*\]")
        for number, line in enumerate(self.lines, 1):
            if re.match(r"\s*\[", line):
                inside = bool(head.match(line))
                seen += inside
                heading = f":{number}" if inside and seen == turn else heading
                if name and own_head.match(line):
                    return f"{self.path}:{number}"
            elif inside and seen == turn and re.match(rf"\s*\"?{re.escape(name)}\"?\s*[=.]", line):
                return f"{self.path}:{number}"
        return f"{self.path}{heading}"


def settled(config: Config, given: Mapping[str, Any]) -> Config:
    """Every setting by key: the command line before the environment, the file, and the default.

    `given` is what the command line says, as text or values. What is wrong comes to the problems of the file.
    """
    values, problems = dict[str, Value](), [*config.problems, *unknown_variables()]
    for setting in SETTINGS:
        said, called = who_says(setting, config, given)
        try:
            read = said.value if said.origin == "default" else setting.read(said.value, called)
            values[setting.key] = Value(read, said.origin, said.written)
        except ParameterError as error:
            problems.append(Problem(setting.key, f"{error}"))
            values[setting.key] = Value(setting.default)
    return Config(values, config.strategies, tuple(problems), config.secrets, config.venues)


def who_says(setting: Setting, config: Config, given: Mapping[str, Any]) -> tuple[Value, str]:
    """What a setting is, not checked yet, and how that voice calls it."""
    if given.get(setting.key) not in (None, ()):
        return Value(given[setting.key], "command line"), setting.option
    if os.environ.get(setting.variable):
        return Value(os.environ[setting.variable], f"environment {setting.variable}"), setting.variable
    return config.values.get(setting.key, Value(setting.default)), setting.key


def unknown_variables() -> Iterator[Problem]:
    """Variables of the environment that look like settings and are none."""
    known = {setting.variable for setting in SETTINGS}
    for name in sorted(os.environ):
        section = name.removeprefix("RXTAPE_").partition("_")[0].lower()
        if name.startswith("RXTAPE_") and section in SECTIONS and name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "; rxtape config show lists the settings"
            yield Problem(section, f"{name} in the environment is no setting{hint}")
        elif name.startswith("RXTAPE_") and name not in known and (meant := nearest_setting(name)):
            yield Problem(meant.key, f"{name} in the environment is no setting; did you mean {meant.variable}?")
