"""The read model: whenever it follows, and in whatever pieces, it is what all that was recorded comes to."""

import sqlite3

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tries import tries

from pipeline.alerts import CLEARED, Alert
from pipeline.errors import IncidentsDamaged
from pipeline.incidents import Incident, IncidentDesk, Incidents, register
from pipeline.incidents.incident import Heard
from pipeline.incidents.storms import Recent

SECOND = 1_000_000_000
KINDS = st.lists(st.integers(0, 7), min_size=1, max_size=16)


def filled(incidents, kinds):
    """Alerts, clearings and acts, by a number each, in a log that nothing follows meanwhile; the desk that took them."""
    desk = IncidentDesk(incidents, storm=2)
    for number, kind in enumerate(kinds):
        time = (number - 9 * (kind == 3)) * 10 * SECOND  # a run that begins anew, now and then
        event = CLEARED if kind < 2 else "raised"
        desk.take([Alert(f"X{kind % 2}", time, event=event, strategy=f"s{kind == 7}", id=str(number))])
        last = incidents.all()[-1:]
        if kind > 5 and last and not last[0].is_over:
            Incident.resolve(last[0], 1, by="ada") if kind == 6 else Incident.snooze(last[0], 1, by="ada", until=9)
            incidents.record(last)
    desk.take([])
    return desk


@example(kinds=[3] * 3, cuts=[1])  # a storm of the first minute of all
@example(kinds=[2] * 7, cuts=[3])  # the first is a minute before the last
@given(kinds=KINDS, cuts=st.lists(st.integers(1, 9), min_size=1, max_size=5))
@settings(max_examples=tries(40), deadline=None)
def test_it_is_the_log_in_any_cuts(kinds, cuts):
    # at a time at which no storm is over by the clock alone, of which the log says nothing
    env, early = {"PERSISTENCE_MODULE": "eventsourcing.popo"}, -100 * SECOND
    with pytest.MonkeyPatch.context() as patch, Incidents(env=env, clock=lambda: early) as incidents:
        desk = filled(incidents, kinds)
        incidents._now.take([], anew=True)
        for cut in cuts:
            incidents._now.take(list(incidents.recorded())[: incidents._now.place() + cut])  # with what it has already
        patch.setattr(register, "SECTION", cuts[0])
        followed, for_a_desk = incidents.current(resolved=True), incidents.follow().for_a_desk()
        assert followed == incidents.all()
        assert incidents.current() == [each for each in followed if each.state != "resolved"]
        assert known(for_a_desk) == (desk._position, desk._firing, times(desk._recent)) == (desk._position, *by_hand(incidents))
        incidents.rebuild()
        assert (incidents.current(resolved=True), incidents.follow().for_a_desk()) == (followed, for_a_desk)


def by_hand(incidents):
    """What fires, and what is recent, read from the log by the rules of the desk alone."""
    newest, recent = {incident.key: incident for incident in incidents.all()}, Recent(limit=2)
    for _, event in incidents.recorded():
        if isinstance(event, Heard) and event.event != CLEARED:
            recent.note(event.strategy, event.time)
    return {key: last.id for key, last in newest.items() if last.cleared_at is None}, times(recent)


def known(for_a_desk):
    place, firing, recent = for_a_desk
    return place, firing, sorted(recent)


def times(recent):
    return sorted((strategy, time) for strategy in recent for time in recent._times[strategy])


def test_a_list_reads_what_it_shows(tmp_path, monkeypatch):
    with Incidents(tmp_path / "i.db") as incidents:
        IncidentDesk(incidents, storm=999).take([Alert(f"X{i}", i, strategy="s", id=str(i)) for i in range(50)])
        for incident in incidents.current()[1:]:
            incidents.act(incident.id.hex, Incident.resolve, by="ada")
    with Incidents(tmp_path / "i.db") as incidents:
        read = []
        to_domain_event = incidents.mapper.to_domain_event
        monkeypatch.setattr(incidents.mapper, "to_domain_event", lambda stored: read.append(stored) or to_domain_event(stored))
        incidents.follow()
        read.clear()
        assert [each.symbol for each in incidents.current()] == ["X0"]
        assert incidents.find(incidents.current()[0].name) == incidents.current()[0].id
        IncidentDesk(incidents).take([])
        assert read == []


def test_it_is_followed_now_and_then_while_a_run_records(tmp_path, monkeypatch):
    monkeypatch.setattr(register, "SECTION", 10)
    with Incidents(tmp_path / "i.db") as incidents:
        desk = IncidentDesk(incidents, storm=999)
        for i in range(20):
            desk.take([Alert(f"X{i}", i, strategy="s", id=str(i))])
        assert incidents._now.place() == 40


def test_a_file_of_before_is_read_once(tmp_path):
    with Incidents(tmp_path / "i.db") as incidents:
        IncidentDesk(incidents).take([Alert("SPY", 0, strategy="s", id="a")])
        before = incidents.all()
    with sqlite3.connect(tmp_path / "i.db") as db:
        for table in ("incidents_now", "alerts_of_late", "tracking"):
            db.execute(f"DROP TABLE {table}")
    db.close()
    with Incidents(tmp_path / "i.db") as incidents:
        assert incidents.current() == before


def test_making_it_anew_checks_every_event(tmp_path):
    with Incidents(tmp_path / "i.db") as incidents:
        IncidentDesk(incidents).take([Alert("SPY", 0, strategy="s", id="a", message="SPY moves")])
        incidents.follow()
        with sqlite3.connect(tmp_path / "i.db") as db:
            db.execute("UPDATE stored_events SET state = replace(state, 'moves', 'sleeps') WHERE topic LIKE '%Raised'")
        db.close()
        with pytest.raises(IncidentsDamaged):
            incidents.rebuild()


def test_the_command_checks_every_event_and_makes_lists_anew(tmp_path):
    from cli_folder import rxtape

    file = tmp_path / "i.db"
    with Incidents(file) as incidents:
        IncidentDesk(incidents).take([Alert("SPY", 0, strategy="s", id="a", message="SPY moves")])
        name = incidents.current()[0].name
    with sqlite3.connect(file) as db:
        db.execute("UPDATE incidents_now SET message = 'nonsense'")
    db.close()
    assert rxtape("incidents", "check", "--incidents", str(file)).stdout == f"{file}  1 incidents, all as they were written\n"
    assert rxtape("incidents", "list", "--incidents", str(file)).stdout.endswith("s rule SPY  SPY moves\n")
    with sqlite3.connect(file) as db:
        db.execute("UPDATE stored_events SET state = replace(state, 'moves', 'sleeps') WHERE topic LIKE '%Raised'")
    db.close()
    done = rxtape("incidents", "check", "--incidents", str(file))
    assert (done.exit_code, done.stderr[:46]) == (3, f"rxtape: the history of {name} is damaged at event 1"[:46])
    assert rxtape("incidents", "list", "--incidents", str(file)).stdout.endswith("s rule SPY  SPY moves\n")  # as it was taken in
