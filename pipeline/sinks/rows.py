"""An alert as a row: the columns that every file and table has, in one order, with text that any of them can hold."""

import re
from typing import Any

import msgspec

from pipeline.alerts import Alert

__all__ = ["COLUMNS", "encodable", "json_text", "row_of"]

COLUMNS = tuple(Alert("", 0).as_dict())
HALF_A_PAIR = re.compile("[\ud800-\udfff]")


def row_of(alert: Alert) -> dict[str, Any]:
    """The fields of `Alert.as_dict`, in their order.

    >>> list(row_of(Alert("SPY", 0)))
    ['time', 'symbol', 'strategy', 'event', 'severity', 'message', 'values', 'degraded', 'rule', 'time_ns', 'id']
    """
    row = {name: encodable(value) if isinstance(value, str) else value for name, value in alert.as_dict().items()}
    row["values"] = {encodable(name): value for name, value in alert.values.items()}
    return row


def encodable(text: str) -> str:
    r"""The text with half surrogate pairs, for which UTF-8 has no place, written out.

    >>> encodable("up \ud83d"), encodable("up \N{ROCKET}") == "up \N{ROCKET}"
    ('up \\ud83d', True)
    """
    if text.isascii() or not HALF_A_PAIR.search(text):
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def json_text(value: object) -> str:
    r"""The value as one line of JSON, in which every character that could command a terminal or end a line is \u-escaped.

    nan and infinities, for which JSON has no word, become null.

    >>> print(json_text({"x": float("nan"), "text": "a\u2028b\u202e\x9b"}))
    {"x":null,"text":"a\u2028b\u202e\u009b"}
    """
    try:
        text = msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        text = msgspec.json.encode(whole_letters(value)).decode()
    return text if text.isprintable() else "".join(char if char.isprintable() else escaped(char) for char in text)


def escaped(char: str) -> str:
    units = char.encode("utf-16-be").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))


def whole_letters(value: object) -> object:
    """The value with every text in it made one that can be written."""
    if isinstance(value, dict):
        return {whole_letters(key): whole_letters(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [whole_letters(each) for each in value]
    return encodable(value) if isinstance(value, str) else value
