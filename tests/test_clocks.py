"""Nothing that decides an alert reads a clock, and Rx's own clocks are out of reach in the tests."""

import re
from pathlib import Path

import pytest
import reactivex
from reactivex import operators as ops

ROOT = Path(__file__).parents[1]
READS_A_CLOCK = re.compile(r"\btime\.time\(|datetime\.(now|utcnow)\(|date\.today\(|\bpickle\b")


@pytest.mark.parametrize("path", sorted((ROOT / "pipeline").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_library_reads_no_wall_clock(path):
    assert READS_A_CLOCK.findall(path.read_text()) == []


def test_a_default_scheduler_is_refused_in_the_tests():
    with pytest.raises(AssertionError, match="default scheduler"):
        reactivex.of(1).pipe(ops.debounce(0.1)).subscribe()
