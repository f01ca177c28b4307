"""TLS towards providers: contexts made beside the event loop, and kept for as long as what they are made of stays."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import ssl
from collections.abc import Callable, Collection
from concurrent.futures import Future
from functools import partial
from threading import Thread
from typing import Final

import msgspec

from turnpike.domain.snapshot import Tls
from turnpike.files import PEM_MAX_BYTES, read_named_file

WAIT_SECONDS: Final = 10.0
"""How long a configuration waits for the files of one provider: a file system that hangs must not hold it for good."""

READINGS_MAX: Final = 64
"""Readings under way at once, those that hang among them: each has a thread of its own."""

LOADS_MAX: Final = 3
"""How often a certificate is loaded anew that is replaced meanwhile."""

Material = tuple[bytes | None, bytes | None]
"""Digests of the extra authorities and of the client's certificate, where there are any."""

Read = Callable[[str, int], bytes]
"""The content of a file of up to so many bytes. Raises OSError."""

_NO_FILES: Final[Material] = (None, None)


class Trust(msgspec.Struct, frozen=True):
    """A context, and what it was made of."""

    material: Material
    context: ssl.SSLContext


class TrustStore:
    """Contexts by what their files hold: unchanged files give the same context again.

    Reading the system's authorities takes some 20 ms a context, so all is done in threads: one for each
    reading, since a file that hangs keeps its thread, and must keep nobody else's. What is still being
    read is not read a second time: whoever asks for it waits for the same.
    """

    def __init__(self, read: Read = read_named_file, wait_seconds: float = WAIT_SECONDS) -> None:
        self._read = read
        self._wait_seconds = wait_seconds
        self._known: dict[Material, Trust] = {}
        self._under_way: dict[Tls | None, asyncio.Future[Trust]] = {}

    async def trust(self, tls: Tls | None) -> Trust:
        """The context for `tls`. Raises OSError with `strerror`, and `filename` where a file is at fault."""
        if tls is None and _NO_FILES in self._known:
            return self._known[_NO_FILES]
        making = self._under_way.get(tls) or self._begin(tls)
        try:
            async with asyncio.timeout(self._wait_seconds):
                return await asyncio.shield(making)
        except TimeoutError:
            reason = f"its TLS files could not be read within {self._wait_seconds:g} s"
            raise OSError(errno.ETIMEDOUT, reason) from None

    def keep_only(self, used: Collection[Material]) -> None:
        """Contexts of other material are no longer needed."""
        self._known = {material: trust for material, trust in self._known.items() if material in used}

    def _begin(self, tls: Tls | None) -> asyncio.Future[Trust]:
        if len(self._under_way) >= READINGS_MAX:
            raise OSError(errno.EAGAIN, f"{READINGS_MAX} providers' TLS files are still being read")
        made: Future[Trust] = Future()
        making = self._under_way[tls] = asyncio.wrap_future(made)
        making.add_done_callback(partial(self._end, tls))
        # Nobody waits at the process's end for a thread that hangs.
        Thread(target=self._carry_out, args=(made, tls), name="tls-files", daemon=True).start()
        return making

    def _end(self, tls: Tls | None, making: asyncio.Future[Trust]) -> None:
        del self._under_way[tls]
        if not making.cancelled() and making.exception() is None:
            trust = making.result()
            self._known[trust.material] = trust

    def _carry_out(self, made: Future[Trust], tls: Tls | None) -> None:
        """In a thread of its own."""
        try:
            made.set_result(self._make(tls))
        except OSError as fault:
            made.set_exception(fault)
        finally:
            if not made.done():
                made.set_exception(OSError(errno.EIO, "a fault of Turnpike's while TLS files were read"))

    def _make(self, tls: Tls | None) -> Trust:
        """The trust that is known for what the files hold, or a new one of just that."""
        ca_file, certificate_file = (None, None) if tls is None else (tls.ca_file, tls.client_certificate)
        authorities, certificate = self._content(ca_file), self._content(certificate_file)
        for _ in range(LOADS_MAX):
            material = (_digest(authorities), _digest(certificate))
            found = self._known.get(material)
            if found is not None:
                return found
            context = tls_context()
            if ca_file is not None and authorities is not None:
                _load_authorities(context, ca_file, authorities)
            if certificate_file is None:
                return Trust(material, context)
            _load_client_certificate(context, certificate_file)
            # It can be loaded by its name alone: what has this name now must be what was read.
            before, certificate = certificate, self._content(certificate_file)
            if certificate == before:
                return Trust(material, context)
        raise OSError(errno.EAGAIN, "replaced again and again while it was read", certificate_file)

    def _content(self, file: str | None) -> bytes | None:
        return None if file is None else self._read(file, PEM_MAX_BYTES)


def tls_context() -> ssl.SSLContext:
    """A context that verifies by the system's authorities."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _load_authorities(context: ssl.SSLContext, file: str, content: bytes) -> None:
    try:
        # What stands beside the certificates is left out, and may be in any letters.
        context.load_verify_locations(cadata=content.decode("ascii", "ignore"))
    except (ssl.SSLError, ValueError):
        raise OSError(errno.EINVAL, "not a PEM file of certificates", file) from None


def _load_client_certificate(context: ssl.SSLContext, file: str) -> None:
    try:
        # With a password given, a locked key is an error; without one, the terminal would be asked for it.
        context.load_cert_chain(file, password="")
    except ssl.SSLError:
        reason = "not a PEM file of a certificate and its own key, which no password locks"
        raise OSError(errno.EINVAL, reason, file) from None


def _digest(content: bytes | None) -> bytes | None:
    return None if content is None else hashlib.sha256(content).digest()
