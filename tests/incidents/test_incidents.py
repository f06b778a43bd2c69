"""Incidents on a real file: what is written twice, changed behind our back, written by two, told and grouped."""

import json
import sqlite3
import subprocess
import sys

import pytest
from eventsourcing.persistence import RecordConflictError

from pipeline.alerts import CLEARED, Alert
from pipeline.broker import Broker
from pipeline.errors import IncidentRefused, IncidentsDamaged, IncidentsError, UsageError
from pipeline.incidents import Incident, IncidentDesk, Incidents, register
from pipeline.sinks.incidents import IncidentSink

SECOND = 1_000_000_000
MINUTE = 60 * SECOND


def alert(number, time=0, symbol="SPY", event="raised", strategy="s"):
    return Alert(symbol, time, event=event, strategy=strategy, id=f"a{number}", message=f"{symbol} moves")


@pytest.fixture
def incidents(tmp_path):
    with Incidents(tmp_path / "i.db", clock=lambda: 5 * SECOND) as made:
        yield made


def again(incidents, **how):
    """A second register on the same file."""
    return Incidents(incidents.path, **how)


def states(incidents):
    return [(each.symbol, each.state, each.count) for each in incidents.all()]


def test_a_delivery_that_comes_again_after_a_crash_changes_nothing(incidents):
    alerts = [alert(1), alert(2, 1, "IBM"), alert(3, 2, event=CLEARED), alert(4, 3)]
    assert IncidentDesk(incidents).take(alerts[:3]) == 3
    with again(incidents) as other:
        assert IncidentDesk(other).take(alerts) == 1
    assert states(incidents) == [("SPY", "cleared", 1), ("IBM", "open", 1), ("SPY", "open", 1)]


def test_a_write_that_fails_records_nothing_of_it(incidents, monkeypatch):
    desk = IncidentDesk(incidents)
    insert = incidents.recorder._insert_events

    def full(*arguments, **how):
        insert(*arguments, **how)
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(incidents.recorder, "_insert_events", full)
    with pytest.raises(IncidentsError, match=r"cannot be written: .*disk is full; nothing of it was recorded"):
        desk.take([alert(1), alert(2, symbol="IBM")])
    monkeypatch.undo()
    assert states(incidents) == []
    assert desk.take([alert(1)]) == 1
    assert states(incidents) == [("SPY", "open", 1)]


def test_of_two_who_write_at_once_the_second_is_refused_by_rule(incidents, monkeypatch):
    IncidentDesk(incidents).take([alert(1)])
    name = incidents.all()[0].name
    load = incidents.load
    with again(incidents, clock=lambda: SECOND) as other:

        def quicker(owner):
            found = load(owner)
            monkeypatch.undo()
            theirs = other.load(owner)  # not by `act`, which would wait for its turn
            theirs.acknowledge(SECOND, by="bob")
            other.record([theirs])
            return found

        monkeypatch.setattr(incidents, "load", quicker)
        with pytest.raises(IncidentRefused, match="bob did so at 1970-01-01T00:00:01Z"):
            incidents.act(name, Incident.acknowledge, by="ada")
    assert incidents.all()[0].acknowledged_by == "bob"


def test_stale_incidents_are_not_recorded(incidents):
    IncidentDesk(incidents).take([alert(1)])
    owner = incidents.all()[0].id
    first, second = incidents.load(owner), incidents.load(owner)
    first.resolve(1, "ada")
    second.acknowledge(1, "bob")
    incidents.record([first])
    with pytest.raises(RecordConflictError):
        incidents.record([second])


def test_the_pipeline_tries_again_when_somebody_was_quicker(incidents, monkeypatch):
    desk = IncidentDesk(incidents)
    desk.take([alert(1)])
    record = incidents.record
    with again(incidents) as other:

        def late(*what):
            monkeypatch.undo()
            quicker = other.all()[0]  # by another way than `act`, which would wait for its turn
            quicker.acknowledge(1, by="bob")
            other.record([quicker])
            return record(*what)

        monkeypatch.setattr(incidents, "record", late)
        assert desk.take([alert(2, 1)]) == 1
    assert [(each.acknowledged_by, each.count) for each in incidents.all()] == [("bob", 2)]


