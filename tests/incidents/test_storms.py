"""Storms: when they end, who hears of it, and what a list says of one that nothing has come after."""

import pytest

from pipeline.alerts import CLEARED, Alert
from pipeline.errors import UsageError
from pipeline.incidents import IncidentDesk, Incidents

SECOND = 1_000_000_000
MINUTE = 60 * SECOND


def storm(strategy="s"):
    """Eight alerts, a second each, of which five are no storm: the last at 7 s."""
    return [Alert(f"X{i}", i * SECOND, strategy=strategy, id=f"{strategy}{i}") for i in range(8)]


def other(time, event="raised"):
    return Alert("SPY", time, event=event, strategy="other", id=f"other {time} {event}")


@pytest.fixture
def incidents(tmp_path):
    with Incidents(tmp_path / "i.db", clock=lambda: 0) as made:
        yield made


def storms(incidents):
    return [(each.strategy, each.state, each.cleared_at) for each in incidents.all() if each.rule == "storm"]


@pytest.mark.parametrize("piece", [1, 100])
@pytest.mark.parametrize("event", ["raised", CLEARED])
def test_a_storm_ends_with_an_alert_of_another_strategy(incidents, event, piece):
    """
    time    0 1 2 3 4 5 6 7 s            63 s
    alerts  [---------------)             x    of another strategy: fewer than five in the minute before
    """
    alerts = [*storm(), other(63 * SECOND - 1, event), other(63 * SECOND, event)]
    for start in range(0, len(alerts), piece):
        with Incidents(incidents.path) as again:
            IncidentDesk(again, storm=5).take(alerts[start : start + piece])
    assert storms(incidents) == [("s", "cleared", 63 * SECOND)]
    heard = {event.alert: event.incident for _, event in incidents.recorded() if type(event).__name__ == "Heard"}
    assert heard[alerts[-1].id] == (incidents.all()[-1].id.hex if event == "raised" else "")


def test_a_run_of_earlier_data_ends_no_storm_of_another_strategy(incidents):
    IncidentDesk(incidents, storm=5).take([*storm(), other(-10 * MINUTE), other(7 * SECOND)])
    assert storms(incidents) == [("s", "open", None)]


def test_one_alert_ends_several_storms(incidents):
    IncidentDesk(incidents, storm=5).take([*storm("a"), *storm("b"), other(2 * MINUTE)])
    assert storms(incidents) == [("a", "cleared", 2 * MINUTE), ("b", "cleared", 2 * MINUTE)]


@pytest.mark.parametrize(("now", "state"), [(67 * SECOND - 1, "open"), (67 * SECOND, "cleared")])
def test_a_storm_that_ends_in_silence_is_seen_as_cleared(incidents, now, state):
    """Nothing is recorded, for a tape that goes on may yet bring an alert of that minute."""
    IncidentDesk(incidents, storm=5).take(storm())
    before = incidents.all()
    with Incidents(incidents.path, clock=lambda: now) as later:
        (seen,) = [each for each in later.current() if each.rule == "storm"]
        assert later.all() == before
    assert (seen.state, seen.cleared_at) == (state, 67 * SECOND if state == "cleared" else None)


def test_a_storm_goes_on_after_a_list(incidents):
    desk = IncidentDesk(incidents, storm=5)
    desk.take(storm()[:6])
    with Incidents(incidents.path) as years_later:
        assert years_later.current()[-1].state == "cleared"
    desk.take(storm())
    assert [each.count for each in incidents.all() if each.rule == "storm"] == [3]


def test_a_silent_storm_is_cleared_on_the_command_line_too(incidents):
    from cli_folder import rxtape

    IncidentDesk(incidents, storm=5).take(storm())
    name = next(each.name for each in incidents.all() if each.rule == "storm")
    for command in (["list"], ["show", name], ["ack", name, "--by", "ada"]):
        assert f"{name}  cleared" in rxtape("incidents", *command, "--incidents", incidents.path).stdout


def test_a_storm_of_nothing_is_refused(incidents):
    with pytest.raises(UsageError, match="the limit is at least 1"):
        IncidentDesk(incidents, storm=0)
