"""TLS of a provider's own: contexts follow what its files hold, and calls go on while they are read."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.system.authority import Authority
from tests.unit.gateway.test_provision_secrets import OpenSeal
from turnpike.domain.snapshot import Provider, Snapshot, Tls
from turnpike.files import PEM_MAX_BYTES
from turnpike.gateway.deadlines import Deadlines
from turnpike.gateway.provision import Provisioner, Serving, UnusableTls
from turnpike.gateway.upstream.trust import TrustStore
from turnpike.providers.table import PROVIDERS


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A PEM file of an authority; beside it `server.pem` holds a certificate with its key."""
    return Authority(tmp_path).file


def a_snapshot(*ways: Tls | None, base_url: str = "https://127.0.0.1:9/v1") -> Snapshot:
    providers = tuple(
        Provider(f"p{number}", "openai-compatible", base_url, tls=tls) for number, tls in enumerate(ways)
    )
    return Snapshot("v", 1, 1, "default", providers=providers)


class Worker:
    """Provisions one snapshot after the other, as a worker does."""

    def __init__(self) -> None:
        self._provisioner = Provisioner(PROVIDERS, OpenSeal(), Deadlines())
        self._current: Serving | None = None

    async def take_up(self, snapshot: Snapshot) -> Serving:
        new = await self._provisioner.provision(snapshot, self._current)
        if self._current is not None:
            self._provisioner.retire(self._current, new)
        self._current = new
        return new


async def refusal(snapshot: Snapshot) -> str:
    with pytest.raises(UnusableTls) as refused:
        await Worker().take_up(snapshot)
    return str(refused.value)


def test_an_unchanged_provider_with_tls_of_its_own_keeps_its_connections(authority: Path) -> None:
    tls = Tls(str(authority), str(authority.with_name("server.pem")))

    async def twice() -> tuple[Serving, Serving]:
        worker = Worker()
        return await worker.take_up(a_snapshot(tls)), await worker.take_up(a_snapshot(tls))

    first, second = asyncio.run(twice())
    assert second.pools["p0"] is first.pools["p0"]


@pytest.mark.parametrize("field", ["ca_file", "client_certificate"])
def test_a_changed_file_gives_new_connections_though_its_name_is_the_same(
    authority: Path, field: str
) -> None:
    file = authority.with_name("server.pem")
    tls = Tls(**{field: str(file)})

    async def change() -> tuple[Serving, Serving, Serving]:
        worker = Worker()
        first = await worker.take_up(a_snapshot(tls))
        found = file.stat()
        Authority(authority.parent)
        os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
        return first, await worker.take_up(a_snapshot(tls)), await worker.take_up(a_snapshot(tls))

    first, second, third = asyncio.run(change())
    assert second.pools["p0"] is not first.pools["p0"]
    assert third.pools["p0"] is second.pools["p0"]


def test_providers_whose_files_hold_the_same_share_a_context(authority: Path) -> None:
    copy = authority.with_name("copy.pem")
    copy.write_bytes(authority.read_bytes())

    async def both() -> tuple[object, object, object]:
        store = TrustStore()
        one = await store.trust(Tls(str(authority)))
        same = await store.trust(Tls(str(copy)))
        return one.context, same.context, (await store.trust(None)).context

    one, same, plain = asyncio.run(both())
    assert one is same
    assert one is not plain


def test_calls_go_on_while_the_files_of_many_providers_are_read(authority: Path) -> None:
    ways = []
    for number in range(6):
        file = authority.with_name(f"{number}.pem")
        file.write_bytes(authority.read_bytes() + b"\n" * number)
        ways.append(Tls(str(file)))

    async def turns_meanwhile() -> int:
        """How often something else had its turn on the event loop until the snapshot was ready."""
        turns = 0
        async with asyncio.TaskGroup() as group:
            making = group.create_task(Worker().take_up(a_snapshot(*ways)))
            while not making.done():
                turns += 1
                await asyncio.sleep(0)
        return turns

    assert asyncio.run(turns_meanwhile()) > len(ways)


@pytest.mark.parametrize("field", ["ca_file", "client_certificate"])
def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path: Path, field: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    words = asyncio.run(refusal(a_snapshot(Tls(**{field: str(tmp_path / "pipe")}))))
    assert words == f"provider 'p0': {tmp_path / 'pipe'}: not a regular file"


@pytest.mark.parametrize("field", ["ca_file", "client_certificate"])
def test_what_is_no_file_or_too_large_or_not_pem_is_named(tmp_path: Path, field: str) -> None:
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", PEM_MAX_BYTES + 1)
    (tmp_path / "text").write_text("not PEM")
    for path, words in {
        "/dev/zero": "not a regular file",
        str(tmp_path): "a folder, where a file is wanted",
        str(tmp_path / "large"): f"larger than {PEM_MAX_BYTES} bytes",
        str(tmp_path / "text"): "not a PEM file",
        str(tmp_path / "none"): "No such file",
    }.items():
        assert f"{path}: {words}" in asyncio.run(refusal(a_snapshot(Tls(**{field: path}))))


def test_files_of_a_provider_that_is_reached_without_tls_are_not_looked_at() -> None:
    async def plain() -> Serving:
        return await Worker().take_up(a_snapshot(Tls("/dev/zero"), base_url="http://127.0.0.1:9/v1"))

    assert asyncio.run(plain()).approaches["p0"].material is None
