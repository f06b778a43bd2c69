"""Incidents against a plain model: whatever people and the pipeline do, in any order, over restarts and deliveries that come twice."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tries import tries

from pipeline.alerts import CLEARED, RAISED, Alert
from pipeline.errors import IncidentRefused
from pipeline.incidents import Incident, IncidentDesk, Incidents, register

SYMBOLS = ["SPY", "IBM"]
SECOND = 1_000_000_000


class Life(RuleBasedStateMachine):
    """The model: a dict an incident, judged by the table of `pipeline.incidents.incident`."""

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.often = pytest.MonkeyPatch()
        self.often.setattr(register, "SNAPSHOT_EVENTS", 2)
        self.now, self.sent, self.model, self.firing = 0, [], [], {}
        self.open()

    def open(self):
        self.incidents = Incidents(Path(self.folder.name) / "i.db", clock=lambda: self.now)
        self.desk = IncidentDesk(self.incidents, storm=10_000)

    def teardown(self):
        self.incidents.close()
        self.folder.cleanup()
        self.often.undo()

    @rule(events=st.lists(st.tuples(st.sampled_from(SYMBOLS), st.sampled_from([RAISED, CLEARED])), min_size=1, max_size=4))
    def deliver(self, events):
        alerts = []
        for symbol, event in events:
            self.now += SECOND
            alerts.append(Alert(symbol, self.now, event=event, strategy="s", id=f"{len(self.sent) + len(alerts)}"))
            self.expect(symbol, event)
        assert self.desk.take(alerts) == len(alerts)
        self.sent += alerts

    def expect(self, symbol, event):
        known = self.firing.get(symbol)
        if event == CLEARED:
            if known is not None:
                known["cleared"] = True
                del self.firing[symbol]
        elif known is not None and not known["resolved"]:
            known["count"] += 1
        else:
            made = {"symbol": symbol, "count": 1, "by": "", "level": 0, "until": 0, "cleared": False, "resolved": False}
            self.firing[symbol] = made
            self.model.append(made)

    @rule(count=st.integers(1, 5))
    def deliver_again(self, count):
        assert self.desk.take(self.sent[-count:]) == 0

    @rule()
    def restart(self):
        self.incidents.close()
        self.open()

    @rule(which=st.integers(0, 9), act=st.sampled_from(["acknowledge", "snooze", "escalate", "resolve", "reopen"]), late=st.booleans())
    def act(self, which, act, late):
        if not self.model:
            return
        which %= len(self.model)
        self.now += SECOND
        known, until = self.model[which], self.now + (0 if late else SECOND)
        how = {"by": "ada"} | ({"until": until} if act == "snooze" else {})
        name = self.incidents.all()[which].id.hex
        if self.may(known, act, late):
            self.incidents.act(name, getattr(Incident, act), **how)
            self.change(known, act, until)
        else:
            with pytest.raises(IncidentRefused):
                self.incidents.act(name, getattr(Incident, act), **how)

    def may(self, known, act, late):
        over = known["cleared"] or known["resolved"]
        newest = [other for other in self.model if other["symbol"] == known["symbol"]][-1]
        return {
            "acknowledge": not known["resolved"] and not known["by"],
            "snooze": not over and not late,
            "escalate": not over,
            "resolve": not known["resolved"],
            "reopen": known["resolved"] and known is newest,
        }[act]

    def change(self, known, act, until):
        if act == "acknowledge":
            known["by"] = "ada"
        elif act == "snooze":
            known["until"] = until
        elif act == "resolve":
            known["resolved"] = True
        else:
            known["level"] += act == "escalate"
            known["resolved"] &= act != "reopen"
            known["by"], known["until"] = "", 0

    @invariant()
    def register_is_as_the_model(self):
        if not hasattr(self, "model"):
            return
        found = [
            {
                "symbol": each.symbol, "count": each.count, "by": each.acknowledged_by, "level": each.level, "until": each.snoozed_until,
                "cleared": each.cleared_at is not None, "resolved": each.resolved_at is not None,
            }
            for each in self.incidents.all()
        ]  # fmt: skip
        assert found == self.model
        assert self.incidents.current(resolved=True) == self.incidents.all()


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=tries(30), stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
