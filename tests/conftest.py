"""Property tests try a tenth of what they would, or all with HYPOTHESIS_PROFILE=thorough, as in CI; see `tries`.

No test runs on Rx's default schedulers or on timers: what an alert depends on is the time of the tape alone."""

from pathlib import Path

import pytest
from hypothesis import settings
from reactivex.scheduler import TimeoutScheduler, timeoutscheduler
from tries import tries

ROOT = Path(__file__).parents[1]

settings.register_profile("as told", max_examples=tries(100))
settings.load_profile("as told")


@pytest.fixture(autouse=True)
def no_wall_clock(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a default scheduler or a timer was used")

    monkeypatch.setattr(TimeoutScheduler, "singleton", refuse)
    monkeypatch.setattr(timeoutscheduler, "Timer", refuse)
