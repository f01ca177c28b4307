"""TLS at the edge, with certificates that are read anew when their files change."""

from __future__ import annotations

import asyncio
import errno
import ssl
from pathlib import Path
from typing import Final

import structlog

from turnpike.files import PEM_MAX_BYTES, read_named_file

LOOK_SECONDS: Final = 2.0


class Certificates:
    """A TLS context for the edge. Raises OSError where a file cannot be read or used."""

    def __init__(self, certificate_file: Path | None, key_file: Path | None) -> None:
        self._certificate_file = certificate_file
        self._key_file = key_file
        self._loaded_at: tuple[int, ...] = ()
        self.tls: ssl.SSLContext | None = None
        if certificate_file is not None:
            self.tls = _server_context()
            self._load()

    async def keep_fresh(self) -> None:
        """Until cancelled: new connections get a renewed certificate soon after it is there.

        Files are read beside the event loop, so that no call waits for them.
        """
        while self.tls is not None:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                if await asyncio.to_thread(self._is_renewed):
                    await asyncio.to_thread(self._load)
                    structlog.get_logger().info("certificate.loaded")
            except OSError as fault:
                structlog.get_logger().error(
                    "certificate.unreadable", reason=f"{fault.filename}: {fault.strerror}"
                )

    def _load(self) -> None:
        if self.tls is None or self._certificate_file is None:
            return
        written_at = self._written_at()
        for file in self._files():
            read_named_file(file, PEM_MAX_BYTES)
        # A certificate without its key yet, in a renewal of two steps, must not reach the one in use.
        try:
            _server_context().load_cert_chain(self._certificate_file, self._key_file, password="")
        except ssl.SSLError:
            reason = "there is no PEM certificate with its own key, which no password locks"
            raise OSError(errno.EINVAL, reason, str(self._certificate_file)) from None
        # With a password given, a locked key is an error; without one, the terminal would be asked for it.
        self.tls.load_cert_chain(self._certificate_file, self._key_file, password="")
        self._loaded_at = written_at

    def _is_renewed(self) -> bool:
        return self._written_at() != self._loaded_at

    def _written_at(self) -> tuple[int, ...]:
        """What changes with each renewal, by writing the files anew or by putting others in their place."""
        found = [file.stat() for file in self._files()]
        return tuple(mark for file in found for mark in (file.st_mtime_ns, file.st_ino, file.st_size))

    def _files(self) -> tuple[Path, ...]:
        return tuple(file for file in (self._certificate_file, self._key_file) if file is not None)


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
