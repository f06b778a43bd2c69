"""Words for the screen: nothing in them commands a terminal, and no secret is told."""

import click

from pipeline.config import concealed
from pipeline.sinks.console import neutral

__all__ = ["SECRETS", "tidy"]

SECRETS = "rxtape.secrets"  # of a command's context: what the environment filled in, by name


def tidy(text: object) -> str:
    """A text as it may be shown, on one line."""
    context = click.get_current_context(silent=True)
    secrets = {} if context is None else context.meta.get(SECRETS, {})
    return neutral(concealed(str(text), secrets))
