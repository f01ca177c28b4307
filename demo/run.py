"""Turnpike at work on this machine: a simulated provider, two teams, the real SDKs.

Starts everything in a temporary folder on free ports, shows what each caller asks and gets, ends everything again.
Exit status 0 when all went as expected, 1 when anything did not.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import anthropic
import openai

READY_WITHIN_SECONDS = 30.0
ENDED_WITHIN_SECONDS = 15.0
CALL_WITHIN_SECONDS = 10.0
SIM_KEY = "sk-simulated-provider"

CONFIGURATION = """\
providers:
  - {{name: sim-openai,    kind: openai-compatible, base_url: "{sim}/v1", credential: "${{env:SIM_KEY}}"}}
  - {{name: sim-anthropic, kind: anthropic,         base_url: "{sim}",    credential: "${{env:SIM_KEY}}"}}
models:
  - {{name: fast,  targets: [{{provider: sim-openai,    model: gpt-4o-mini}}]}}
  - {{name: smart, targets: [{{provider: sim-anthropic, model: claude-sonnet-4-6}}]}}
teams:
  - {{name: research, models: [fast, smart]}}
  - {{name: support,  models: [smart]}}
"""

WEATHER_TOOL: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


class WentWrong(Exception):
    """Something is not as it should be; the message says what."""


class Callers:
    """The SDK clients of the demo's two teams, as any application would make them."""

    def __init__(self, gateway: str, research_key: str, support_key: str) -> None:
        limits: Any = {"timeout": CALL_WITHIN_SECONDS, "max_retries": 0}
        self.research: Any = openai.OpenAI(base_url=f"{gateway}/v1", api_key=research_key, **limits)
        self.research_claude: Any = anthropic.Anthropic(base_url=gateway, api_key=research_key, **limits)
        self.support: Any = openai.OpenAI(base_url=f"{gateway}/v1", api_key=support_key, **limits)
        self.stranger: Any = anthropic.Anthropic(base_url=gateway, api_key="tpk_not-a-key", **limits)

    def close(self) -> None:
        """Hang up."""
        for client in (self.research, self.research_claude, self.support, self.stranger):
            client.close()


def main() -> int:
    """Run the demo; the exit status."""
    started = time.monotonic()
    for name in [name for name in os.environ if not is_neutral(name)]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="turnpike-demo-") as folder, ExitStack() as house:
        try:
            callers, sim = open_house(Path(folder), house)
            failed = [scene.__name__ for scene in SCENES if not played(scene, callers)]
            show_ledger(sim)
        except WentWrong as fault:
            print(f"\nThe demo could not go on: {fault}")
            print_logs(Path(folder))
            return 1
        except KeyboardInterrupt:
            print("\nStopped.")
            return 1
        if failed:
            print(f"\nNot as expected: {', '.join(failed)}")
            print_logs(Path(folder))
    if failed:
        return 1
    print(f"\nEverything went as expected and has ended, in {time.monotonic() - started:.1f} s.")
    return 0


def open_house(folder: Path, house: ExitStack) -> tuple[Callers, str]:
    """Start the provider and Turnpike, make teams and keys; the callers, and where the provider listens."""
    print("Starting a simulated provider, and Turnpike in front of it ...")
    environ = {**os.environ, "SIM_KEY": SIM_KEY}
    sim_log = folder / "sim.log"
    house.enter_context(process("sim", ["--listen", "127.0.0.1:0", "--key", SIM_KEY], sim_log, environ))
    sim = wait_for("the simulated provider", lambda: address_in(sim_log))
    configuration = folder / "turnpike.yaml"
    configuration.write_text(CONFIGURATION.format(sim=sim))
    home = folder / "home"
    flags = ["--home", str(home), "--config", str(configuration), "--workers", "1"]
    flags += ["--gateway-listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0"]
    house.enter_context(process("up", flags, folder / "up.log", environ))
    running = wait_for("turnpike up", lambda: json_in(home / "run" / "up.json"))
    gateway = str(running["gateway_url"])
    wait_for("the gateway", lambda: is_ready(f"{gateway}/readyz"))
    keys = [make_key(home, team, environ) for team in ("research", "support")]
    callers = Callers(gateway, *keys)
    house.callback(callers.close)
    print(f"  provider  {sim}\n  gateway   {gateway}\n  control   {running['control_url']}")
    print("  team research may use fast and smart; team support may use smart")
    return callers, sim


