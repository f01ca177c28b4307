"""Certificates of the edge and authorities of the machine, as the doctor looks at them."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from turnpike.adapters.machine.trust import read_certificate, trusted_authorities

NOW = 1_900_000_000.0
DAY = 86_400.0
Written = Callable[..., tuple[Path, Path]]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Writes a certificate and its key."""

    def write(
        name: str, valid_from: float = NOW - DAY, until: float = NOW + DAY, lock: bytes = b""
    ) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
        builder = builder.public_key(key.public_key()).serial_number(1)
        builder = builder.not_valid_before(_moment(valid_from)).not_valid_after(_moment(until))
        certificate_file, key_file = tmp_path / f"{name}.crt", tmp_path / f"{name}.key"
        certificate_file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
        closing = BestAvailableEncryption(lock) if lock else NoEncryption()
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, closing))
        return certificate_file, key_file

    return write


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def test_a_good_certificate_tells_until_when_it_is_valid(written: Written) -> None:
    found = read_certificate(*written("good"), NOW)
    assert (found.until_seconds, found.fault) == (NOW + DAY, None)


def test_one_file_may_hold_both(written: Written, tmp_path: Path) -> None:
    certificate, key = written("good")
    for order in ((certificate, key), (key, certificate)):
        both = tmp_path / "both.pem"
        both.write_bytes(b"".join(file.read_bytes() for file in order))
        assert read_certificate(both, None, NOW).fault is None


def test_the_first_certificate_of_a_chain_is_the_servers_own(written: Written) -> None:
    certificate, key = written("good")
    authority, _ = written("authority", until=NOW + 100 * DAY)
    certificate.write_bytes(certificate.read_bytes() + authority.read_bytes())
    found = read_certificate(certificate, key, NOW)
    assert (found.until_seconds, found.fault) == (NOW + DAY, None)


def test_a_key_of_another_certificate_is_told(written: Written) -> None:
    certificate, _ = written("good")
    _, other = written("other")
    assert read_certificate(certificate, other, NOW).fault == f"the key in {other} is not this certificate's"


def test_a_locked_key_is_told(written: Written) -> None:
    assert "locked by a password" in str(read_certificate(*written("locked", lock=b"canary"), NOW).fault)


def test_a_certificate_of_tomorrow_is_told(written: Written) -> None:
    assert "valid only from" in str(read_certificate(*written("early", valid_from=NOW + 100), NOW).fault)


def test_files_without_what_they_should_hold_are_told(written: Written, tmp_path: Path) -> None:
    certificate, key = written("good")
    empty = tmp_path / "empty"
    empty.write_text("")
    assert read_certificate(empty, key, NOW).fault == "there is no PEM certificate in it"
    assert read_certificate(certificate, empty, NOW).fault == f"{empty} holds no PEM key"
    assert read_certificate(certificate, None, NOW).fault == f"{certificate} holds no PEM key"
    assert read_certificate(tmp_path / "none", key, NOW).fault == "No such file or directory"
    assert "No such file" in str(read_certificate(certificate, tmp_path / "none", NOW).fault)


def test_the_places_of_authorities_are_told() -> None:
    found = trusted_authorities()
    assert found.count >= 0
    assert all(found.places)