def test_two_processes_on_one_file_lose_nothing(tmp_path):
    code = """
import sys
from pipeline.alerts import Alert
from pipeline.incidents import IncidentDesk, Incidents
with Incidents(sys.argv[1]) as incidents:
    desk = IncidentDesk(incidents, storm=10_000)
    for i in range(40):
        desk.take([Alert("SPY", i, strategy="s", id=f"{sys.argv[2]}{i}")])
"""
    Incidents(tmp_path / "i.db").close()
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "i.db"), name]) for name in "ab"]
    assert [process.wait(60) for process in both] == [0, 0]
    with Incidents(tmp_path / "i.db") as incidents:
        assert states(incidents) == [("SPY", "open", 80)]


def change(incidents, table, pick, edit):
    """Change a row behind our back."""
    with sqlite3.connect(incidents.path) as db:
        rows = db.execute(f"SELECT originator_id, originator_version, state FROM {table} ORDER BY originator_version").fetchall()
        owner, version, state = [row for row in rows if pick in row[2].decode()][-1]
        place = "WHERE originator_id = ? AND originator_version = ?"
        db.execute(f"UPDATE {table} SET state = ? {place}", (edit(state.decode()).encode(), owner, version))
    db.close()


@pytest.fixture
def history(incidents, monkeypatch):
    """An incident with a history of five events and two snapshots."""
    monkeypatch.setattr(register, "SNAPSHOT_EVENTS", 2)
    IncidentDesk(incidents).take([alert(1)])
    owner = incidents.all()[0].id
    for act in (Incident.acknowledge, Incident.escalate, Incident.acknowledge, Incident.resolve):
        incidents.act(owner.hex, act, by="ada")
    return owner


@pytest.mark.parametrize(
    "edit", [lambda text: text.replace('"level":1', '"level":9'), lambda text: text.replace('"chain":"', '"chain":"0')]
)
def test_a_changed_snapshot_is_passed_over_for_an_older_one_and_the_history(incidents, history, edit):
    before = incidents.load(history)
    assert incidents.passed_over == 0
    change(incidents, "stored_snapshots", "ada", edit)
    assert incidents.load(history) == before
    assert incidents.passed_over == 1


def test_a_snapshot_of_another_history_is_passed_over(incidents, history):
    before, snapshot = incidents.load(history), Incident.Snapshot.take(Incident.raise_(alert(1).completed(message="another")))
    incidents.snapshots.put([snapshot])
    with sqlite3.connect(incidents.path) as db:
        db.execute("DELETE FROM stored_snapshots WHERE originator_version > 1")
    db.close()
    assert incidents.load(history) == before
    assert incidents.passed_over == 1


@pytest.mark.parametrize(
    ("pick", "edit"),
    [
        ("SPY moves", lambda text: text.replace("moves", "sleeps")),
        ('"by":"ada"', lambda text: text.replace("ada", "bob")),
        ('"by":"ada"', lambda text: text.replace("1970", "1971")),
        ('"by":"ada"', lambda text: text[:-3]),
        ('"by":"ada"', lambda text: "{}"),
    ],
)
def test_a_changed_event_is_refused_by_name(incidents, history, pick, edit):
    change(incidents, "stored_events", pick, edit)
    with pytest.raises(IncidentsDamaged, match=f"the history of {history.hex[:8]} is damaged at event "):
        incidents.load(history)


def test_an_event_that_was_taken_out_is_noticed(incidents, history):
    with sqlite3.connect(incidents.path) as db:
        db.execute("DELETE FROM stored_events WHERE originator_version = 3")
    db.close()
    with pytest.raises(IncidentsDamaged, match="damaged at event 4"):
        incidents.load(history)


def test_fault_72_a_database_that_names_code_does_not_run_it(incidents, history):
    with sqlite3.connect(incidents.path) as db:
        db.execute("UPDATE stored_events SET topic = 'antigravity:geohash' WHERE originator_version = 2")
    db.close()
    with pytest.raises(IncidentsDamaged, match="'antigravity:geohash' is no event of an incident"):
        incidents.all()
    assert "antigravity" not in sys.modules


def test_fault_72_an_event_that_names_another_class_is_refused(incidents, history):
    change(incidents, "stored_events", "SPY moves", lambda text: text.replace("incident:Incident", "antigravity:geohash"))
    with pytest.raises(IncidentsDamaged, match="antigravity"):
        incidents.load(history)


