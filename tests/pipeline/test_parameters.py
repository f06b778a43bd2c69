"""Parameters: of every type, from Python and from text, and the words for what does not fit."""

import math
from datetime import timedelta
from typing import Annotated, Literal, Optional

import pytest

from pipeline.errors import ParameterError
from pipeline.parameters import checked, expectation, from_text, shown, type_name

FIVE = timedelta(minutes=5)
TEXTS = [
    ("0.02", float, 0.02),
    ("1e-3", float, 0.001),
    ("7", int, 7),
    ("true", bool, True),
    ("No", bool, False),
    ("off", bool, False),
    ("5m", str, "5m"),
    ("5m", timedelta, FIVE),
    ("1h30m", timedelta, timedelta(minutes=90)),
    ("none", int | None, None),
    ("none", str | None, None),
    ("none", str, "none"),
    ("4", Optional[int], 4),  # noqa: UP045
    ("5", int | str, 5),
    ("5m", int | str, "5m"),
    ("0.5", str | float, 0.5),
    ("rolling", float | Literal["rolling"], "rolling"),
    ("2", float | Literal["rolling"], 2.0),
    ("up", Literal["up", "down"], "up"),
    ("2", Literal[1, 2], 2),
    ("SPY,IBM", tuple[str, ...], ("SPY", "IBM")),
    (" SPY , IBM, ", tuple[str, ...], ("SPY", "IBM")),
    ("", tuple[str, ...], ()),
    ("1,2", tuple[float, ...], (1.0, 2.0)),
    ("inf", Annotated[float, "inf"], math.inf),
    ("-inf", Annotated[float, "inf"], -math.inf),
]


@pytest.mark.parametrize(("text", "wanted", "value"), TEXTS)
def test_text_becomes_a_value_of_the_type(text, wanted, value):
    made = from_text("jump.x", text, wanted)
    assert (made, type(made)) == (value, type(value))


REFUSED = [
    ("much", float, "a number such as 0.02"),
    ("", float, "a number such as 0.02"),
    ("nan", float, "a finite number such as 0.02"),
    ("1e999", float, "a number such as 0.02"),
    ("-inf", float, "a finite number such as 0.02"),
    ("nan", Annotated[float, "inf"], "a finite number such as 0.02"),
    ("2.5", int, "a whole number such as 10"),
    ("maybe", bool, "true or false"),
    ("5", timedelta, "a length of time such as 5m"),
    ("soon", timedelta, "a length of time such as 5m"),
    ("1ns", timedelta, "a length of time such as 5m"),
    ("left", Literal["up", "down"], "'up' or 'down'"),
    ("3", Literal[1, 2], "1 or 2"),
    ("1,x", tuple[int, ...], "int values separated by commas, such as 1,2"),
    ("x", int | None, "a whole number such as 10, or none"),
    ("x", dict, "dict, which cannot be written as text"),
]


@pytest.mark.parametrize(("text", "wanted", "words"), REFUSED)
def test_an_error_names_the_parameter_the_text_and_what_is_expected(text, wanted, words):
    with pytest.raises(ParameterError) as raised:
        from_text("jump.x", text, wanted)
    assert str(raised.value) == f"jump.x = {text!r}; expected {words}"


@pytest.mark.parametrize(
    ("value", "wanted", "words"),
    [
        (math.nan, float, r'Jump.x = nan; expected a finite number \(a parameter that may be nan is annotated Annotated\[float, "nan"\]\)'),
        (-math.inf, float | None, r'Annotated\[float, "inf"\]'),
        ("left", Literal["up", "down"], "is str; expected Literal"),
        (True, Literal[1, 2], "is bool; expected Literal"),
        ("SPY", tuple[str, ...], r"is str; expected tuple\[str, ...\]"),
        (("SPY", 3), tuple[str, ...], r"expected tuple\[str, ...\]"),
        (60, timedelta, "is int; expected timedelta"),
        ("soon", timedelta, "is str; expected timedelta"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(value, wanted, words):
    with pytest.raises(ParameterError, match=words):
        checked("Jump.x", value, wanted)


def test_values_that_fit_are_made_of_the_type():
    assert checked("Jump.x", ["SPY"], tuple[str, ...]) == ("SPY",)
    assert checked("Jump.x", "5m", timedelta) == FIVE
    assert math.isnan(checked("Jump.x", math.nan, Annotated[float, "nan"]))
    assert checked("Jump.x", 1, Annotated[float, "inf"]) == 1.0


@pytest.mark.parametrize(("text", "wanted", "value"), [each for each in TEXTS if each[1] is not bool and "inf" not in each[0]])
def test_what_is_shown_can_be_read_again(text, wanted, value):
    assert from_text("jump.x", shown(value), wanted) == value


def test_types_in_words():
    assert type_name(int | None) == "int or None"
    assert type_name(Annotated[float, "inf"]) == "float"
    assert type_name(Literal["up"]) == "Literal['up']"
    assert expectation(timedelta | None) == "a length of time such as 5m, or none"
