"""A connection hears at once what the library alone would have told, however the network cuts it."""

import asyncio
from unittest.mock import Mock, patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from feeds.live.sockets import HeardAtOnce

MAX_SIZE = 100_000
LENGTHS = st.one_of(st.integers(0, 130), st.sampled_from([65_535, 65_536, 65_537, 70_000]))
KINDS = st.sampled_from(["text", "text", "text", "binary", "ping", "pong", "fragments"])


def said(server, kind, length, number):
    text = (f"{number:03d}" * (length // 3 + 1))[:length].encode()
    if kind == "text":
        server.send_text(text)
    elif kind == "binary":
        server.send_binary(text)
    elif kind == "ping":
        server.send_ping(text[:100])
    elif kind == "pong":
        server.send_pong(text[:100])
    else:
        server.send_text(text, fin=False)
        server.send_ping(b"between")
        server.send_continuation(text[:50], fin=True)


async def heard(kind, script, cuts, *, compressed, ending=b"", at_once=True, stops=0, together=0):
    """The messages of a script, and how the connection ended, by a connection of a class."""
    client = ClientProtocol(
        parse_uri("ws://host/"), max_size=MAX_SIZE, extensions=[ClientPerMessageDeflateFactory()] if compressed else None
    )
    connection = kind(client)
    written = []
    transport = Mock(write=written.append, is_closing=lambda: False, get_extra_info=lambda name: None)
    connection.connection_made(transport)
    asking = asyncio.ensure_future(connection.handshake())
    await asyncio.sleep(0)
    server = ServerProtocol(extensions=[ServerPerMessageDeflateFactory()] if compressed else None)
    server.receive_data(b"".join(written))
    (request,) = server.events_received()
    server.send_response(server.accept(request))
    for number, (what, length) in enumerate(script):
        said(server, what, length, number)
    data = b"".join(server.data_to_send()) + ending
    found = []

    def hear(message):
        assert connection.hear is hear  # who hears no more is not told
        found.append(message)
        if stops and len(found) % stops == 0:
            connection.hear = None

    def hear_together(messages):
        """All of some, sometimes: as often as not they are to be heard one by one."""
        offered.append(len(messages))
        if connection.hear is not hear or together == 0 or len(offered) % together:
            return False
        found.extend(messages)
        return True

    offered = []

    async def receive():
        await asking
        while True:
            found.append(await connection.recv(decode=False))

    reading = asyncio.ensure_future(receive())
    begin = 0
    for cut in [*sorted(each % (len(data) + 1) for each in cuts), len(data)]:
        if asking.done() and kind is HeardAtOnce and at_once:
            connection.hear, connection.hear_together = hear, hear_together
        connection.data_received(data[begin:cut])
        begin = cut
        for _ in range(2 * len(script) + 8):
            await asyncio.sleep(0)
    connection.eof_received()
    connection.connection_lost(None)
    with pytest.raises(ConnectionClosed) as end:
        await asyncio.wait_for(reading, 5)
    return found, str(end.value), b"".join(written[1:])


def both(script, cuts, **how):
    async def run():
        alone = await heard(ClientConnection, script, cuts, compressed=how["compressed"], ending=how.get("ending", b""))
        return alone, await heard(HeardAtOnce, script, cuts, **how)

    with patch("websockets.frames.secrets.token_bytes", bytes):  # one mask, so that answers can be compared
        return asyncio.run(run())


ENDINGS = [
    b"",
    Frame(Opcode.CLOSE, b"\x03\xe8bye").serialize(mask=False) + Frame(Opcode.TEXT, b"late").serialize(mask=False),
    Frame(Opcode.TEXT, b"masked").serialize(mask=True) + Frame(Opcode.TEXT, b"after").serialize(mask=False),
    Frame(Opcode.CONT, b"of nothing").serialize(mask=False) + b"\x81\x02ab",
    Frame(Opcode.TEXT, b"x" * (MAX_SIZE + 1)).serialize(mask=False),
    b"\x83\x01a\x81\x02ab",
    b"\xc1\x02ab\x81\x02ab",
    b"\x01\x02ab\x81\x02ab",
    b"\x81\x05abc",
    b"\x81",
    b"\x81\x7e\x00",
]  # fmt: skip


@given(
    st.lists(st.tuples(KINDS, LENGTHS), max_size=12), st.lists(st.integers(0, 1 << 20), max_size=12), st.booleans(),
    st.sampled_from(ENDINGS), st.sampled_from([0, 1, 3]), st.sampled_from([0, 1, 2]),
)  # fmt: skip
def test_what_is_heard_at_once_is_what_the_library_alone_tells(script, cuts, compressed, ending, stops, together):
    alone, quick = both(script, cuts, compressed=compressed, ending=ending, stops=stops, together=together)
    assert quick == alone


@pytest.mark.parametrize("stops", [0, 1])
@pytest.mark.parametrize("ending", ENDINGS, ids=range(len(ENDINGS)))
def test_however_it_ends(ending, stops):
    """In pieces, so that it is heard at once from the first message on."""
    script = [("text", 5), ("fragments", 20), ("text", 200), ("binary", 40)]
    alone, quick = both(script, range(0, 1_000, 37), compressed=False, ending=ending, stops=stops)
    assert quick == alone


@pytest.mark.parametrize("compressed", [False, True])
def test_byte_for_byte(compressed):
    script = [("text", 5), ("fragments", 20), ("binary", 0), ("ping", 3), ("text", 200)]
    alone, quick = both(script, range(2_000), compressed=compressed)
    assert quick == alone
    assert len(quick[0]) == 4


def test_plain_messages_do_not_go_through_the_library(monkeypatch):
    script = [("text", 100)] * 50
    through = []
    monkeypatch.setattr(
        ClientProtocol, "receive_data", lambda self, data, real=ClientProtocol.receive_data: (through.append(data), real(self, data))
    )
    asyncio.run(heard(HeardAtOnce, script, [400, 500, 1_000, 4_000], compressed=False))
    assert sum(map(len, through)) < 500