def test_a_snoozed_incident_is_recorded_and_tells_nobody(tmp_path):
    heard = []
    with Broker() as broker, Incidents(tmp_path / "i.db", broker=broker, clock=lambda: 1) as incidents:
        broker.subscribe("incidents.*.s", heard.append)
        desk = IncidentDesk(incidents)
        desk.take([alert(1)])
        incidents.act(incidents.all()[0].name, Incident.snooze, by="ada", until=10)
        desk.take([alert(2, 9)])
        desk.take([alert(3, 10), alert(4, 11, event=CLEARED)])
    assert [(news.event, news.time) for news in heard] == [("raised", 0), ("snoozed", 1), ("repeated", 10), ("cleared", 11)]
    assert heard[-1].incident["count"] == 3


def storm(count, start=0, first=0):
    return [alert(first + i, start + i * SECOND, f"X{first + i}") for i in range(count)]


@pytest.mark.parametrize("piece", [1, 3, 100])
def test_a_storm_is_one_incident_with_a_count_and_ends(tmp_path, piece):
    """Also in pieces, each in a new process as it were."""
    alerts = [*storm(8), *storm(2, 2 * MINUTE, 8)]
    for start in range(0, len(alerts), piece):
        with Incidents(tmp_path / "i.db") as incidents:
            IncidentDesk(incidents, storm=5).take(alerts[start : start + piece])
    with Incidents(tmp_path / "i.db") as incidents:
        found = [(each.rule, each.symbol, each.state, each.count) for each in incidents.all()]
        heard = [event.alert for _, event in incidents.recorded() if type(event).__name__ == "Heard"]
    first = [("rule", f"X{i}", "open", 1) for i in range(5)]
    assert found == [*first, ("storm", "*", "cleared", 3), ("rule", "X8", "open", 1), ("rule", "X9", "open", 1)]
    assert heard == [each.id for each in alerts]


def test_alerts_of_exactly_the_limit_are_no_storm(tmp_path):
    with Incidents(tmp_path / "i.db") as incidents:
        IncidentDesk(incidents, storm=5).take([*storm(5), *storm(5, MINUTE, 5)])
        assert {each.rule for each in incidents.all()} == {"rule"}


def test_files_that_are_something_else_are_refused_and_left_alone(tmp_path):
    (tmp_path / "text").write_text("no database, but some text that is longer than a header of one " * 20)
    with pytest.raises(IncidentsError, match="is no file of incidents"):
        Incidents(tmp_path / "text")
    with sqlite3.connect(tmp_path / "other.db") as db:
        db.execute("CREATE TABLE alerts (id)")
    db.close()
    with pytest.raises(IncidentsError, match=r"a database of something else \(tables: alerts\)"):
        Incidents(tmp_path / "other.db")
    with pytest.raises(IncidentsError, match="make the folder first"):
        IncidentSink(tmp_path / "none" / "i.db")
    with pytest.raises(UsageError, match="names no file"):
        IncidentSink("")


def test_an_alert_without_id_is_refused(incidents):
    with pytest.raises(IncidentsError, match=r"has no id, .* give it one"):
        IncidentDesk(incidents).take([Alert("SPY", 0)])


def test_json_of_the_command_is_what_the_register_has(incidents):
    from cli_folder import problems, rxtape

    IncidentDesk(incidents).take([alert(1), alert(2, symbol="IBM")])
    where = ("--incidents", incidents.path)
    name = incidents.all()[0].name
    assert json.loads(rxtape("incidents", "ack", name[:6], "--by", "ada", "--json", *where).stdout)["acknowledged_by"] == "ada"
    (refused,) = problems(rxtape("incidents", "ack", name, "--by", "bob", *where))
    assert refused.startswith(f"incident {name} cannot be acknowledged: ada did so at ")
    assert [json.loads(line)["state"] for line in rxtape("incidents", "list", "--json", *where).stdout.splitlines()] == [
        "acknowledged",
        "open",
    ]
    shown = json.loads(rxtape("incidents", "show", name, "--json", *where).stdout)
    assert [event["event"] for event in shown["events"]] == ["raised", "acknowledged"]
    (missing,) = problems(rxtape("incidents", "show", "zz", *where))
    assert missing.startswith("no incident named 'zz'")
