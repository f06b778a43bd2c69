"""Any bytes whatever give BadFrame or a list of what was said, and nothing that a tape could not take."""

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from venue_frames import NAMES, SENT

from feeds.venues.venue import BadFrame, Said

FRAMES = {sent.venue.name: [frame.encode() for frame in sent.frames] for sent in SENT}
VENUES = {sent.venue.name: sent.venue for sent in SENT}
SAID = Said.__args__
PIECES = [
    b'"', b"{", b"}", b"[", b"]", b":", b",", b"null", b"true", b"-1", b"0", b'""', b"1e400", b"NaN", b'"nan"', b'"inf"', b"-0.0", b'"1_0"',
    b"9" * 25, b"9" * 5000, b'"' + b"9" * 25 + b'"', b"\xff", b"\\ud800", b"\x00", b"[" * 3000, b'{"data":' * 3000, b"@", b'"e":"trade",',
]  # fmt: skip
# the words of a stranger, in every field that any venue gives a reason in
REASONS = ("text", "msg", "message", "error", "ret_msg", "reason")
EVERY_REFUSAL = json.dumps(
    {"type": "error", "event": "error", "method": "error", "success": False, "id": 1, "code": "1", **dict.fromkeys(REASONS, "x" * 9000)}
)


def sound(item):
    """Whether a tape could take it: finite prices, times of 64 bits, text that is text."""
    assert isinstance(item, SAID)
    fields = item._asdict()
    for name, value in fields.items():
        if isinstance(value, str):
            value.encode()
        if name in ("reason", "text", "kind"):
            assert len(value) <= 400
        if name == "time" and value is not None:
            assert 0 < value < 1 << 63
        if name in ("price", "size"):
            assert math.isfinite(value)
        if name in ("bid", "ask", "bid_size", "ask_size"):
            assert not math.isinf(value)
        if "size" in name:
            assert not value < 0
        if name == "trade_id" and isinstance(value, int):
            assert 0 <= value < 1 << 63
    assert fields.get("side", 0) in (-1, 0, 1)


def heard(venue, *frames):
    """What a connection hears; frames that cannot be read leave it as it was."""
    decoder = venue.decoder()
    for frame in frames:
        items, reason = outcome(decoder, frame)
        assert items is not None or 0 < len(reason) < 1000
        for item in items or ():
            sound(item)


def outcome(decoder, frame):
    try:
        return decoder.decode(frame), ""
    except BadFrame as error:
        return None, error.reason


@st.composite
def mutations(draw, frames):
    """A real frame with some of its bytes replaced, left out, repeated, or with something awkward put in."""
    frame = bytearray(draw(st.sampled_from(frames)))
    for _ in range(draw(st.integers(1, 4))):
        start, length = draw(st.integers(0, len(frame))), draw(st.integers(0, 12))
        here = frame[start : start + length]
        frame[start : start + length] = draw(
            st.one_of(st.sampled_from(PIECES), st.binary(max_size=6), st.just(b""), st.just(here + here), st.just(here[::-1]))
        )
    return bytes(frame)


@st.composite
def swapped_values(draw, frames):
    """A real frame with values of any kind in the place of its own: still JSON."""
    tree = json.loads(draw(st.sampled_from(frames)))
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["nan", "inf", "-1", "1e999", "0"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["e", "data", "T", "p"]), inner, max_size=3),
        max_leaves=5,
    )

    def changed(value, depth=0):
        if draw(st.integers(0, 6)) == 0:
            return draw(values)
        if isinstance(value, dict):
            return {key: changed(inner, depth + 1) for key, inner in value.items()}
        return [changed(inner, depth + 1) for inner in value] if isinstance(value, list) else value

    return json.dumps(changed(tree)).encode()


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_mutated_frames_are_read_or_refused(name, data):
    heard(VENUES[name], *data.draw(st.lists(mutations(FRAMES[name]), min_size=1, max_size=3)))


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_frames_with_other_values_are_read_or_refused(name, data):
    heard(VENUES[name], data.draw(swapped_values(FRAMES[name])))


@pytest.mark.parametrize("name", NAMES)
@given(frame=st.binary(max_size=40) | st.text(alphabet=st.characters(), max_size=40))
@example(frame="\ud800")
@example(frame='{"type":"\\ud800","channel":"\\ud800","topic":"\\udfff.1","e":"\\ud800"}')
@example(frame=b"[" * 100_000)
@example(frame=b'{"data":' * 100_000)
@example(frame=b'[{"T":' * 50_000)
@example(frame=b'{"e":' + b"[" * 900 + b"]" * 900 + b"}")
@example(frame=b'{"id":' + b"1" * 5000 + b"}")
@example(frame='{"type":"' + "x" * 9000 + '"}')
@example(frame='{"channel":"' + "x" * 9000 + '"}')
@example(frame='{"topic":"' + "x" * 9000 + '"}')
@example(frame='{"e":"' + "x" * 9000 + '"}')
@example(frame='[{"T":"' + "x" * 9000 + '"}]')
@example(frame=EVERY_REFUSAL)
@example(frame='{"id":1,"code":2,"msg":"' + "x" * 9000 + '"}')
@example(frame='[{"T":"error","code":1,"msg":"' + "x" * 9000 + '"}]')
@example(frame='[{"T":"success","msg":"' + "x" * 9000 + '"}]')
@example(frame='{"event":"notice","msg":"' + "x" * 9000 + '"}')
@example(frame=b"")
def test_any_bytes_are_read_or_refused(name, frame):
    heard(VENUES[name], frame)


@pytest.mark.parametrize("name", NAMES)
def test_a_key_told_twice_has_one_meaning(name):
    for frame in FRAMES[name]:
        twice = frame.replace(b'"', b'"x":1,"', 1).replace(b"}", b',"x":{}}', 1) if frame.startswith(b"{") else frame
        heard(VENUES[name], twice, twice)
