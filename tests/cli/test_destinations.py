"""No run writes over what it reads, nor twice to one file: refused with exit code 2 before anything starts, by any of its names."""

import os
from pathlib import Path

import pytest
from cli_folder import filled, problems, rxtape


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(filled(tmp_path))
    os.rename("ticks.csv", "ticks.svg")
    return tmp_path


LINKS = pytest.mark.parametrize("link", [os.link, os.symlink, None], ids=["hard link", "link", "itself"])


def called(name: str, link) -> str:
    """Another name of a file, or its own."""
    if link is None:
        return name
    link(name, "other.svg")
    return "other.svg"


def unchanged(*arguments: str) -> str:
    """What a refused run says is wrong; the input is as it was, and no alert has been written."""
    before = Path("ticks.svg").read_bytes()
    *_, said = problems(rxtape("replay", "ticks.svg", "-s", "mine.py", *arguments))
    assert Path("ticks.svg").read_bytes() == before
    assert all(path.stat().st_size == 0 for path in Path().glob("alerts*"))
    return said


@LINKS
def test_a_picture_takes_no_place_of_the_input_an_output_or_the_quarantine_file(folder, link):
    assert "the feed and the picture are the same file" in unchanged("--plot", called("ticks.svg", link))
    Path("alerts.svg").touch()
    picture = "alerts.svg"
    if link is not None:
        picture = "picture.svg"
        link("alerts.svg", picture)
    assert "the picture and jsonl:alerts.svg are the same file" in unchanged("-o", "jsonl:alerts.svg", "--plot", picture)
    aside = unchanged("--on-bad", "skip", "--quarantine", "alerts.svg", "--plot", picture)
    assert "the quarantine file and the picture are the same file" in aside


@LINKS
def test_neither_an_output_nor_the_quarantine_file_takes_the_place_of_the_input(folder, link):
    name = called("ticks.svg", link)
    for scheme in ("jsonl", "csv"):
        assert f"the feed and {scheme}:{name} are the same file" in unchanged("-o", f"{scheme}:{name}")
    assert "the feed and the quarantine file are the same file" in unchanged("--on-bad", "skip", "--quarantine", name)
    if link is not None:
        assert "is named twice" in unchanged(name)


def test_a_picture_where_nothing_is_yet_is_no_output_either(folder):
    assert "the picture and csv:new.svg are the same file" in unchanged("-o", "csv:new.svg", "--plot", "new.svg")
