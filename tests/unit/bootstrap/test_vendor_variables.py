"""Vendors' variables that were meant for callers of this very gateway."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from turnpike.bootstrap.configuration import ALL_SETTINGS, Configuration
from turnpike.bootstrap.vendor_variables import left_out, vendor_variables
from turnpike.providers.table import PROVIDERS
from turnpike.settings import read_settings, settings_of

KEYS = {"OPENAI_API_KEY": "sk-one", "ANTHROPIC_API_KEY": "sk-two"}


def found(environ: Mapping[str, str], listen: str = "127.0.0.1:8080") -> Configuration:
    readings = read_settings(ALL_SETTINGS, {"TURNPIKE_GATEWAY_LISTEN": listen}, {})
    return Configuration(settings_of(readings), readings, {}, environ, ())


def test_keys_and_addresses_that_are_set_are_taken() -> None:
    elsewhere = {**KEYS, "OPENAI_BASE_URL": "http://127.0.0.1:9000/v1"}
    assert vendor_variables(found({**elsewhere, "HOME": "/root", "X_API_KEY": "x"}), PROVIDERS) == elsewhere
    assert left_out(found(elsewhere), PROVIDERS) == {}


@pytest.mark.parametrize(
    ("url", "listen"),
    [
        ("http://127.0.0.1:8080/v1", "127.0.0.1:8080"),
        ("http://localhost:8080/v1", "0.0.0.0:8080"),
        ("https://[::1]:8080/v1", "[::]:8080"),
        ("http://10.0.0.5/v1", "10.0.0.5:80"),
    ],
)
def test_an_address_that_leads_back_to_this_gateway_makes_no_provider(url: str, listen: str) -> None:
    configuration = found({**KEYS, "OPENAI_BASE_URL": url}, listen)
    assert vendor_variables(configuration, PROVIDERS) == {"ANTHROPIC_API_KEY": "sk-two"}
    assert list(left_out(configuration, PROVIDERS)) == ["OPENAI_BASE_URL"]


def test_another_port_or_host_is_somebody_elses() -> None:
    for url in ("http://127.0.0.1:8089/v1", "http://10.0.0.6:8080/v1", "http://127.0.0.1:bad/v1"):
        assert "OPENAI_BASE_URL" in vendor_variables(found({**KEYS, "OPENAI_BASE_URL": url}), PROVIDERS)
