"""A run into incidents that is killed and started again: the incidents are those of a run that was not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from runs import Above, Cut, ticks_of

from pipeline import run
from pipeline.incidents import Incidents
from pipeline.incidents.incident import Heard
from pipeline.sinks.incidents import IncidentSink

HERE = Path(__file__).parent
FOUND = os.pathsep.join(map(str, [HERE, HERE.parent, HERE.parents[1]]))
KILLED = """
import os, signal, sys
sys.path[:0] = sys.argv[1].split(os.pathsep)
from test_killed import went
from pipeline.sinks.incidents import IncidentSink

def one_by_one(self, alerts, write=IncidentSink.write):
    for alert in alerts:
        write(self, [alert])
        os.write(1, b".")
        if os.fstat(1).st_size == 40:
            os.kill(os.getpid(), signal.SIGKILL)

IncidentSink.write = one_by_one
went(sys.argv[2])
"""


def went(folder):
    """A run of 200 trades in pieces of ten."""
    return run(Cut(ticks_of(200), *range(10, 200, 10)), Above(), sinks=IncidentSink(f"{folder}/i.db", storm=5), journal=f"{folder}/journal")


def known(folder):
    """The incidents, and how many alerts they know."""
    with Incidents(folder / "i.db") as incidents:
        return incidents.all(), sum(isinstance(event, Heard) for _, event in incidents.recorded())


def test_incidents_after_a_kill_are_those_without_it(tmp_path):
    """Killed when 40 alerts are recorded, of which no cursor knows."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    told = len(went(whole).alerts)
    with (tmp_path / "dots").open("w+b") as dots:
        killed = subprocess.run([sys.executable, "-c", KILLED, FOUND, str(cut)], stdout=dots, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert known(cut)[1] == 40 < told
    went(cut)
    assert known(cut) == known(whole)
    assert known(cut)[1] == told
    assert {each.rule for each in known(cut)[0]} == {"rule", "storm"}