# What is shown


def an_answer(callers: Callers) -> None:
    """research asks the model fast, with OpenAI's SDK."""
    raw = callers.research.chat.completions.with_raw_response.create(
        model="fast", messages=[{"role": "user", "content": "What is a turnpike?"}]
    )
    show("came", raw.parse().choices[0].message.content)
    show_headers(raw.headers)
    expect("simulated" in raw.parse().choices[0].message.content, "the answer is the simulated provider's")
    expect(raw.headers.get("x-turnpike-target") == "sim-openai/gpt-4o-mini", "the target is named")


def a_stream(callers: Callers) -> None:
    """research streams from the model smart, with Anthropic's SDK."""
    raw = callers.research_claude.messages.with_raw_response.create(
        model="smart",
        max_tokens=200,
        messages=[{"role": "user", "content": "Tell me slowly."}],
        stream=True,
        extra_headers={"x-sim-tokens-per-second": "100"},
    )
    kinds, text = [], ""
    for event in raw.parse():
        kinds.append(event.type)
        text += getattr(event.delta, "text", "") if event.type == "content_block_delta" else ""
    show("came", f"{len(kinds)} events, from {kinds[0]} to {kinds[-1]}: {text}")
    show_headers(raw.headers)
    expect((kinds[0], kinds[-1]) == ("message_start", "message_stop"), "the stream is whole")


def a_tool_call(callers: Callers) -> None:
    """research lets fast call a tool, and sends the tool's result back."""
    history: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    chat = callers.research.chat.completions
    asked = chat.create(model="fast", messages=history, tools=[WEATHER_TOOL]).choices[0].message
    call = asked.tool_calls[0]
    show("came", f"a call of {call.function.name} with {call.function.arguments}")
    expect(json.loads(call.function.arguments) == {"city": "Paris"}, "the arguments are valid")
    history += [asked, {"role": "tool", "tool_call_id": call.id, "content": "sunny, 21 degrees"}]
    show("sent", "the tool's result: sunny, 21 degrees")
    raw = chat.with_raw_response.create(model="fast", messages=history, tools=[WEATHER_TOOL])
    show("came", raw.parse().choices[0].message.content)
    show_headers(raw.headers)
    expect("sunny" in raw.parse().choices[0].message.content, "the answer uses the result")


def a_model_that_is_not_allowed(callers: Callers) -> None:
    """support asks fast, which it may not use."""
    refused = refusal(
        openai.PermissionDeniedError,
        lambda: callers.support.chat.completions.create(
            model="fast", messages=[{"role": "user", "content": "Hello"}]
        ),
    )
    show_refusal(refused, refused.body)
    expect(refused.code == "model_not_allowed", "the code is model_not_allowed")


def a_wrong_key(callers: Callers) -> None:
    """Somebody comes with a key that is none, with Anthropic's SDK."""
    refused = refusal(
        anthropic.AuthenticationError,
        lambda: callers.stranger.messages.create(
            model="smart", max_tokens=50, messages=[{"role": "user", "content": "Hello"}]
        ),
    )
    show_refusal(refused, refused.body["error"])
    expect(refused.body["error"]["code"] == "invalid_key", "the code is invalid_key")


def a_cut_stream(callers: Callers) -> None:
    """The provider breaks off in good HTTP order, without the dialect's last event: no SDK may take it for whole."""
    cut = {"x-sim-cut": "terminator"}
    question = [{"role": "user", "content": "Hello"}]

    def read_gpt() -> None:
        for chunk in callers.research.chat.completions.create(
            model="fast", messages=question, stream=True, extra_headers=cut
        ):
            pieces.append(chunk.choices[0].delta.content or "" if chunk.choices else "")

    def read_claude() -> None:
        for event in callers.research_claude.messages.create(
            model="smart", max_tokens=50, messages=question, stream=True, extra_headers=cut
        ):
            pieces.append(event.type)

    for name, error, read in (
        ("OpenAI", openai.APIError, read_gpt),
        ("Anthropic", anthropic.APIError, read_claude),
    ):
        pieces: list[str] = []
        broken = refusal(error, read)
        show("came", f"{name}'s SDK read {len(pieces)} events, then raised {type(broken).__name__}")
        show("", f"{broken.body}")
        expect(bool(pieces), "something came before the error")
        expect("upstream_interrupted" in f"{broken.body}", "the error is upstream_interrupted")


