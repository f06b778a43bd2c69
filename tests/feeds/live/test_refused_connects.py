"""Connects that fail: real sockets on loopback, virtual time (FAULTS.md, 44)."""

import asyncio
import shutil
import socket
import ssl
import subprocess
import time

import pytest
from fault_scripts import stalls, well_behaved
from fault_server import FaultServer, answer
from kept import kept
from virtual_time import until, virtual

from feeds.live.patience import Patience
from pipeline.errors import UsageError

MINUTE = 60.0
HOUR = 3600.0


@virtual
async def test_fault_44_too_many_requests_waits_as_told_on_all_connections():
    answers = (answer(429, Retry_After="40"), None)
    async with FaultServer(well_behaved, answers=answers) as server, kept(server, "A", "B", streams=1) as now:
        await until(lambda: len(now.arrived.trades("B")) > 3)
        first, *later = server.opened
        assert len(later) == 2
        assert min(later) - first >= 40.0
        assert "HTTP 429: too many requests" in now.arrived.reasons


@virtual
async def test_fault_44_a_ban_waits_for_its_date_and_never_for_ever():
    year_9999 = answer(418, Retry_After="Fri, 31 Dec 9999 23:59:59 GMT", Date="Wed, 25 Nov 2026 12:00:00 GMT")
    async with FaultServer(well_behaved, answers=(year_9999, None)) as server, kept(server, "A") as now:
        await until(lambda: len(now.arrived.trades()) > 3, within=2 * HOUR)
        assert HOUR <= server.opened[1] - server.opened[0] <= HOUR + 1


@pytest.mark.parametrize("status", [401, 403])
@virtual
async def test_fault_44_who_is_not_let_in_stops_with_the_reason(status):
    async with FaultServer(well_behaved, answers=(answer(status),)) as server, kept(server, "A") as now:
        with pytest.raises(UsageError, match=f"spoken: 127.0.0.1:{server.port} answers HTTP {status}: .*check the keys"):
            await now.running
        await asyncio.sleep(HOUR)
        assert len(server.opened) == 1
        assert now.arrived.states == ["connecting", "stopped"]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 404])
@virtual
async def test_fault_44_a_server_in_trouble_is_tried_again(status):
    async with FaultServer(well_behaved, answers=(answer(status), answer(status), None)) as server, kept(server, "A") as now:
        await until(lambda: len(now.arrived.trades()) > 3)
        assert len(server.opened) == 3
        assert f"HTTP {status}" in now.arrived.reasons


@virtual
async def test_fault_44_a_loop_of_redirects_is_told_and_tried_again():
    async with FaultServer(well_behaved) as server, kept(server, "A") as now:
        server.answers = [answer(302, Location=server.url)]
        await until(lambda: now.arrived.states.count("backoff") == 2)
        assert "redirects, and not to a place to follow: more than 10 redirects" in now.arrived.reasons
        server.answers = []
        await until(lambda: len(now.arrived.trades()) > 3)


@virtual
async def test_fault_44_a_name_that_cannot_be_looked_up_is_told_and_tried_again():
    async with FaultServer(well_behaved) as server:
        tries = []

        async def no_name(url):
            tries.append(url)
            raise socket.gaierror(-3, "Temporary failure in name resolution")

        async with kept(server, "A", dial=no_name) as now:
            await until(lambda: len(tries) == 5)
            assert "cannot be looked up: Temporary failure in name resolution" in now.arrived.reasons
            assert now.arrived.losses == []


@virtual
async def test_fault_44_a_half_open_line_is_noticed():
    async with FaultServer(stalls, well_behaved) as server, kept(server, "A", patience=Patience(stale_after=10 * HOUR)) as now:
        began = asyncio.get_running_loop().time()
        await until(lambda: len(now.arrived.trades()) > 3)
        assert asyncio.get_running_loop().time() - began < MINUTE
        assert "keepalive ping timeout" in now.arrived.reasons


@virtual
async def test_fault_44_a_server_that_takes_the_line_and_says_nothing_is_given_up():
    accepted = []

    async def mute(reader, writer):
        accepted.append(writer)

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with FaultServer(well_behaved) as real:
        real_port, real.port = real.port, port
        async with kept(real, "A") as now:
            await until(lambda: len(accepted) == 2)
            assert f"127.0.0.1:{port} does not answer" in now.arrived.reasons
        real.port = real_port
    for writer in accepted:
        writer.close()
    server.close()
    await server.wait_closed()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Both sides' TLS by name: a certificate that is good, one that has expired, one for another host."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make certificates with")
    folder = tmp_path_factory.mktemp("certificates")
    this_year = time.strftime("%Y")
    spans = {"good": (f"{this_year}0101000000Z", f"{int(this_year) + 2}0101000000Z"), "expired": ("20200101000000Z", "20200201000000Z")}
    return {
        "good": both_sides(folder / "good", "IP:127.0.0.1", *spans["good"]),
        "expired": both_sides(folder / "expired", "IP:127.0.0.1", *spans["expired"]),
        "of another host": both_sides(folder / "other", "DNS:example.com", *spans["good"]),
    }


def both_sides(folder, host, start, end):
    folder.mkdir()
    (folder / "index").touch()
    (folder / "conf").write_text(
        "[ca]\ndefault_ca=one\n[one]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\npolicy=any\nx509_extensions=names\n"
        f"[any]\ncommonName=supplied\n[names]\nsubjectAltName={host}\nbasicConstraints=CA:true\n[req]\ndistinguished_name=dn\n[dn]\n"
    )
    key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key"
    for command in (
        f"openssl req -config conf -new {key} -subj /CN=test -out asked",
        f"openssl ca -config conf -batch -selfsign -keyfile key -in asked -notext -startdate {start} -enddate {end} -out certificate",
    ):
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "certificate", folder / "key")
    return server, ssl.create_default_context(cafile=str(folder / "certificate"))


@pytest.mark.parametrize(
    ("which", "trusted", "words"),
    [
        ("good", False, "self-signed certificate"),
        ("expired", True, "certificate has expired"),
        ("of another host", True, "IP address mismatch"),
    ],
)
@virtual
async def test_fault_44_a_certificate_that_is_not_valid_is_told_and_never_accepted(which, trusted, words, certificates):
    server_side, trust = certificates[which]
    async with FaultServer(well_behaved, tls=server_side) as server, kept(server, "A", trust=trust if trusted else None) as now:
        await until(lambda: now.arrived.states.count("backoff") == 3)
        assert f"the certificate of 127.0.0.1:{server.port} is not valid: " in now.arrived.reasons
        assert words in now.arrived.reasons.replace("self signed", "self-signed")
        assert server.visits == []


@virtual
async def test_fault_44_a_valid_certificate_lets_the_feed_in(certificates):
    server_side, trust = certificates["good"]
    async with FaultServer(well_behaved, tls=server_side) as server, kept(server, "A", trust=trust) as now:
        await until(lambda: len(now.arrived.trades()) > 3)


@virtual
async def test_fault_44_tls_with_who_speaks_none_is_told_and_tried_again():
    async with FaultServer(well_behaved) as server:
        server.tls = ssl.create_default_context()
        async with kept(server, "A") as now:
            await until(lambda: now.arrived.states.count("backoff") == 3)
            assert "hangs up before anything is said; is it wss, or ws?" in now.arrived.reasons or "no TLS" in now.arrived.reasons
