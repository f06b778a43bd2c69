"""Words for the screen: nothing in them commands a terminal, and no secret is told."""

from collections.abc import Mapping

import click

from pipeline.config import concealed
from pipeline.sinks.console import neutral

__all__ = ["SECRETS", "secrets_of_command", "tidy"]

SECRETS = "rxtape.secrets"  # of a command's context: what the environment filled in, by name


def secrets_of_command() -> Mapping[str, str]:
    """What the environment filled in for the command under way; only its own thread can ask."""
    context = click.get_current_context(silent=True)
    found: Mapping[str, str] = {} if context is None else context.meta.get(SECRETS, {})
    return found


def tidy(text: object, secrets: Mapping[str, str] | None = None) -> str:
    """A text as it may be shown, on one line; without `secrets` those of the command under way are kept."""
    return neutral(concealed(str(text), secrets_of_command() if secrets is None else secrets))
