"""TLS on this machine: the certificate files that it shows, and the authorities that it trusts."""

from __future__ import annotations

import ssl
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from turnpike.files import PEM_MAX_BYTES, read_named_file


class Certificate(msgspec.Struct, frozen=True):
    """What a server would show: until when it is valid, or (`fault`) why it cannot be used."""

    until_seconds: float | None
    fault: str | None = None


class Authorities(msgspec.Struct, frozen=True):
    """How many authorities the machine trusts, and where they were looked for."""

    count: int
    places: tuple[str, ...]


def read_certificate(file: Path, key_file: Path | None, now_seconds: float) -> Certificate:
    """Look at a certificate and its key as a server would; nothing of the key is in what is found."""
    try:
        first = x509.load_pem_x509_certificates(read_named_file(file, PEM_MAX_BYTES))[0]
    except OSError as unread:
        return Certificate(None, unread.strerror or str(unread))
    except ValueError:
        return Certificate(None, "there is no PEM certificate in it")
    return Certificate(first.not_valid_after_utc.timestamp(), _fault(first, key_file or file, now_seconds))


def trusted_authorities() -> Authorities:
    """The machine's own, which outgoing TLS trusts (SSL_CERT_FILE and SSL_CERT_DIR move them)."""
    places = ssl.get_default_verify_paths()
    count = ssl.create_default_context().cert_store_stats()["x509_ca"]
    if count == 0 and places.capath is not None:
        # Of a folder of authorities each is read only when it is needed.
        count = sum(1 for _ in Path(places.capath).glob("*.[0-9]"))
    named = (places.cafile or places.openssl_cafile, places.capath or places.openssl_capath)
    return Authorities(count, named)


def _fault(certificate: x509.Certificate, key_file: Path, now_seconds: float) -> str | None:
    begins = certificate.not_valid_before_utc
    if begins.timestamp() > now_seconds:
        return f"it is valid only from {begins:%Y-%m-%dT%H:%M:%SZ} on"
    return _key_fault(certificate, key_file)


def _key_fault(certificate: x509.Certificate, file: Path) -> str | None:
    try:
        key = load_pem_private_key(read_named_file(file, PEM_MAX_BYTES), None)
    except OSError as fault:
        return f"its key {file}: {fault.strerror or fault}"
    except TypeError:
        return f"its key {file} is locked by a password, which nobody is there to give"
    except ValueError:
        return f"{file} holds no PEM key"
    if key.public_key() != certificate.public_key():
        return f"the key in {file} is not this certificate's"
    return None
