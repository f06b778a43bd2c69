"""Topics are dotted names; patterns choose among them.

health.BTCUSDT          a topic: words with dots between them
health.*                any one word in that place
alerts.#                any tail, also none; only at the end
"""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from pipeline.errors import UsageError

__all__ = ["Pattern", "checked_topic", "topic_of", "words_of"]

WORD = re.compile(r"[^\s.*#\x00-\x1f\x7f]+")
NOT_IN_A_WORD = re.compile(r"[\s.*#%\x00-\x1f\x7f]")


def topic_of(*words: str) -> str:
    """A topic of these words; what a word may not hold is written as in a URL, so that different words stay different.

    >>> topic_of("health", "BRK.B"), topic_of("alerts", "volume_breakout", "rule")
    ('health.BRK%2EB', 'alerts.volume_breakout.rule')
    """
    return ".".join(NOT_IN_A_WORD.sub(written_out, word) or "%" for word in words)


def words_of(topic: str) -> tuple[str, ...]:
    """The words that `topic_of` was given.

    >>> words_of("health.BRK%2EB")
    ('health', 'BRK.B')
    """
    return tuple("" if word == "%" else unquote(word) for word in topic.split("."))


def written_out(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match.group().encode())


def checked_topic(topic: str) -> str:
    """The topic itself; raises UsageError for what is none."""
    if not isinstance(topic, str):
        raise UsageError(f"a topic is a text such as 'health.BTCUSDT', not {topic!r:.80}")
    for word in topic.split("."):
        if not WORD.fullmatch(word):
            raise UsageError(
                f"topic {topic!r:.80}: {word!r:.40} is no word; expected words of any letters with dots between them, "
                "without spaces, * and #; topic_of(word, ...) makes a topic of any words"
            )
    return topic


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which topics somebody wants: `*` stands for one word, `#` at the end for any tail. Raises UsageError for what is no pattern.

    >>> [Pattern("alerts.*.rule").matches(topic) for topic in ("alerts.spike.rule", "alerts.spike.other", "alerts.rule")]
    [True, False, False]
    >>> [Pattern("alerts.#").matches(topic) for topic in ("alerts.spike.rule", "alerts", "health.SPY")]
    [True, True, False]
    """

    text: str
    words: tuple[str, ...] = field(init=False, repr=False, compare=False)
    has_tail: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        words = checked_pattern(self.text)
        object.__setattr__(self, "has_tail", words[-1] == "#")
        object.__setattr__(self, "words", words[:-1] if words[-1] == "#" else words)

    def matches(self, topic: str) -> bool:
        """Whether the topic is one of those wanted."""
        words = topic.split(".")
        if len(words) < len(self.words) or (len(words) > len(self.words) and not self.has_tail):
            return False
        return all(want in ("*", word) for want, word in zip(self.words, words, strict=False))


def checked_pattern(text: str) -> tuple[str, ...]:
    if not isinstance(text, str):
        raise UsageError(f"a pattern is a text such as 'alerts.#', not {text!r:.80}")
    words = text.split(".")
    for place, word in enumerate(words):
        last = place == len(words) - 1
        if not (word == "*" or (word == "#" and last) or WORD.fullmatch(word)):
            where = "; # stands only at the end" if word == "#" else ""
            raise UsageError(f"pattern {text!r:.80}: {word!r:.40} is neither a word nor *{where}")
    return tuple(words)
