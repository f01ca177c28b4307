"""The quick bench needs nothing but a machine, and of a running gateway all that it must know."""

from __future__ import annotations

import pytest

from bench.quick import read_options

RUNNING = ("--url", "http://127.0.0.1:8080", "--key", "tpk_of-somebody-who-measures")
PORTS = ("--upstream-port", "9100", "--stream-upstream-port", "9101")


def test_nothing_need_be_said() -> None:
    options = read_options(())
    assert (options.url, options.key, options.upstream_port, options.stream_upstream_port) == (None,) * 4


def test_a_running_gateway_is_measured_where_it_is_described_whole() -> None:
    options = read_options((*RUNNING, *PORTS))
    assert (options.upstream_port, options.stream_upstream_port) == (9100, 9101)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (RUNNING[:2], "--url and --key go together"),
        (RUNNING[2:], "--url and --key go together"),
        (RUNNING, "--upstream-port and --stream-upstream-port"),
        ((*RUNNING, *PORTS[:2]), "--upstream-port and --stream-upstream-port"),
        (("--no-pin",), "give --url and --key"),
        (("--pid", "1"), "give --url and --key"),
    ],
)
def test_half_a_description_is_refused_with_what_is_missing(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        read_options(arguments)
    assert ended.value.code == 2
    assert said in " ".join(capsys.readouterr().err.split())
