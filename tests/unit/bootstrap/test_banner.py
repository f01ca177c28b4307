"""What `turnpike up` shows says who can call where it listens."""

from __future__ import annotations

import msgspec
import pytest

from turnpike.bootstrap.banner import PLAIN_CONTROL, banner
from turnpike.bootstrap.configuration import ALL_SETTINGS
from turnpike.settings import Address, Settings, read_settings, settings_of

LOOPBACK = Address("127.0.0.1", 8080)
ANY = Address("0.0.0.0", 8081)


@pytest.fixture
def settings() -> Settings:
    return settings_of(read_settings(ALL_SETTINGS, {}, {}))


def test_on_this_machine_alone_there_is_nothing_to_warn_of(settings: Settings) -> None:
    shown = banner(settings, LOOPBACK, Address("::1", 8081), "2 of 2 workers ready", "")
    assert shown.splitlines()[1:] == [
        "  gateway  http://127.0.0.1:8080  (2 of 2 workers ready)",
        "  control  http://[::1]:8081",
        "  home     turnpike-data",
    ]


@pytest.mark.parametrize("control", [ANY, Address("::", 8081), Address("10.0.0.5", 8081)])
def test_a_control_that_others_reach_is_said_to_be_in_plain_http(
    settings: Settings, control: Address
) -> None:
    shown = banner(settings, LOOPBACK, control, "", "")
    assert shown.count("plain HTTP") == 1
    assert PLAIN_CONTROL in shown
    assert ("every other address" in shown) is control.is_everywhere


def test_a_gateway_at_all_addresses_says_so_and_that_it_has_no_certificate(settings: Settings) -> None:
    control = Address("localhost", 8081)
    shown = banner(settings, ANY, control, "1 of 1 workers ready", "")
    assert "  gateway  http://127.0.0.1:8081 and every other address of this machine  (1 of 1" in shown
    assert "TURNPIKE_TLS_CERTIFICATE" in shown
    with_certificate = msgspec.structs.replace(settings, tls_certificate=settings.home / "edge.pem")
    shown = banner(with_certificate, ANY, control, "", "")
    assert "plain HTTP" not in shown
    assert "https://127.0.0.1:8081 and every other address" in shown
