"""What a run was told to do, as the log keeps it: its feed, its strategies, and what ran it."""

import hashlib
import inspect
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING

import msgspec

from pipeline.functions import FILE_MODULE, class_fingerprint
from pipeline.journal.frames import VERSIONS, Content, Frame, Record
from pipeline.journal.payloads import current

if TYPE_CHECKING:
    from pipeline.strategy import Strategy

__all__ = ["Chosen", "Configuration", "config_of", "config_record", "prints_of", "versions_here"]


class Chosen(msgspec.Struct, frozen=True):
    """A strategy of a run: its name, its class as module:Class, its parameters as text, its repr, and a digest of its code.

    `secret` is a digest of parameters that are not written down, slow to compute, so that nobody finds them by trying.
    """

    name: str
    of: str
    parameters: dict[str, str]
    identity: str
    code: str = ""
    secret: str = ""

    @classmethod
    def by(cls, strategy: "Strategy") -> "Chosen":
        """What there is to say of a strategy."""
        kind = type(strategy)
        parameters = {name: repr(getattr(strategy, name)) for name in strategy.parameters()}
        return cls(strategy.name, f"{place_of(kind)}:{kind.__qualname__}", parameters, repr(strategy), class_fingerprint(kind))

    def without_secrets(self, conceal: Callable[[str], str], salt: bytes) -> "Chosen":
        """The same as `conceal` would tell it; `salt` is the journal's own number."""
        told, identity = {name: conceal(value) for name, value in self.parameters.items()}, conceal(self.identity)
        digest = "" if identity == self.identity else hashlib.scrypt(self.identity.encode(), salt=salt, n=1 << 14, r=8, p=1, dklen=8).hex()
        return Chosen(self.name, self.of, told, identity, self.code, digest)

    @property
    def fingerprint(self) -> str:
        """Equal for strategies that judge alike."""
        return f"{self.identity} of code {self.code}" + (f" and secrets {self.secret}" if self.secret else "")


def place_of(kind: type) -> str:
    """The module, by which it can be imported; of a user's file that was loaded by path, the file."""
    if not kind.__module__.startswith(FILE_MODULE):
        return kind.__module__
    path, here = Path(inspect.getfile(kind)).absolute(), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


@cache
def versions_here() -> dict[str, str]:
    """What judges: the releases of rxtape, of what its kernels stand on, and of Python."""
    return {name: version(name) for name in ("rxtape", "numpy", "numba")} | {"python": python_version()}


def prints_of(chosen: Sequence[Chosen]) -> dict[str, str]:
    """The fingerprints of strategies, by name."""
    return {each.name: each.fingerprint for each in chosen}


class Configuration(msgspec.Struct, frozen=True):
    """What a run was told to do from here on: its feed, strategies, settings, and the versions of what ran it. No secrets belong here."""

    feed: str = ""
    strategies: list[Chosen] = []
    settings: dict[str, str] = {}
    versions: dict[str, str] = {}


CONFIGS = msgspec.msgpack.Decoder(Configuration)


def config_record(config: Configuration) -> Record:
    """A configuration as a record."""
    return Record(Content.CONFIG, msgspec.msgpack.encode(config), VERSIONS[Content.CONFIG])


def config_of(frame: Frame) -> Configuration:
    """The configuration of a frame."""
    with current(frame, Content.CONFIG) as payload:
        return CONFIGS.decode(payload)
