"""Turns that cannot be had: what is said, instead of what the database raises."""

import sqlite3

import pytest

from pipeline.alerts import Alert
from pipeline.errors import IncidentsError
from pipeline.incidents import IncidentDesk, Incidents, turns


@pytest.fixture
def incidents(tmp_path):
    with Incidents(tmp_path / "i.db") as made:
        yield made


def refused(incidents):
    with pytest.raises(IncidentsError) as refusal:
        IncidentDesk(incidents).take([Alert("SPY", 0, id="a")])
    assert incidents.all() == []
    return str(refusal.value)


def test_a_file_beside_it_that_cannot_be_opened_is_named(incidents, tmp_path):
    (tmp_path / "i.db-turns").unlink(missing_ok=True)
    (tmp_path / "i.db-turns").mkdir()  # as in a folder that may not be written
    said = refused(incidents)
    assert said.startswith(
        f"{tmp_path}/i.db cannot be written: {tmp_path}/i.db-turns, an empty database by which those who write take turns"
    )
    assert "unable to open database file" in said
    assert "name another file" in said


def test_a_file_beside_it_that_is_no_database_is_named(incidents, tmp_path):
    (tmp_path / "i.db-turns").write_text("a text that is longer than the header of a database " * 20)
    assert "i.db-turns, an empty database by which those who write take turns, cannot be locked: file is not a database" in refused(
        incidents
    )


def test_a_file_that_others_hold_is_named(incidents, tmp_path, monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE", 0.01)
    other = sqlite3.connect(tmp_path / "i.db-turns", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert refused(incidents) == f"{tmp_path}/i.db was in use by others for 0.01 s: database is locked; try again"
    other.close()


def test_a_file_that_cannot_be_opened_is_not_called_something_else(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(IncidentsError, match=r"folder cannot be opened: unable to open database file; .* its folder may be written"):
        Incidents(tmp_path / "folder")


def test_what_the_database_raises_in_a_turn_is_told_plainly(incidents, tmp_path, monkeypatch):
    def locked(*arguments, **how):
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(incidents.recorder, "select_notifications", locked)
    with pytest.raises(IncidentsError, match=r"i\.db cannot be .*: database is locked; try again if others use it"):
        IncidentDesk(incidents).take([Alert("SPY", 0, id="a")])
    with pytest.raises(IncidentsError, match=r"i\.db cannot be read: database is locked"):
        incidents.current()
