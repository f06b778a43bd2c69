"""Frames as they came: written before they are read, read again as they were."""

import json
from contextlib import suppress

import pytest
from scripted_venue import START, ScriptedVenue, quote, trade

from feeds.files import file
from feeds.live import frame_feed, live, raw_frames
from feeds.live.frame_feed import frames
from feeds.live.raw_frames import FrameWriter, RecordedVenue
from feeds.live.wrapped import Elsewhere
from feeds.reading import Reading
from feeds.venues.json_mapping import json_fields
from feeds.venues.venue import BadFrame
from pipeline.errors import InputError, SinkError, UsageError


class JsonDecoder:
    def decode(self, frame):
        try:
            number, seconds, price = json.loads(frame)
        except (ValueError, TypeError) as error:
            raise BadFrame(str(error)) from error
        return [trade(number, seconds=seconds, price=price)]


class TalkingVenue(ScriptedVenue):
    def decoder(self):
        return JsonDecoder()


@pytest.fixture(autouse=True)
def acme(monkeypatch):
    monkeypatch.setattr(frame_feed, "load", lambda kind, name: TalkingVenue)


def recorded(folder, said, bytes_a_file=1 << 20):
    at = [START]
    venue = RecordedVenue(TalkingVenue(), folder, lambda: at[0])
    venue.streams(["A"], ["trades"])
    venue.writer._bytes_a_file = bytes_a_file
    decoders = [venue.decoder(), venue.decoder()]
    for place, frame in enumerate(said):
        at[0] = START + place * 10**9
        with suppress(BadFrame):
            decoders[place % 2].decode(frame)
    venue.close()
    return sorted(folder.iterdir())


def rows(path):
    feed = frames(path)
    found = [(n, t) for raw in feed.rows() for n, t in zip(raw.columns["trade_id"].tolist(), raw.columns["time"].tolist(), strict=True)]
    return found, feed.counts.refused


def test_what_was_said_comes_back_with_repeats_left_out_and_late_rows_in_order(tmp_path):
    (path,) = recorded(tmp_path, ["[1, 1, 10]", "[2, 2, 10]", "[2, 2, 10]", "nonsense", b"[3, 1.5, 10]"])
    assert rows(path) == ([(1, START + 10**9), (2, START + 2 * 10**9), (3, START + 2 * 10**9)], 1)


def test_files_are_bounded_and_each_can_be_read_alone(tmp_path):
    paths = recorded(tmp_path, [f"[{number}, {number}, 10]" for number in range(1, 40)], bytes_a_file=500)
    assert len(paths) > 2
    assert [number for path in paths for number, _ in rows(path)[0]] == list(range(1, 40))


def test_a_half_last_line_is_passed_over_and_one_in_the_middle_is_told(tmp_path):
    (path,) = recorded(tmp_path, ["[1, 1, 10]", "[2, 2, 10]"])
    data = path.read_bytes()
    path.write_bytes(data[:-5])
    assert [number for number, _ in rows(path)[0]] == [1]
    feed = frames(path)
    assert [len(raw) for raw in feed.rows()] == [1]
    assert feed.facts()[-1] == ("torn", f"the last line of {path} is cut, as by a crash, and was left out")
    path.write_bytes(data.replace(b'"at"', b'"xx"', 1))
    with pytest.raises(InputError, match=r":2 is no frame"):
        rows(path)


def test_what_is_no_file_of_frames_is_told(tmp_path):
    (tmp_path / "x.frames").write_text("time,price\n")
    with pytest.raises(InputError, match="is no file of frames"):
        frames(tmp_path / "x.frames")


def test_options_of_reading_have_no_place(tmp_path):
    with pytest.raises(UsageError, match="leave out the options"):
        frames(tmp_path / "x.frames", Reading(tz="UTC"))


def test_binary_frames_are_kept_as_they_are(tmp_path):
    writer = FrameWriter(tmp_path, "acme", ())
    writer.write(START, 1, b"\xff\x00")
    writer.close()
    (path,) = tmp_path.iterdir()
    assert [each.frame for each in frame_feed.lines_of(path, [])] == [b"\xff\x00"]


def test_text_is_kept_as_text_whatever_way_it_came(tmp_path):
    (path,) = recorded(tmp_path, [b"[1, 1, 10]", "[2, 2, 10]"])
    assert [json.loads(line).get("text") for line in path.read_text().splitlines()[1:]] == ["[1, 1, 10]", "[2, 2, 10]"]


def test_the_files_of_one_recording_are_read_as_one_and_those_of_two_are_not(tmp_path):
    said = [f"[{number}, {number}, 10]" for number in (*range(1, 20), *range(10, 30))]
    paths = recorded(tmp_path, said, bytes_a_file=700)
    assert len(paths) > 2
    feed = file(tmp_path)
    numbers = [number for raw in feed.rows() for number in raw.columns["trade_id"].tolist()]
    assert numbers == list(range(1, 30))
    assert feed.facts() == [("frames", "39 frames, 29 trades, 10 duplicates")]
    assert frames(paths[0]).with_next(frames(paths[2])) is None
    renamed = paths[1].rename(tmp_path / "other.frames")
    assert frames(paths[0]).with_next(frames(renamed)) is None


