"""No test runs on Rx's default schedulers or on timers: what an alert depends on is the time of the tape alone."""

import threading
from pathlib import Path

import pytest
from reactivex.scheduler import TimeoutScheduler

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def no_wall_clock(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a default scheduler or a timer was used")

    monkeypatch.setattr(TimeoutScheduler, "singleton", refuse)
    monkeypatch.setattr(threading, "Timer", refuse)
