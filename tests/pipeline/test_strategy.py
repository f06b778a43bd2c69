"""Strategy: typed parameters, said once, checked when it is made."""

import pickle

import pytest

from pipeline.errors import BuildError, ParameterError, UnknownName
from pipeline.strategy import Strategy, snake_case


class Jump(Strategy):
    move: float = 0.01
    over: str = "1m"
    average: int = 10
    loud: bool = False
    most: int | None = None


class BigJump(Jump):
    move: float = 0.05
    depth: int = 3


def test_parameters_have_defaults_and_can_be_changed_by_name():
    assert repr(Jump()) == "Jump(move=0.01, over='1m', average=10, loud=False, most=None)"
    assert Jump(move=0.5, most=3) == Jump(most=3, move=0.5)
    assert repr(BigJump(average=2)) == "BigJump(move=0.05, over='1m', average=2, loud=False, most=None, depth=3)"


def test_a_strategy_has_a_name_of_its_own():
    assert (Jump().name, BigJump().name, Jump(name="mine").name) == ("jump", "big_jump", "mine")
    assert "name='mine'" in repr(Jump(name="mine"))
    assert "name" not in repr(Jump(name="jump"))
    assert (snake_case("VWAPCross"), snake_case("Sma200Cross"), snake_case("X")) == ("vwap_cross", "sma200_cross", "x")


def test_parameters_are_frozen_and_hashable():
    with pytest.raises(BuildError, match=r"Jump.move cannot be changed; make another one: Jump\(move=1.0\)"):
        Jump().move = 1.0
    assert len({Jump(), Jump(), Jump(move=1)}) == 2


def test_parameters_are_given_by_name_only():
    with pytest.raises(ParameterError, match="by name"):
        Jump(0.5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"move": "0.5"}, "Jump.move = '0.5' is str; expected float"),
        ({"move": None}, "Jump.move = None is NoneType; expected float"),
        ({"move": True}, "Jump.move = True is bool; expected float"),
        ({"average": 2.0}, "Jump.average = 2.0 is float; expected int"),
        ({"average": True}, "Jump.average = True is bool; expected int"),
        ({"over": 60}, "Jump.over = 60 is int; expected str"),
        ({"loud": 1}, "Jump.loud = 1 is int; expected bool"),
        ({"most": "3"}, "Jump.most = '3' is str; expected int or None"),
    ],
)
def test_fault_73_a_parameter_of_the_wrong_type_is_refused(given, message):
    with pytest.raises(ParameterError, match=message) as raised:
        Jump(**given)
    assert raised.value.exit_code == 2


def test_a_whole_number_may_stand_for_a_float():
    made = Jump(move=1)
    assert (made.move, type(made.move)) == (1.0, float)
    assert hash(made) == hash(Jump(move=1.0))


def test_fault_73_an_unknown_parameter_is_named_with_the_nearest():
    with pytest.raises(UnknownName, match="no parameter of Jump named 'mvoe'; did you mean 'move'"):
        Jump(mvoe=1.0)
    with pytest.raises(UnknownName, match="no parameter of Jump named 'depth'"):
        Jump(depth=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ({"move": "0.02"}, Jump(move=0.02)),
        ({"move": "1e-3", "average": "7"}, Jump(move=1e-3, average=7)),
        ({"over": "5m"}, Jump(over="5m")),
        ({"loud": "true"}, Jump(loud=True)),
        ({"loud": "No"}, Jump(loud=False)),
        ({"most": "4"}, Jump(most=4)),
        ({"name": "mine"}, Jump(name="mine")),
        ({}, Jump()),
    ],
)
def test_parameters_can_be_written_as_text(text, expected):
    assert Jump.from_text(text) == expected


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ({"move": "much"}, ParameterError, "Jump.move = 'much'; expected a number such as 0.02"),
        ({"average": "2.5"}, ParameterError, "Jump.average = '2.5'; expected a whole number"),
        ({"loud": "maybe"}, ParameterError, "Jump.loud = 'maybe'; expected true or false"),
        ({"mvoe": "1"}, UnknownName, "did you mean 'move'"),
    ],
)
def test_fault_73_text_that_is_no_parameter_is_refused(text, error, message):
    with pytest.raises(error, match=message):
        Jump.from_text(text)


def test_a_parameter_without_a_type_is_refused_where_the_class_is_made():
    with pytest.raises(BuildError, match=r"Untyped.move has no type, and would be ignored: write `move: float = 0.5`"):

        class Untyped(Strategy):
            move = 0.5


def test_a_changed_default_keeps_the_type_that_it_inherits():
    class Bold(Jump):
        average: int = 3

    assert Bold().average == 3
    assert Bold.parameters()["move"] is float


def test_constants_and_private_names_are_no_parameters():
    class Market(Strategy):
        scope = "market"
        _cache = 3

        def alerts(self, ticks):
            return []

    assert list(Market.parameters()) == ["name"]
    assert (Market().scope, Jump().scope) == ("market", "symbol")


def test_a_strategy_that_says_nothing_is_refused():
    with pytest.raises(BuildError, match="Jump does not say when to alert"):
        Jump().alerts(None)


def test_an_inherited_parameter_is_not_changed_without_its_type():
    with pytest.raises(BuildError, match=r"Bold.average has no type, and would be ignored: write `average: int = 3`"):

        class Bold(Jump):
            average = 3


def test_a_parameter_without_a_default_must_be_given():
    class Of(Strategy):
        symbol: str

    assert Of(symbol="SPY").symbol == "SPY"
    with pytest.raises(ParameterError, match=r"Of.symbol has no default: write Of\(symbol=...\); expected text"):
        Of()
    with pytest.raises(ParameterError, match=r"one.symbol has no default: give it with --set one.symbol=...; expected text"):
        Of.from_text({}, "one")


def test_a_strategy_has_no_init_of_its_own():
    with pytest.raises(BuildError, match="Own defines __init__: parameters are annotations of the class"):

        class Own(Strategy):
            def __init__(self):
                self.count = 0


def test_a_strategy_remembers_nothing():
    class Counts(Strategy):
        def alerts(self, ticks):
            self.count = 1

    with pytest.raises(BuildError, match=r"self.count = ... in Counts: a strategy is frozen parameters and remembers nothing"):
        Counts().alerts(None)


def test_a_default_that_can_change_is_refused():
    with pytest.raises(BuildError, match="a tuple, not a list or dict"):

        class Lists(Strategy):
            symbols: list = []  # noqa: RUF012


def test_alerts_takes_the_tape():
    with pytest.raises(BuildError, match=r"write it as `def alerts\(self, ticks\):`"):

        class Short(Strategy):
            def alerts(self):
                return []


def test_a_scope_is_symbol_or_market():
    with pytest.raises(UnknownName, match="did you mean 'market'"):

        class Wide(Strategy):
            scope = "markt"


def test_parameters_may_be_looked_at_when_a_strategy_is_made():
    class Ordered(Strategy):
        fast: int = 5
        slow: int = 20

        def __post_init__(self):
            if self.fast >= self.slow:
                raise ParameterError(f"fast = {self.fast} is not below slow = {self.slow}")

    assert Ordered(fast=6).name == "ordered"
    with pytest.raises(ParameterError, match="fast = 30 is not below slow = 20"):
        Ordered(fast=30)


def test_strategies_can_be_pickled():
    assert pickle.loads(pickle.dumps(Jump(move=0.5))) == Jump(move=0.5)
