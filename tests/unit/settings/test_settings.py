"""Reading settings: which value wins, and what is said of one that cannot be used."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from turnpike.settings import (
    SETTINGS,
    Address,
    SettingsFault,
    read_settings,
    rows_of_limits,
    settings_of,
    unknown_variables,
)


class SomeLimits(msgspec.Struct, frozen=True):
    """Limits of something.

    body_bytes: of one body.
    idle_seconds: with nothing to do.
    """

    body_bytes: int = 100
    idle_seconds: float = 7.5


ROWS = SETTINGS + rows_of_limits(SomeLimits, "edge")


def origins(environ: dict[str, str], flags: dict[str, str]) -> dict[str, str]:
    return {r.setting.variable: r.origin for r in read_settings(ROWS, environ, flags)}


def test_without_anything_set_every_setting_has_its_default() -> None:
    found = settings_of(read_settings(ROWS, {}, {}))
    assert found.home == Path("turnpike-data")
    assert found.gateway_listen == Address("127.0.0.1", 8080)
    assert found.control_listen == Address("127.0.0.1", 8081)
    assert found.workers == len(os.sched_getaffinity(0))
    assert found.drain_seconds == 30.0
    assert found.admin_key is None
    assert found.edge == {}


def test_a_flag_beats_the_environment_which_beats_the_default() -> None:
    environ = {"TURNPIKE_WORKERS": "3", "TURNPIKE_DRAIN_SECONDS": "4"}
    readings = read_settings(ROWS, environ, {"TURNPIKE_WORKERS": "5"})
    assert settings_of(readings).workers == 5
    assert settings_of(readings).drain_seconds == 4.0
    found = origins(environ, {"TURNPIKE_WORKERS": "5"})
    assert found["TURNPIKE_WORKERS"] == "flag"
    assert found["TURNPIKE_DRAIN_SECONDS"] == "environment"
    assert found["TURNPIKE_HOME"] == "default"


def test_an_empty_variable_is_not_set() -> None:
    assert origins({"TURNPIKE_WORKERS": ""}, {})["TURNPIKE_WORKERS"] == "default"


@pytest.mark.parametrize(
    ("variable", "text", "allowed"),
    [
        ("TURNPIKE_WORKERS", "many", "a whole number from 1 to 256"),
        ("TURNPIKE_WORKERS", "0", "a whole number from 1 to 256"),
        ("TURNPIKE_GATEWAY_LISTEN", "8080", "host:port"),
        ("TURNPIKE_GATEWAY_LISTEN", "127.0.0.1:70000", "0 to 65535"),
        ("TURNPIKE_DRAIN_SECONDS", "nan", "a number of seconds"),
        ("TURNPIKE_LOG_FORMAT", "xml", "auto | console | json"),
        ("TURNPIKE_TLS_CERTIFICATE", "/nowhere/edge.pem", "a file that exists"),
        ("TURNPIKE_CONTROL_URL", "localhost", "http://"),
        ("TURNPIKE_EDGE_BODY_BYTES", "-1", "a whole number, 1 or more"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_was_found_and_what_is_allowed(
    variable: str, text: str, allowed: str
) -> None:
    with pytest.raises(SettingsFault) as caught:
        read_settings(ROWS, {variable: text}, {})
    (fault,) = caught.value.faults
    assert fault.startswith(f'{variable}: found "{text}"; allowed: ')
    assert allowed in fault


def test_every_fault_is_named_at_once_and_a_flag_by_its_flag() -> None:
    with pytest.raises(SettingsFault) as caught:
        read_settings(ROWS, {"TURNPIKE_WORKERS": "x"}, {"TURNPIKE_DRAIN_SECONDS": "y"})
    assert [fault.split(":")[0] for fault in caught.value.faults] == ["TURNPIKE_WORKERS", "--drain-seconds"]


def test_a_secret_is_never_shown() -> None:
    readings = read_settings(ROWS, {"TURNPIKE_ADMIN_KEY": "tpk_secret"}, {})
    shown = {r.setting.variable: r.shown for r in readings}
    assert shown["TURNPIKE_ADMIN_KEY"] == "set"
    assert shown["TURNPIKE_MASTER_KEY"] == "not set"


def test_limits_of_a_part_become_settings_with_the_meaning_that_the_part_gives_them() -> None:
    rows = {row.variable: row for row in rows_of_limits(SomeLimits, "edge")}
    assert rows["TURNPIKE_EDGE_BODY_BYTES"].meaning == "of one body"
    assert rows["TURNPIKE_EDGE_IDLE_SECONDS"].default == "7.5"
    found = settings_of(read_settings(ROWS, {"TURNPIKE_EDGE_IDLE_SECONDS": "2"}, {}))
    assert found.edge == {"idle_seconds": 2.0}


def test_variables_that_look_like_ours_and_are_not_are_found() -> None:
    environ = {"TURNPIKE_WORKER": "2", "TURNPIKE_HOME": "x", "PATH": "y"}
    assert unknown_variables(ROWS, environ) == ("TURNPIKE_WORKER",)


def test_an_address_reads_back_as_it_is_written_and_can_be_called_from_this_machine() -> None:
    assert str(Address("::1", 8080)) == "[::1]:8080"
    assert Address("0.0.0.0", 80).url == "http://127.0.0.1:80"
    assert settings_of(read_settings(ROWS, {}, {"TURNPIKE_GATEWAY_LISTEN": "[::]:0"})).gateway_listen == (
        "::",
        0,
    )


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:canary@h/d",
        "postgresql://u:canary@h",
        "postgresql://u:canary@h:port/d",
        "postgresql://u:canary@h:99999/d",
        "canary",
    ],
)
def test_a_stores_address_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingsFault) as refused:
        read_settings(ROWS, {"TURNPIKE_STORE_URL": url}, {})
    assert "postgresql://user:password@host/database" in str(refused.value)
    assert "canary" not in str(refused.value)


def test_a_stores_address_is_never_shown() -> None:
    environ = {"TURNPIKE_STORE_URL": "postgresql://u:canary@h/d?sslmode=require"}
    readings = read_settings(ROWS, environ, {})
    assert settings_of(readings).store_url == environ["TURNPIKE_STORE_URL"]
    assert {r.shown for r in readings if r.setting.variable == "TURNPIKE_STORE_URL"} == {"set"}


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "http://control:80a",
        "http://:8081",
        "http://control/ x",
        "http://con\ttrol",
        "http://contrôle",
        "http://control?team=x",
        "http://control#x",
        "http://user:sekret@control",
        "//user:sekret@control",
        "ftp://control",
        "control:8081",
    ],
)
def test_an_address_that_cannot_be_called_is_refused_and_its_password_not_shown(url: str) -> None:
    with pytest.raises(SettingsFault) as refused:
        read_settings(ROWS, {"TURNPIKE_CONTROL_URL": url}, {})
    assert "TURNPIKE_CONTROL_URL: found " in str(refused.value)
    assert "sekret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8081", "https://control.example.com/turnpike/", "http://[::1]:1"]
)
def test_an_address_that_can_be_called_is_taken(url: str) -> None:
    readings = read_settings(ROWS, {"TURNPIKE_CONTROL_URL": url}, {})
    assert settings_of(readings).control_url == url.rstrip("/")


@pytest.mark.parametrize("key", ["sekret\nx", "sekret\udcff", "sekret모", "sekret\x00", "sekreté"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(SettingsFault) as refused:
        read_settings(ROWS, {"TURNPIKE_ADMIN_KEY": key}, {})
    assert "TURNPIKE_ADMIN_KEY: found a value of " in str(refused.value)
    assert "sekret" not in str(refused.value)


def test_a_value_that_is_no_text_is_refused() -> None:
    with pytest.raises(SettingsFault, match=r"TURNPIKE_HOME: .* allowed: text in UTF-8"):
        read_settings(ROWS, {"TURNPIKE_HOME": "/home/\udcff"}, {})


@pytest.mark.parametrize(
    ("host", "everywhere", "alone"),
    [
        ("127.0.0.1", False, True),
        ("127.8.8.8", False, True),
        ("::1", False, True),
        ("localhost", False, True),
        ("0.0.0.0", True, False),
        ("::", True, False),
        ("10.0.0.5", False, False),
        ("gateway.internal", False, False),
    ],
)
def test_an_address_tells_whom_it_lets_in(host: str, everywhere: bool, alone: bool) -> None:
    address = Address(host, 8080)
    assert (address.is_everywhere, address.is_of_this_machine_alone) == (everywhere, alone)
