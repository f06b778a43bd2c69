"""Whatever the bytes are, only errors made on purpose escape, and no frame that was not written is read."""

from contextlib import suppress

import numpy as np
import pytest
from faulty_files import Content as Bytes
from faulty_files import FaultyFiles
from hurtful import hurtful_tape
from hypothesis import given, settings
from hypothesis import strategies as st
from journals import filled, numbers, opened
from tries import tries

from pipeline.alerts import Alert
from pipeline.errors import RxtapeError
from pipeline.journal import Content
from pipeline.journal.configuration import Configuration, config_of, config_record
from pipeline.journal.frames import Frame
from pipeline.journal.payloads import alerts_of, alerts_record, ticks_of, ticks_record
from pipeline.symbols import SymbolTable
from pipeline.ticks import Ticks

KINDS = st.sampled_from(("flip", "cut", "drop", "insert", "twice"))
MUTATIONS = st.lists(st.tuples(KINDS, st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4)
WHOLE = FaultyFiles()
filled(WHOLE, 60, sync_every=7)
LOG = [path for path in WHOLE.files if path.suffix == ".log"]


def mutated(data: bytes, mutations: list[tuple[str, int, int]]) -> bytes:
    """Bytes with bits flipped, pieces cut off, dropped, inserted, doubled."""
    for what, place, value in mutations:
        if not data:
            break
        at = place % len(data)
        if what == "flip":
            data = data[:at] + bytes([data[at] ^ (value or 1)]) + data[at + 1 :]
        elif what == "cut":
            data = data[:at]
        elif what == "drop":
            data = data[:at] + data[at + value :]
        elif what == "insert":
            data = data[:at] + bytes([value]) * (1 + value % 9) + data[at:]
        else:
            data = data[: at + value] + data[at:]
    return data


@settings(deadline=None, max_examples=tries(300))
@given(mutations=MUTATIONS, which=st.integers(0, len(LOG) - 1))
def test_a_log_of_any_bytes_is_refused_or_a_prefix(mutations, which):
    files = WHOLE.copy()
    path = LOG[which]
    files.files[path] = Bytes(bytearray(mutated(files.read(path), mutations)))
    try:
        journal = opened(files, on_warning=lambda warning: None)
    except RxtapeError:
        return
    assert numbers(journal.read()) == list(range(1, journal.end + 1))


def content_of(record) -> tuple[Content, bytes]:
    return record.content, bytes(record.payload)


def payloads() -> list[tuple[Content, bytes]]:
    tape = hurtful_tape(3, 30, 3)
    with_text = Ticks({**tape.columns, "trade_id": np.array([f"t{i}" for i in range(30)], object)}, tape.symbols)
    records = [
        ticks_record(tape), ticks_record(tape, compression="zstd"), ticks_record(with_text),
        alerts_record([Alert(symbol="A", time=1, values={"x": 1.0})]), config_record(Configuration("feed")),
    ]  # fmt: skip
    return [content_of(record) for record in records]


@pytest.mark.parametrize("place", range(5))
@settings(deadline=None, max_examples=tries(150))
@given(mutations=MUTATIONS)
def test_a_payload_of_any_bytes_is_read_or_refused_by_its_frame(place, mutations):
    content, payload = payloads()[place]
    frame = Frame(7, content, 1, memoryview(mutated(payload, mutations)), b"", 0, 0, 0)
    readers = {Content.TICKS: lambda: ticks_of(frame, SymbolTable()), Content.ALERTS: lambda: alerts_of(frame)}
    with suppress(RxtapeError):
        readers.get(content, lambda: config_of(frame))()
