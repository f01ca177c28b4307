"""TLS at the edge, and certificates that are renewed while it serves."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.system.edge import Edge, Wire, a_request, running_edge, statuses, wait_until
from turnpike.gateway.certificates import Certificates
from turnpike.gateway.edge.limits import TURNED_AWAY_AT_ONCE, EdgeLimits


def write_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate that signs itself, for `name`, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "edge.crt", folder / "edge.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def connect(edge: Edge, name: str, trusted: Path) -> Wire:
    context = ssl.create_default_context(cafile=str(trusted))
    context.set_alpn_protocols(["http/1.1"])
    plain = socket.create_connection(("127.0.0.1", edge.port), timeout=10)
    return Wire(context.wrap_socket(plain, server_hostname=name))


def test_calls_are_answered_over_tls(tmp_path: Path) -> None:
    files = write_certificate(tmp_path, "one.test")
    with running_edge(tls=Certificates(*files).tls) as edge, connect(edge, "one.test", files[0]) as wire:
        assert isinstance(wire.sock, ssl.SSLSocket)
        assert wire.sock.selected_alpn_protocol() == "http/1.1"
        wire.send(a_request(body=b"x" * 100_000))
        assert wire.read_answer().endswith(b" 100000")


def test_a_refusal_is_read_over_tls_and_the_connection_closed(tmp_path: Path) -> None:
    files = write_certificate(tmp_path, "one.test")
    with running_edge(tls=Certificates(*files).tls) as edge, connect(edge, "one.test", files[0]) as wire:
        wire.send(b"GET / HTTP/1.1\nhost: a\n\n")
        assert statuses(wire.read_answer()) == [400]
        wait_until(lambda: edge.connections == 0, "closed")


def test_old_versions_of_tls_are_refused(tmp_path: Path) -> None:
    files = write_certificate(tmp_path, "one.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with running_edge(tls=Certificates(*files).tls) as edge:
        plain = socket.create_connection(("127.0.0.1", edge.port), timeout=10)
        with plain, pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(plain)


def test_plain_http_to_a_port_with_tls_is_closed(tmp_path: Path) -> None:
    files = write_certificate(tmp_path, "one.test")
    with running_edge(tls=Certificates(*files).tls) as edge, edge.connect() as wire:
        wire.send(a_request())
        assert statuses(wire.read_to_end()) == []
        assert edge.requests == []


def test_a_handshake_that_does_not_come_is_closed_after_the_head_time(tmp_path: Path) -> None:
    files = write_certificate(tmp_path, "one.test")
    limits = EdgeLimits(head_seconds=0.3, linger_seconds=0.2)
    with running_edge(limits, tls=Certificates(*files).tls) as edge, edge.connect() as wire:
        wire.send(b"\x16\x03\x01")
        assert wire.read_to_end() == b""


def silent(edge: Edge, count: int, stack: ExitStack) -> list[Wire]:
    """Callers that connect and say nothing."""
    before = edge.connections
    wires = [stack.enter_context(edge.connect()) for _ in range(count)]
    wait_until(lambda: edge.connections == before + count, "all are counted")
    return wires


def test_who_says_nothing_is_counted_from_the_start_and_turned_away_beyond_the_limit(tmp_path: Path) -> None:
    files = write_certificate(tmp_path, "one.test")
    limits = EdgeLimits(connections=2, linger_seconds=0.2)
    with ExitStack() as stack, running_edge(limits, tls=Certificates(*files).tls) as edge:
        callers = silent(edge, 2, stack)
        with connect(edge, "one.test", files[0]) as third:
            assert statuses(third.read_to_end()) == [503]
        callers.extend(silent(edge, TURNED_AWAY_AT_ONCE, stack))
        with edge.connect() as cut:
            assert cut.read_to_end() == b""
        for caller in callers:
            caller.sock.close()


def test_of_too_many_handshakes_the_oldest_gives_way(tmp_path: Path) -> None:
    files = write_certificate(tmp_path, "one.test")
    limits = EdgeLimits(handshakes=2, linger_seconds=0.2)
    with ExitStack() as stack, running_edge(limits, tls=Certificates(*files).tls) as edge:
        oldest, second = silent(edge, 2, stack)
        with connect(edge, "one.test", files[0]) as caller:
            assert oldest.read_to_end() == b""
            caller.send(a_request(body=b"abc"))
            assert caller.read_answer().endswith(b" 3")
        second.sock.close()


def test_silent_handshakes_end_with_their_time_and_do_not_hold_up_the_end_of_the_worker(
    tmp_path: Path,
) -> None:
    files = write_certificate(tmp_path, "one.test")
    limits = EdgeLimits(head_seconds=0.3, linger_seconds=0.2)
    with ExitStack() as stack, running_edge(limits, tls=Certificates(*files).tls) as edge:
        for caller in silent(edge, 20, stack):
            assert caller.read_to_end() == b""
    with ExitStack() as stack:
        edge = Edge(EdgeLimits(head_seconds=60.0), {}, Certificates(*files).tls)
        edge.start()
        (caller,) = silent(edge, 1, stack)
        edge.stop()
        assert caller.read_to_end() == b""


def test_many_callers_at_once_are_all_served(tmp_path: Path) -> None:
    files = write_certificate(tmp_path, "one.test")
    with running_edge(tls=Certificates(*files).tls) as edge, ThreadPoolExecutor(20) as callers:
        answers = callers.map(lambda _: serves(edge, "one.test", files[0]), range(100))
        assert all(answers)


def test_a_renewed_certificate_is_served_soon_and_open_connections_stay(tmp_path: Path) -> None:
    files = write_certificate(tmp_path, "one.test")
    certificates = Certificates(*files)
    loop = asyncio.new_event_loop()
    keeping = loop.create_task(certificates.keep_fresh())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        with running_edge(tls=certificates.tls) as edge, connect(edge, "one.test", files[0]) as before:
            begun_before, trusted_before = certificates.tls(), files[0].read_bytes()
            files[0].write_bytes(b"half a file")
            write_certificate(tmp_path, "two.test")
            wait_until(lambda: serves(edge, "two.test", files[0]), "the new certificate is served")
            assert shakes_hands(begun_before, "one.test", trusted_before), "with what it began with"
            before.send(a_request())
            assert before.read_answer().endswith(b" 0")
    finally:
        loop.call_soon_threadsafe(keeping.cancel)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.run_until_complete(asyncio.gather(keeping, return_exceptions=True))
        loop.close()


def serves(edge: Edge, name: str, trusted: Path) -> bool:
    try:
        with connect(edge, name, trusted) as wire:
            wire.send(a_request())
            return wire.read_answer().endswith(b" 0")
    except ssl.SSLError:
        return False


def shakes_hands(serving: ssl.SSLContext, name: str, trusted: bytes) -> bool:
    """Whether a handshake with this context, in memory, ends with a certificate for `name`."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context(cadata=trusted.decode())
    ends = {
        client.wrap_bio(back, there, server_hostname=name),
        serving.wrap_bio(there, back, server_side=True),
    }
    for _ in range(10):
        for end in tuple(ends):
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
                ends.remove(end)
    return not ends
