"""The way in, and the list of models."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.playbook.stage import Stage
from turnpike.domain.errors import Draining, InvalidRequest, NotReady, Overloaded
from turnpike.gateway.gate import Gate
from turnpike.gateway.models import anthropic_models
from turnpike.gateway.provision import Serving


def test_nobody_is_let_in_without_a_configuration() -> None:
    with pytest.raises(NotReady), Gate(calls_max=1):
        pass


def test_no_more_are_let_in_than_the_limit(tmp_path: Path) -> None:
    gate = Gate(calls_max=1)
    gate.serving = asyncio.run(a_serving(tmp_path))
    with gate:
        with pytest.raises(Overloaded, match="1 calls are in flight"), gate:
            pass
        assert gate.in_flight == 1
    with gate:
        assert gate.in_flight == 1
    assert gate.in_flight == 0


def test_draining_waits_for_the_last_call_and_no_longer_than_its_bound(tmp_path: Path) -> None:
    async def drained() -> list[str]:
        gate = Gate(calls_max=5)
        gate.serving = await a_serving(tmp_path)
        told: list[str] = []

        async def a_call(goes: asyncio.Event) -> None:
            with gate:
                await goes.wait()
                told.append("call ended")

        async with asyncio.TaskGroup() as group:
            goes = asyncio.Event()
            group.create_task(a_call(goes))
            await asyncio.sleep(0)
            await gate.drain(0.01)
            told.append("bound passed")
            with pytest.raises(Draining), gate:
                pass
            draining = group.create_task(gate.drain(10))
            goes.set()
            await draining
            told.append("drained")
        return told

    assert asyncio.run(drained()) == ["bound passed", "call ended", "drained"]


def test_an_idle_gate_is_drained_at_once() -> None:
    asyncio.run(Gate(calls_max=1).drain(10))


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1001", "9" * 20, "000001" + "0" * 5000, "%C2%B2"])
def test_a_page_of_no_size_is_refused(tmp_path: Path, limit: str) -> None:
    serving = asyncio.run(a_serving(tmp_path))
    access = serving.snapshot.keys[0].access
    with pytest.raises(InvalidRequest, match="a number from 1 to 1000"):
        anthropic_models(serving, access, {}, f"limit={limit}&x=1".encode())


async def a_serving(folder: Path) -> Serving:
    stage = Stage(folder)
    await stage.close()
    assert stage.gate.serving is not None
    return stage.gate.serving
