"""`turnpike sim`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import click
import msgspec

from turnpike.bootstrap.fault import CannotStart
from turnpike.bootstrap.sim import run_sim
from turnpike.cli.failure import Failure
from turnpike.cli.output import say
from turnpike.settings import Address
from turnpike.sim.allowed import faulty_field, said_of
from turnpike.sim.meanings import SETTING_MEANINGS, STEERING_MEANINGS
from turnpike.sim.settings import SimSettings
from turnpike.sim.steering import Steering

USUAL_LISTEN: Final = "127.0.0.1:9000"


def _with_flags(command: Callable[..., int]) -> Callable[..., int]:
    """Give the command a flag for each setting and each wish, in the order of their page."""
    rows = [*SETTING_MEANINGS.items(), *STEERING_MEANINGS.items()]
    for name, meaning in reversed(rows):
        flag = f"--{_flag(name)}"
        if name == "fresh_ids":
            option = click.option(flag, name, is_flag=True, help=meaning)
        else:
            option = click.option(flag, name, metavar="…", multiple=name in ("keys", "models"), help=meaning)
        command = option(command)
    return command


def _flag(name: str) -> str:
    """`--key` and `--model` are given one at a time, the rest are called as their field is."""
    return {"keys": "key", "models": "model"}.get(name, name.replace("_", "-"))


@click.command()
@click.option(
    "--listen", metavar="…", default=USUAL_LISTEN, help=f"Address and port; port 0 is any. [{USUAL_LISTEN}]"
)
@_with_flags
def sim(listen: str, **values: Any) -> int:
    """Run a simulated provider: OpenAI's and Anthropic's dialects, and every fault at will.

    What flags set for all calls, a call's own `x-sim-…` headers set for it alone. Every answer
    says that it is simulated. GET /sim/ledger shows what a real provider would bill.

    \b
    Example: turnpike sim --listen 127.0.0.1:9000 --tokens-per-second 50 --latency-ms 200
    """
    given = {name: value for name, value in values.items() if value not in (None, (), False)}
    wishes = {name: value for name, value in given.items() if name in STEERING_MEANINGS}
    rest = {name: value for name, value in given.items() if name not in STEERING_MEANINGS}
    try:
        steering = msgspec.convert(wishes, Steering, strict=False)
        settings = msgspec.convert({**rest, "steering": steering}, SimSettings, strict=False)
        return run_sim(settings, _address(listen), say)
    except msgspec.ValidationError as fault:
        field = faulty_field(fault)
        struct = Steering if field in STEERING_MEANINGS else SimSettings
        raise click.UsageError(f"--{_flag(field)}: {said_of(struct, field, given[field])}") from None
    except CannotStart as fault:
        raise Failure(str(fault)) from None


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise click.UsageError(f"--listen: {text!r} is no address; one is like {USUAL_LISTEN}")
    return Address(host.strip("[]"), int(port))