def test_no_quote_makes_way_where_nobody_waits(tmp_path):
    class QuoteDecoder:
        def decode(self, frame):
            return [quote(float(frame), seconds=float(frame) / 1000)]

    venue = RecordedVenue(TalkingVenue(), tmp_path, lambda: START)
    venue.streams(["A"], ["quotes"])
    decoder = venue.decoder()
    decoder.decoder = QuoteDecoder()
    for number in range(1, 20_001):
        decoder.decode(str(number))
    venue.close()
    feed = frames(next(tmp_path.iterdir()))
    feed.venue.decoder = QuoteDecoder
    assert [bid for raw in feed.rows() for bid in raw.columns["bid"].tolist()] == [float(number) for number in range(1, 20_001)]


def test_the_rows_before_a_damaged_line_are_there(tmp_path):
    (path,) = recorded(tmp_path, ["[1, 1, 10]", "nonsense", "[2, 2, 10]", "[3, 3, 10]"])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:4], b"###\n", *lines[4:]]))
    feed, found = frames(path), []

    def read():
        for raw in feed.rows():
            found.extend(raw.columns["trade_id"].tolist())

    with pytest.raises(InputError, match=r":5 is no frame"):
        read()
    assert found == [1, 2]
    assert feed.facts() == [("frames", "2 frames, 2 trades, 1 refused")]


def test_a_recording_goes_on_after_the_files_in_its_folder(tmp_path):
    """As a run does that goes on in its journal: what the venue repeats to it is known."""
    recorded(tmp_path, ["[1, 1, 10]", "[2, 2, 10]"])
    recorded(tmp_path, ["[2, 2, 10]", "[3, 3, 10]"])
    assert [path.stem[-4:] for path in sorted(tmp_path.iterdir())] == ["0001", "0002"]
    assert [number for raw in file(tmp_path).rows() for number in raw.columns["trade_id"].tolist()] == [1, 2, 3]


def test_a_file_that_never_began_is_none(tmp_path):
    recorded(tmp_path, ["[1, 1, 10]"])
    (tmp_path / "acme-20300101T000000Z-0002.frames").touch()
    assert [number for raw in file(tmp_path).rows() for number in raw.columns["trade_id"].tolist()] == [1]


def test_a_disk_that_is_full_at_the_beginning_leaves_no_file(tmp_path, monkeypatch):
    writer = FrameWriter(tmp_path, "acme", ())
    monkeypatch.setattr(raw_frames, "written", lambda file, data: full())

    def full():
        raise OSError(28, "No space left on device")

    with pytest.raises(SinkError, match="cannot be written: No space left"):
        writer.write(START, 1, "x")
    assert list(tmp_path.iterdir()) == []


def test_the_frames_of_a_venue_that_a_configuration_describes_say_how_they_are_read(tmp_path):
    table = {
        "url": "ws://host/?token=s3cret",
        "time_unit": "s",
        "trade": {"symbol": "s", "price": "p", "size": "q", "time": "T", "id": "i"},
    }
    venue = RecordedVenue(Elsewhere(json_fields("mine", table), "ws://127.0.0.1:1"), tmp_path, lambda: START)
    venue.streams(["A"], ["trades"])
    venue.decoder().decode(json.dumps({"s": "A", "p": "1.5", "q": 2, "T": START // 10**9, "i": 7}))
    venue.close()
    (path,) = tmp_path.iterdir()
    assert "s3cret" not in path.read_text()
    (raw,) = frames(path).rows()
    assert (raw.columns["price"].tolist(), raw.columns["trade_id"].tolist(), raw.columns["time"].tolist()) == ([1.5], [7], [START])


def test_fault_72_what_the_environment_filled_into_a_configuration_is_not_kept(tmp_path):
    trade_of = {"symbol": "s", "price": "p", "size": "q"}
    feed = live("mine:A", venues={"mine": {"url": "ws://host/", "trade": trade_of}}, secrets=["t0ken-of-the-environment"], raw=tmp_path)
    ((venue, _),) = feed.wanted
    venue.decoder().decode(json.dumps({"s": "A", "p": 1, "q": 1, "you": "t0ken-of-the-environment"}))
    venue.close()
    (path,) = tmp_path.iterdir()
    assert "***" in path.read_text()
    assert "t0ken" not in path.read_text()


def test_what_a_disk_takes_in_parts_is_written_whole():
    class Slow(list):
        def write(self, data):
            self.append(bytes(data[:3]))
            return len(self[-1])

    taken = Slow()
    assert raw_frames.written(taken, b"12345678") == 8
    assert b"".join(taken) == b"12345678"
