"""Other gateways, each with one worker on the gateway's core, routed to the same fake upstreams."""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from bench import install, latency
from bench.gateways import Gateway
from bench.processes import BenchError, child, descendants, free_port, is_open, run, wait_until
from bench.wire import PLAIN_MODEL, STREAM_MODEL

START_SECONDS = 120.0
RIVAL_KEY = "sk-bench-0123456789abcdef"


class Upstreams(msgspec.Struct, frozen=True):
    """The loopback ports of the fake upstreams: for calls that do not stream, and for streams."""

    plain_port: int
    stream_port: int


@contextlib.contextmanager
def litellm(folder: Path, upstreams: Upstreams, core: int) -> Iterator[Gateway]:
    """LiteLLM's proxy with a master key and no database."""
    home = install.litellm()
    folder.mkdir(parents=True)
    port = free_port()
    ports = {PLAIN_MODEL: upstreams.plain_port, STREAM_MODEL: upstreams.stream_port}
    config = {
        "model_list": [
            {"model_name": model, "litellm_params": _litellm_target(model, at)} for model, at in ports.items()
        ],
        "general_settings": {"master_key": RIVAL_KEY},
    }
    (folder / "config.json").write_bytes(msgspec.json.encode(config))
    gateway = Gateway(
        name="LiteLLM proxy",
        port=port,
        stream_port=port,
        headers={"Authorization": f"Bearer {RIVAL_KEY}"},
        stream_headers={"Authorization": f"Bearer {RIVAL_KEY}"},
        worker_pids=[],
        version=_litellm_version(home),
    )
    command = [str(home / "bin" / "litellm"), "--config", str(folder / "config.json"), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--num_workers", "1"]
    # Its price list is fetched from the internet at start unless it is told to use its own copy.
    settings = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    with _running(command, folder, core, settings, gateway) as ready:
        yield ready


@contextlib.contextmanager
def portkey(folder: Path, upstreams: Upstreams, core: int) -> Iterator[Gateway]:
    """Portkey's open gateway, told by headers where to go, as its clients do."""
    package = install.portkey() / "node_modules" / "@portkey-ai" / "gateway"
    folder.mkdir(parents=True)
    port = free_port()
    gateway = Gateway(
        name="Portkey gateway",
        port=port,
        stream_port=port,
        headers=_portkey_headers(upstreams.plain_port),
        stream_headers=_portkey_headers(upstreams.stream_port),
        worker_pids=[],
        version=msgspec.json.decode((package / "package.json").read_bytes())["version"],
    )
    command = ["node", str(package / "build" / "start-server.js"), f"--port={port}", "--headless"]
    with _running(command, folder, core, {"NODE_ENV": "production"}, gateway) as ready:
        yield ready


def _litellm_target(model: str, port: int) -> dict[str, str]:
    return {"model": f"openai/{model}", "api_base": f"http://127.0.0.1:{port}/v1", "api_key": "sk-upstream"}


def _litellm_version(home: Path) -> str:
    said = "import importlib.metadata as m; print(m.version('litellm'))"
    return run([str(home / "bin" / "python"), "-c", said], 60.0).strip()


def _portkey_headers(port: int) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {RIVAL_KEY}",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://127.0.0.1:{port}/v1",
    }


@contextlib.contextmanager
def _running(
    command: Sequence[str], folder: Path, core: int, settings: Mapping[str, str], gateway: Gateway
) -> Iterator[Gateway]:
    log = folder / "out.log"
    with child(command, log, core, settings) as process:
        try:
            wait_until(lambda: _answers(gateway), f"{gateway.name} did not answer", START_SECONDS, process)
        except BenchError as fault:
            raise BenchError(f"{fault}: {_last_words(log)}") from fault
        yield msgspec.structs.replace(gateway, worker_pids=_family(process))


def _answers(gateway: Gateway) -> bool:
    if not is_open(gateway.port):
        return False
    with contextlib.suppress(BenchError, OSError):
        latency.check(gateway)
        return True
    return False


def _last_words(log: Path) -> str:
    return " / ".join(log.read_text(errors="replace").strip().splitlines()[-3:])


def _family(process: subprocess.Popen[bytes]) -> list[int]:
    return [process.pid, *descendants(process.pid)]
