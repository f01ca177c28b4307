"""`turnpike explain`: why a key may or may not ask for a model."""

from __future__ import annotations

from typing import Final

import click

from turnpike.bootstrap.access import control_client
from turnpike.bootstrap.configuration import Configuration
from turnpike.cli.options import CLIENT_SETTINGS, with_settings
from turnpike.cli.output import say, write_json, write_table
from turnpike.client import Request
from turnpike.client.answers import Explanation, Level, Tried
from turnpike.domain.surface import SURFACES

DONE: Final = 0
REFUSED: Final = 1


@click.command()
@click.argument("key")
@click.argument("model")
@click.option("--surface", type=click.Choice(SURFACES), help="Only for calls on this surface.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@with_settings(*CLIENT_SETTINGS)
def explain(found: Configuration, key: str, model: str, surface: str | None, as_json: bool) -> int:
    """Say why a key may or may not ask for a model, and where such a call would go.

    Ends with status 0 where the gateway would take the call, 1 where it would refuse it.

    \b
    Example: turnpike explain research-app fast
    """
    question = {"key": key, "model": model, "surface": surface}
    told = control_client(found).ask(Request("POST", "/api/v1/explain", question), Explanation)
    if as_json:
        write_json(told.value)
    else:
        _show(told.said)
    return DONE if told.said.allowed else REFUSED


def _show(answer: Explanation) -> None:
    verdict = "allowed" if answer.allowed else f"refused ({answer.code})"
    say(f"{verdict}: {answer.says}\n")
    write_table(("LEVEL", "MODELS", "SURFACES"), [_level(level) for level in answer.levels])
    if answer.targets:
        say(f"\n{_meaning(answer)}, in this order:")
        write_table(("TARGET", "RETRIES", "LIMITS"), [_target(target) for target in answer.targets])
    notes = (
        ("tags that the key gives", [f"{name}={value}" for name, value in answer.tags.items()]),
        ("required tags", answer.required_tags),
        ("tags that the call must bring", answer.missing_tags),
        ("networks", answer.networks),
    )
    for name, values in notes:
        if values:
            say(f"\n{name}: {', '.join(values)}")


def _meaning(answer: Explanation) -> str:
    if answer.means == answer.model:
        return f"{answer.model} goes to these targets"
    star = f", the star being {answer.star}" if answer.star else ""
    return f"{answer.model} means {answer.means}{star}; it goes to these targets"


def _level(level: Level) -> tuple[str, str, str]:
    models = _said(level.models, level.allows_model)
    return level.level, models, _said(level.surfaces, level.allows_surface)


def _said(names: tuple[str, ...] | None, allows: bool | None) -> str:
    if names is None:
        return "-"
    verdict = {True: "yes: ", False: "NO: ", None: ""}[allows]
    return verdict + (", ".join(names) or "none")


def _target(target: Tried) -> tuple[str, str, str]:
    limits = ", ".join(
        f"{name.removesuffix('_seconds').replace('_', ' ')} {seconds:g} s"
        for name, seconds in target.limits.items()
    )
    region = f" ({target.region})" if target.region else ""
    return f"{target.provider}/{target.model}{region}", str(target.retries), limits
