"""Journals of every release are read by this one, and say what they said."""

import json
import shutil
from pathlib import Path

import pytest
from golden import said, write
from journals import said as told

from pipeline.journal import Journal
from pipeline.journal.frames import FORMAT, SegmentHead

FORMATS = {"0.0": 1, "0.1": 2}  # 0.0 was written before the first release
GOLDEN = sorted((Path(__file__).parent / "golden").iterdir())


@pytest.mark.parametrize("release", GOLDEN, ids=lambda path: path.name)
def test_fault_16_a_journal_of_an_older_release_says_what_it_said_and_goes_on(release, tmp_path):
    folder = tmp_path / "journal"
    shutil.copytree(release, folder)
    assert set(formats(folder)) == {FORMATS[release.name]}
    agrees(expected_of(release), said(folder))
    with Journal.open(folder) as journal:
        end = journal.end
        assert journal.append(told(1)) == end + 1
    assert formats(folder)[-1] == FORMAT
    with Journal.open(folder) as journal:
        assert [frame.seq for frame in journal.read()] == list(range(1, end + 2))


def formats(folder: Path) -> list[int]:
    """Of each segment."""
    return [SegmentHead.unpack(path.read_bytes(), path).version for path in sorted(folder.glob("*.log"))]


def expected_of(release: Path) -> dict:
    return json.loads((release / "said.json").read_text())


def agrees(expected: object, found: object, where: str = "journal") -> None:
    """All that was said is said still; a later release may say more."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            agrees(value, found[key], f"{where}.{key}")
    elif isinstance(expected, list) and len(expected) == len(found):
        for place, value in enumerate(expected):
            agrees(value, found[place], f"{where}[{place}]")
    else:
        assert json.loads(json.dumps(found)) == expected, where


def test_there_is_one_of_this_release_and_it_is_small():
    assert [path.name for path in GOLDEN][-1] == "0.1"
    assert sum(file.stat().st_size for folder in GOLDEN for file in folder.iterdir()) < 100_000


def test_what_this_release_writes_says_what_its_golden_journal_says(tmp_path):
    write(tmp_path / "now")
    expected, found = expected_of(GOLDEN[-1]), said(tmp_path / "now")
    for each in (expected, found):
        del each["snapshot"]["stages"]  # how an operator keeps its state may change, and then its old states are refused by version
    agrees(expected, found)