SCENES = (an_answer, a_stream, a_tool_call, a_model_that_is_not_allowed, a_wrong_key, a_cut_stream)


def played(scene: Callable[[Callers], None], callers: Callers) -> bool:
    """Play one scene; whether it went as expected."""
    print(f"\n{scene.__name__.replace('_', ' ').capitalize()}")
    show("asked", scene.__doc__ or "")
    try:
        scene(callers)
    except (WentWrong, openai.OpenAIError, anthropic.AnthropicError) as fault:
        show("WRONG", f"{type(fault).__name__}: {fault}")
        return False
    return True


def refusal(kind: type[Exception], ask: Callable[[], object]) -> Any:
    """The error of that kind that asking raises."""
    try:
        ask()
    except kind as refused:
        return refused
    raise WentWrong(f"expected {kind.__name__}, but the call went through")


def expect(held: bool, what: str) -> None:
    """Go on only where it held."""
    if not held:
        raise WentWrong(f"expected: {what}")


def show(what: str, text: str) -> None:
    """One line of what happened."""
    print(f"  {what:8} {text}")


def show_headers(headers: Mapping[str, str]) -> None:
    """The headers that Turnpike adds to an answer."""
    for name, value in headers.items():
        if name.startswith("x-turnpike-"):
            show("", f"{name}: {value}")


def show_refusal(refused: Any, error: dict[str, str]) -> None:
    """What a caller sees who may not."""
    show("came", f"{refused.status_code} {error['code']}, raised as {type(refused).__name__}")
    show("", error["message"])
    show_headers(refused.response.headers)


def show_ledger(sim: str) -> None:
    """What the provider counted: the refused calls never reached it."""
    with urllib.request.urlopen(f"{sim}/sim/ledger", timeout=CALL_WITHIN_SECONDS) as reply:
        total = json.load(reply)["total"]
    print("\nWhat the provider counted")
    show("", f"{total['answered']} calls answered, {total['cut']} cut, {total['refused']} refused")
    show("", f"{total['input_tokens']} tokens in and {total['output_tokens']} out for the answered ones")


# Processes


@contextmanager
def process(command: str, flags: list[str], log: Path, environ: dict[str, str]) -> Iterator[None]:
    """A `turnpike` command under way; told to end, and waited for, at the end."""
    with log.open("w") as output:
        arguments = [sys.executable, "-m", "turnpike", command, *flags]
        running = subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT, env=environ)
    try:
        yield
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(ENDED_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
            print(f"turnpike {command} did not end within {ENDED_WITHIN_SECONDS:g} s and was killed.")


def make_key(home: Path, team: str, environ: dict[str, str]) -> str:
    """A new key for the team, made by the command that an administrator would use."""
    command = [sys.executable, "-m", "turnpike", "keys", "create", f"{team}-app", "--team", team]
    made = subprocess.run(
        [*command, "--json", "--home", str(home)], capture_output=True, text=True, env=environ, check=False
    )
    if made.returncode != 0:
        raise WentWrong(f"turnpike keys create: {made.stderr.strip()}")
    return str(json.loads(made.stdout)["secret"])


def wait_for(what: str, look: Callable[[], Any]) -> Any:
    """What `look` finds, as soon as it finds anything."""
    end = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise WentWrong(f"{what} was not ready within {READY_WITHIN_SECONDS:g} s")


def address_in(log: Path) -> str | None:
    """The address that the simulated provider has told."""
    lines = log.read_text().splitlines()
    return lines[0].split()[-1] if lines else None


def json_in(file: Path) -> Any:
    """The file's JSON value, once there is one."""
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        return None


def is_ready(url: str) -> bool:
    """Whether the address answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=CALL_WITHIN_SECONDS) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def is_neutral(name: str) -> bool:
    """Whether a variable of this shell may stay: nothing that the SDKs or we would read, and no proxy."""
    return not name.startswith(("TURNPIKE_", "OPENAI_", "ANTHROPIC_")) and not name.lower().endswith(
        ("_api_key", "_proxy")
    )


def print_logs(folder: Path) -> None:
    """The last lines of what the processes said."""
    for log in sorted(folder.glob("*.log")):
        print(f"\n--- {log.name}")
        print("\n".join(log.read_text().splitlines()[-20:]))


if __name__ == "__main__":
    sys.exit(main())
