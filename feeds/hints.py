"""What to say of files and cells that are nearly right: what they seem to be, and what to write."""

import re
from collections.abc import Iterable, Sequence
from datetime import date
from difflib import get_close_matches
from pathlib import Path

__all__ = ["UTF_8", "about_date", "about_first_line", "about_number", "about_one_cell", "about_spelling", "about_time_of_day"]

UTF_8 = "convert the file, as in: iconv -f latin1 -t utf-8 old.csv > new.csv"
DELIMITERS = {",": ",", ";": ";", "\t": "tab", "|": "|"}
CLOCK = re.compile(r"\d\d?:\d\d(:\d\d(\.\d+)?)?( ?[AaPp][Mm])?", re.ASCII)
DATES = ("date", "day", "trade_date", "tradedate")
MONEY = "$€£¥"
GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", re.ASCII)
GROUPED_BY_POINTS = re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d+)?", re.ASCII)
PLAIN = re.compile(r"[+-]?\d+([.,]\d+)?", re.ASCII)


def about_number(text: str, decimal: str) -> str:
    """Why a cell that a person would read as a number is none, and what to do.

    >>> about_number("$100", "."), about_number("1,100.00", "."), about_number("abc", ".")
    ('; it has a currency sign: remove those from the file', '; it has separators of thousands: remove those from the file', '')
    """
    bare = text.strip(MONEY + " ")
    if bare != text and PLAIN.fullmatch(bare):
        return "; it has a currency sign: remove those from the file"
    if GROUPED_BY_POINTS.fullmatch(bare) and (decimal == "," or "," in bare or bare.count(".") > 1):
        rest = "" if decimal == "," else ", and give --decimal ,"
        return f"; it has points between thousands: remove those from the file{rest}"
    if GROUPED.fullmatch(bare) and ("." in bare or bare.count(",") > 1):
        return "; it has separators of thousands: remove those from the file"
    if decimal == "." and PLAIN.fullmatch(text):
        return "; decimals after a comma need --decimal ,"
    return ""


def about_date(text: str) -> str:
    """What to write where a number is a date, as 20240304 is."""
    found = re.fullmatch(r"(\d{4})(\d\d)(\d\d)", text, re.ASCII)
    try:
        return "; as a date it needs --time-format %Y%m%d" if found and date(*map(int, found.groups())) else ""
    except ValueError:
        return ""


def about_time_of_day(text: str, column: str, names: Sequence[str]) -> str:
    """What to write where a time is that of a day: its date stands in another column, mostly."""
    if not CLOCK.fullmatch(text):
        return ""
    day = next((name for name in names if name.lower() in DATES and name != column), None)
    if day is None:
        return "; it is the time of a day, and no column has the date: add one, and join them, as in --columns time=Date+Time"
    return f"; it is the time of a day, and its date stands in another column: write --columns time={day}+{column}"


def about_one_cell(names: Sequence[str], delimiter: str) -> str:
    """What to say of a header in which nothing was cut: by another delimiter it would be."""
    if len(names) != 1:
        return ""
    other = max(DELIMITERS, key=lambda sign: names[0].count(sign))
    if not names[0].count(other) or other == delimiter:
        return ""
    told = DELIMITERS.get(delimiter, delimiter)
    if other == ",":
        return f"The cells are separated by commas, and were cut at {told!r}: leave out --delimiter, and --decimal , if it is given"
    return f"The cells are separated by {DELIMITERS[other]!r}, and were cut at {told!r}: write --delimiter {DELIMITERS[other]!r}"


def about_first_line(path: Path, number: int, text: str) -> str:
    """What to say of a first line that is no header: a comment, or JSON."""
    if text.startswith("#"):
        return f"Line {number} is a comment, and the header comes first: remove such lines, as in: grep -v '^#' {path} > clean.csv"
    if text.startswith("["):
        return f"It is a JSON array: rxtape reads an object a line: jq -c '.[]' {path} > {path.stem}.jsonl"
    if text.startswith("{"):
        return f"It is JSON: name it {path.stem}.jsonl if it has an object a line"
    return ""


def about_spelling(given: Iterable[str], known: Iterable[str]) -> str:
    """What was meant by a name of a column that the tape does not know."""
    for name in given:
        near = get_close_matches(name, known, n=1, cutoff=0.7)
        if near and near[0] != name:
            return f"{name} is no column of the tape; did you mean {near[0]}?"
    return ""
