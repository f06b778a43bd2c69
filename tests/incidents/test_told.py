"""Who hears of incidents: whoever has subscribed to them on the broker of the run; and what a snooze silences."""

import pytest
from runs import Above, ticks_of

from pipeline import run
from pipeline.alerts import Alert
from pipeline.broker import Broker
from pipeline.incidents import Incident, IncidentDesk, Incidents
from pipeline.sinks.incidents import IncidentSink
from pipeline.sinks.memory import MemorySink


@pytest.fixture
def heard():
    return []


@pytest.fixture
def broker(heard):
    with Broker() as made:
        made.subscribe("incidents.#", heard.append)
        yield made


@pytest.mark.parametrize("journal", [None, "journal"])
def test_a_sink_opened_by_its_url_tells_on_the_broker_of_the_run(tmp_path, broker, heard, journal):
    run(ticks_of(), Above(), sinks=f"incidents:{tmp_path}/i.db", broker=broker, journal=journal and tmp_path / journal)
    broker.close()
    with Incidents(tmp_path / "i.db") as incidents:
        raised = [each.id.hex for each in incidents.all()]
    assert [news.incident["id"] for news in heard if news.event == "raised"] == raised != []


def test_a_sink_with_a_broker_of_its_own_keeps_it(tmp_path, broker, heard):
    with Broker() as own:
        run(ticks_of(), Above(), sinks=IncidentSink(tmp_path / "i.db", broker=own), broker=broker)
    broker.close()
    assert heard == []


def test_a_snooze_silences_what_the_run_tells_of_the_incident_and_no_other_sink(tmp_path, broker, heard):
    ticks, memory = ticks_of(), MemorySink()
    run(ticks[:20], Above(), sinks=f"incidents:{tmp_path}/i.db")
    with Incidents(tmp_path / "i.db", clock=lambda: 0) as incidents:
        firing = next(each for each in incidents.current() if each.state == "open")
        incidents.act(firing.id.hex, Incident.snooze, by="ada", until=int(ticks.time[-1]) + 1)
    run(ticks, Above(), sinks=[f"incidents:{tmp_path}/i.db", memory], broker=broker)
    broker.close()
    with Incidents(tmp_path / "i.db") as incidents:
        assert incidents.load(firing.id).state == "cleared"
    assert heard
    assert [news for news in heard if news.incident["id"] == firing.id.hex] == []
    assert any(alert.symbol == firing.symbol and alert.event == "cleared" for alert in memory.alerts)


def test_a_snooze_by_another_process_silences_a_run_that_goes_on(tmp_path, broker, heard):
    def alert(time):
        return Alert("SPY", time, strategy="s", id=str(time))

    with Incidents(tmp_path / "i.db", broker=broker) as incidents, Incidents(tmp_path / "i.db", clock=lambda: 0) as other:
        desk = IncidentDesk(incidents)
        desk.take([alert(1)])
        other.act(other.current()[0].name, Incident.snooze, by="ada", until=3)
        desk.take([alert(2)])
        desk.take([alert(3)])
    broker.close()
    assert [(news.event, news.time, news.incident["count"]) for news in heard] == [("raised", 1, 1), ("repeated", 3, 3)]
