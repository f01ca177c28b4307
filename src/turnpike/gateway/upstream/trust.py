"""TLS towards providers: contexts made beside the event loop, and kept for as long as what they are made of stays."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import ssl
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec

from turnpike.domain.snapshot import Tls
from turnpike.files import PEM_MAX_BYTES, read_named_file

WAIT_SECONDS: Final = 10.0
"""How long a configuration waits for the files of one provider: a file system that hangs must not hold it for good."""

Material = tuple[bytes | None, bytes | None]
"""Digests of the extra authorities and of the client's certificate, where there are any."""


class Trust(msgspec.Struct, frozen=True):
    """A context, and what it was made of."""

    material: Material
    context: ssl.SSLContext


class TrustStore:
    """Contexts by what their files hold: unchanged files give the same context again.

    Reading the system's authorities takes some 20 ms a context, so all is done in one thread of its own.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "tls-files")
        self._known: dict[Material, Trust] = {}

    async def trust(self, tls: Tls | None) -> Trust:
        """The context for `tls`. Raises OSError with `strerror`, and `filename` where a file is at fault."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await loop.run_in_executor(self._thread, self._look_up, tls)
        except TimeoutError:
            reason = f"its TLS files could not be read within {WAIT_SECONDS:g} s"
            raise OSError(errno.ETIMEDOUT, reason) from None

    def keep_only(self, used: Collection[Material]) -> None:
        """Contexts of other material are no longer needed."""
        self._thread.submit(self._forget_all_but, used)

    def _look_up(self, tls: Tls | None) -> Trust:
        material = (None, None) if tls is None else (_digest(tls.ca_file), _digest(tls.client_certificate))
        known = self._known.get(material)
        if known is None:
            known = self._known[material] = Trust(material, tls_context(tls))
        return known

    def _forget_all_but(self, used: Collection[Material]) -> None:
        self._known = {material: trust for material, trust in self._known.items() if material in used}


def tls_context(tls: Tls | None) -> ssl.SSLContext:
    """A context that verifies, with the extra authority and client certificate of `tls`, which are regular files.

    Raises OSError where a file cannot be read or used.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls is not None and tls.ca_file is not None:
        _load_authorities(context, tls.ca_file)
    if tls is not None and tls.client_certificate is not None:
        _load_client_certificate(context, tls.client_certificate)
    return context


def _load_authorities(context: ssl.SSLContext, file: str) -> None:
    try:
        context.load_verify_locations(file)
    except ssl.SSLError:
        raise OSError(errno.EINVAL, "not a PEM file of certificates", file) from None


def _load_client_certificate(context: ssl.SSLContext, file: str) -> None:
    try:
        # With a password given, a locked key is an error; without one, the terminal would be asked for it.
        context.load_cert_chain(file, password="")
    except ssl.SSLError:
        reason = "not a PEM file of a certificate and its own key, which no password locks"
        raise OSError(errno.EINVAL, reason, file) from None


def _digest(file: str | None) -> bytes | None:
    return None if file is None else hashlib.sha256(read_named_file(file, PEM_MAX_BYTES)).digest()
