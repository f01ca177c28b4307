"""The files of a provider's TLS: one that hangs holds up nobody else, and a context is made of what was read."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from tests.system.authority import Authority
from turnpike.domain.snapshot import Tls
from turnpike.files import read_named_file
from turnpike.gateway.upstream.trust import READINGS_MAX, TrustStore

HUNG = Tls("/hung/authority.pem")


class HangingFiles:
    """Reads whatever is there, but nothing under /hung until it is told to."""

    def __init__(self, file: Path) -> None:
        self.returned = Event()
        self.is_lost = False
        self.readings = 0
        self._file = file

    def read(self, path: str, max_bytes: int) -> bytes:
        if not path.startswith("/hung/"):
            return read_named_file(path, max_bytes)
        self.readings += 1
        self.returned.wait(60)
        if self.is_lost:
            raise OSError("its file system is gone")
        return read_named_file(self._file, max_bytes)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[HangingFiles]:
    files = HangingFiles(Authority(tmp_path).file)
    yield files
    files.is_lost = True  # What still hangs makes no context then, which would cost the next test.
    files.returned.set()


async def times_out(store: TrustStore, tls: Tls) -> None:
    with pytest.raises(OSError, match="could not be read within"):
        await store.trust(tls)


def test_a_file_that_hangs_holds_up_no_other_provider(files: HangingFiles, tmp_path: Path) -> None:
    hasty, patient = TrustStore(files.read, 0.01), TrustStore(files.read, 30)

    async def others() -> None:
        await times_out(hasty, HUNG)
        waiting = asyncio.create_task(patient.trust(HUNG))
        plain = await patient.trust(None)
        assert await patient.trust(None) is plain
        own = Tls(str(tmp_path / "authority.pem"))
        assert (await patient.trust(own)).context is not plain.context
        assert not waiting.done()
        files.returned.set()
        assert (await waiting).material == (await patient.trust(own)).material

    asyncio.run(others())


def test_what_is_still_being_read_is_not_read_a_second_time(files: HangingFiles) -> None:
    store = TrustStore(files.read, 0.01)

    async def again_and_again() -> None:
        for _ in range(3):
            await times_out(store, HUNG)
        files.returned.set()
        while True:
            try:
                await store.trust(HUNG)
            except OSError:
                continue
            return

    asyncio.run(again_and_again())
    # Once while it hung, and once more when it no longer did.
    assert files.readings <= 2


def test_no_more_readings_hang_at_once_than_may(files: HangingFiles) -> None:
    store = TrustStore(files.read, 0.01)

    async def many() -> None:
        hung = [Tls(f"/hung/{number}.pem") for number in range(READINGS_MAX)]
        await asyncio.gather(*(times_out(store, tls) for tls in hung))
        with pytest.raises(OSError, match=f"{READINGS_MAX} providers' TLS files are still being read"):
            await store.trust(HUNG)

    asyncio.run(many())


@pytest.mark.parametrize("field", ["ca_file", "client_certificate"])
def test_a_file_that_is_replaced_while_it_is_read_is_known_by_what_the_context_has(
    tmp_path: Path, field: str
) -> None:
    file = tmp_path / ("authority.pem" if field == "ca_file" else "server.pem")
    tls = Tls(**{field: str(file)})
    Authority(tmp_path)
    replaced: list[bytes] = []

    def read(path: str, max_bytes: int) -> bytes:
        """A renewal comes just behind the first reading."""
        content = read_named_file(path, max_bytes)
        if not replaced:
            replaced.append(content)
            Authority(tmp_path)
        return content

    async def replaced_meanwhile() -> None:
        store = TrustStore(read)
        first = await store.trust(tls)
        after = await store.trust(tls)
        if field == "ca_file":
            held = ssl.PEM_cert_to_DER_cert(replaced[0].decode())
            assert held in first.context.get_ca_certs(binary_form=True)
            assert after is not first
        else:
            assert after is first
        file.write_bytes(replaced[0])
        assert (await store.trust(tls) is first) == (field == "ca_file")

    asyncio.run(replaced_meanwhile())


def test_a_file_that_is_replaced_all_the_time_is_refused(tmp_path: Path) -> None:
    Authority(tmp_path)

    def read(path: str, max_bytes: int) -> bytes:
        content = read_named_file(path, max_bytes)
        Authority(tmp_path)
        return content

    with pytest.raises(OSError, match="replaced again and again"):
        asyncio.run(TrustStore(read).trust(Tls(client_certificate=str(tmp_path / "server.pem"))))


def test_words_in_any_letters_may_stand_beside_an_authority(tmp_path: Path) -> None:
    file = Authority(tmp_path).file
    plain = file.read_bytes()
    file.write_bytes("# Főtanúsítvány\n".encode() + plain + "\n# Ende, schön\n".encode("latin-1"))
    trust = asyncio.run(TrustStore().trust(Tls(str(file))))
    assert ssl.PEM_cert_to_DER_cert(plain.decode()) in trust.context.get_ca_certs(binary_form=True)
