"""The edge's certificate, looked at before anything starts."""

from __future__ import annotations

from pathlib import Path

from turnpike.adapters.machine.trust import read_certificate
from turnpike.adapters.system.clock import SystemClock
from turnpike.bootstrap.fault import CannotStart
from turnpike.gateway.certificates import Certificates
from turnpike.settings import Settings


def check_certificate(settings: Settings) -> None:
    """Raises CannotStart where the edge could not speak TLS with the files that are set."""
    if settings.tls_certificate is None:
        return
    try:
        Certificates(settings.tls_certificate, settings.tls_key)
    except OSError as fault:
        raise CannotStart(_told(settings.tls_certificate, settings.tls_key, fault)) from None


def _told(file: Path, key_file: Path | None, fault: OSError) -> str:
    """Which of the files is at fault, and how that is mended."""
    shown = read_certificate(file, key_file, SystemClock().now_ns() / 1e9)
    if shown.until_seconds is None:
        return f"{file}: {shown.fault}: name a PEM file with the certificate in TURNPIKE_TLS_CERTIFICATE"
    what = shown.fault or f"{fault.filename}: {fault.strerror}"
    if key_file is None:
        return f"{what}: set TURNPIKE_TLS_KEY to the PEM file with the certificate's key"
    return f"{what}: name the PEM file with the certificate's own key, which no password locks, in TURNPIKE_TLS_KEY"
