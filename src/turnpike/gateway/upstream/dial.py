"""Opening connections: address by address, through a proxy where one is set."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
from collections.abc import Callable
from typing import Final, cast

from turnpike.gateway.upstream.connection import UpstreamConnection
from turnpike.gateway.upstream.origin import Origin, Proxy
from turnpike.gateway.upstream.resolver import Resolver
from turnpike.ports.upstream import Unreached

PROXY_HEAD_MAX_BYTES: Final = 16_384

Made = Callable[[], UpstreamConnection]


class Dialler:
    """Opens connections to one origin."""

    def __init__(
        self, origin: Origin, context: ssl.SSLContext | None, proxy: Proxy | None, resolver: Resolver
    ) -> None:
        self._origin = origin
        self._context = context
        self._proxy = proxy
        self._resolver = resolver
        self._loop = asyncio.get_running_loop()

    async def dial(self, made: Made, within_seconds: float) -> UpstreamConnection:
        """An open connection. Raises Unreached, which says what could not be reached and why."""
        try:
            async with asyncio.timeout(within_seconds):
                return await self._dial_first(made, self._loop.time() + within_seconds)
        except TimeoutError as fault:
            late = f"did not accept a connection within {within_seconds:g} s"
            raise Unreached(f"{self._origin.authority} {late}.", told=f"it {late}", timed_out=True) from fault

    async def _dial_first(self, made: Made, until: float) -> UpstreamConnection:
        """Each address gets an equal part of the time that is left: one that is silent costs not all of it."""
        host, port = self._origin.host, self._origin.port
        if self._proxy is not None:
            host, port = self._proxy.host, self._proxy.port
        fault: OSError | None = None
        addresses = await self._resolver.addresses(host)
        for tried, address in enumerate(addresses):
            try:
                async with asyncio.timeout((until - self._loop.time()) / (len(addresses) - tried)):
                    return await self._dial_address(made, address, port)
            except OSError as refused:
                fault = refused
        try:
            if isinstance(fault, TimeoutError):
                raise fault
            said = f"{self._origin.authority} cannot be reached: {_reason(fault)}."
            raise Unreached(said, told=_told(fault)) from fault
        finally:
            # An error holds the frames that it went through, this one among them.
            fault = None

    async def _dial_address(self, made: Made, address: str, port: int) -> UpstreamConnection:
        if self._proxy is not None and self._origin.secure:
            return await self._dial_tunnel(made, address, port)
        context = self._context if self._origin.secure else None
        name = self._origin.host if context is not None else None
        _, connection = await self._loop.create_connection(
            made, address, port, ssl=context, server_hostname=name
        )
        return connection

    async def _dial_tunnel(self, made: Made, address: str, port: int) -> UpstreamConnection:
        """Ask the proxy for a tunnel (RFC 9110, 9.3.6), then speak TLS with the origin in it."""
        opening = _TunnelOpening(self._loop.create_future())
        transport, _ = await self._loop.create_connection(lambda: opening, address, port)
        established = False
        try:
            transport.write(self._connect_request())
            await opening.answered
            connection = made()
            context = cast("ssl.SSLContext", self._context)
            secured = await self._loop.start_tls(
                transport, connection, context, server_hostname=self._origin.host
            )
            if secured is None:
                raise ConnectionResetError("the tunnel closed")
            connection.connection_made(secured)
            established = True
        finally:
            if not established:
                transport.abort()
        return connection

    def _connect_request(self) -> bytes:
        host = f"[{self._origin.host}]" if ":" in self._origin.host else self._origin.host
        authority = f"{host}:{self._origin.port}"
        return (
            f"CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n{proxy_authorization(self._proxy)}\r\n"
        ).encode("latin-1")


class _TunnelOpening(asyncio.Protocol):
    """Waits for the proxy's answer to CONNECT."""

    def __init__(self, answered: asyncio.Future[None]) -> None:
        self.answered = answered
        self._head = b""

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self.answered.done():
            return
        if b"\r\n\r\n" in self._head:
            status = self._head.split(b" ", 2)[1:2]
            if status and status[0].startswith(b"2"):
                self.answered.set_result(None)
            else:
                line = self._head.partition(b"\r\n")[0].decode("latin-1")
                self.answered.set_exception(ConnectionRefusedError(f"the proxy says {line!r}"))
        elif len(self._head) > PROXY_HEAD_MAX_BYTES:
            self.answered.set_exception(ConnectionRefusedError("the proxy's answer is too large"))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answered.done():
            self.answered.set_exception(ConnectionResetError("the proxy closed the connection"))


def proxy_authorization(proxy: Proxy | None) -> str:
    """The header line that a proxy with a credential wants, or nothing."""
    if proxy is None or proxy.credential is None:
        return ""
    token = base64.b64encode(proxy.credential.encode()).decode()
    return f"proxy-authorization: Basic {token}\r\n"


def _reason(fault: OSError | None) -> str:
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({fault.verify_message})"
    return str(fault) if fault is not None else "it has no address"


def _told(fault: OSError | None) -> str:
    """The same without names and addresses."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return "its certificate is not trusted"
    if isinstance(fault, ssl.SSLError):
        return "it does not speak the TLS that is asked of it"
    if fault is None:
        return "it has no address"
    return os.strerror(fault.errno).lower() if fault.errno else str(fault)
