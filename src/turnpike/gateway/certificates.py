"""TLS at the edge, with certificates that are read anew when their files change."""

from __future__ import annotations

import asyncio
import errno
import ssl
from pathlib import Path
from typing import Final

import msgspec
import structlog

from turnpike.files import PEM_MAX_BYTES, read_named_file

LOOK_SECONDS: Final = 2.0


class _Loaded(msgspec.Struct, frozen=True):
    """A context, and what its files' dates were before they were read."""

    written_at: tuple[int, ...]
    context: ssl.SSLContext


class Certificates:
    """What the edge speaks TLS with. Raises OSError where a file cannot be read or used."""

    def __init__(self, certificate_file: Path, key_file: Path | None) -> None:
        self._certificate_file = certificate_file
        self._key_file = key_file
        self._loaded = self._load()

    def tls(self) -> ssl.SSLContext:
        """The context for the next handshake. It is never changed, since handshakes use it: a renewal makes another."""
        return self._loaded.context

    async def keep_fresh(self) -> None:
        """Until cancelled: new connections get a renewed certificate soon after it is there.

        Files are read beside the event loop, so that no call waits for them.
        """
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                renewed = await asyncio.to_thread(self._load_if_renewed)
            except OSError as fault:
                structlog.get_logger().error(
                    "certificate.unreadable", reason=f"{fault.filename}: {fault.strerror}"
                )
                continue
            if renewed is not None:
                self._loaded = renewed
                structlog.get_logger().info("certificate.loaded")

    def _load_if_renewed(self) -> _Loaded | None:
        return None if self._written_at() == self._loaded.written_at else self._load()

    def _load(self) -> _Loaded:
        written_at = self._written_at()
        for file in self._files():
            read_named_file(file, PEM_MAX_BYTES)
        context = _server_context()
        try:
            # With a password given, a locked key is an error; without one, the terminal would be asked for it.
            context.load_cert_chain(self._certificate_file, self._key_file, password="")
        except ssl.SSLError:
            reason = "there is no PEM certificate with its own key, which no password locks"
            raise OSError(errno.EINVAL, reason, str(self._certificate_file)) from None
        return _Loaded(written_at, context)

    def _written_at(self) -> tuple[int, ...]:
        """What changes with each renewal, by writing the files anew or by putting others in their place."""
        found = [file.stat() for file in self._files()]
        return tuple(mark for file in found for mark in (file.st_mtime_ns, file.st_ino, file.st_size))

    def _files(self) -> tuple[Path, ...]:
        return (
            (self._certificate_file,) if self._key_file is None else (self._certificate_file, self._key_file)
        )


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
