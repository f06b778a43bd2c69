"""Property tests try 25 inputs each, or 100 with HYPOTHESIS_PROFILE=thorough, as CI does, unless they say how many.

No test runs on Rx's default schedulers or on timers: what an alert depends on is the time of the tape alone."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import settings
from reactivex.scheduler import TimeoutScheduler

ROOT = Path(__file__).parents[1]

settings.register_profile("quick", max_examples=25)
settings.register_profile("thorough", max_examples=100)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(autouse=True)
def no_wall_clock(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a default scheduler or a timer was used")

    monkeypatch.setattr(TimeoutScheduler, "singleton", refuse)
    monkeypatch.setattr(threading, "Timer", refuse)
