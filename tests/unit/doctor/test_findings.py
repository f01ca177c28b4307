"""What the doctor makes of the facts."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnpike.doctor.finding import Finding
from turnpike.doctor.machine import (
    BUILT_AT_SECONDS,
    CLOCK_APART_MAX_SECONDS,
    DISK_FREE_LOW_BYTES,
    DISK_FREE_MIN_BYTES,
    DISK_FULL_BYTES,
    OPEN_FILES_MIN,
    Package,
    Port,
    clock_finding,
    control_packages_finding,
    disk_finding,
    home_finding,
    open_files_finding,
    packages_finding,
    port_finding,
    python_finding,
)
from turnpike.doctor.plant import (
    ProviderCheck,
    Reach,
    Worker,
    authorities_finding,
    certificate_finding,
    control_finding,
    document_finding,
    gateway_finding,
    master_key_finding,
    provider_finding,
    providers_finding,
    snapshot_finding,
)

HOME = Path("home")
NOW = BUILT_AT_SECONDS + 1000.0


def a_port(*, ours: bool = False, fault: str | None = None) -> Port:
    return Port("gateway", "TURNPIKE_GATEWAY_LISTEN", "127.0.0.1:8080", ours, fault)


@pytest.mark.parametrize(
    ("finding", "state"),
    [
        (python_finding((3, 11, 2)), "fine"),
        (python_finding((3, 10, 9)), "wrong"),
        (packages_finding((Package("click", "8.2", "8.10.1"),)), "fine"),
        (packages_finding((Package("click", "8.10", "8.9"),)), "wrong"),
        (packages_finding((Package("click", "8.2", None),)), "wrong"),
        (control_packages_finding((Package("fastapi", "0.120", "0.121"),), is_elsewhere=False), "fine"),
        (control_packages_finding((Package("fastapi", "0.120", None),), is_elsewhere=False), "wrong"),
        (control_packages_finding((Package("fastapi", "0.120", None),), is_elsewhere=True), "unknown"),
        (home_finding(HOME, None), "fine"),
        (home_finding(HOME, "Permission denied"), "wrong"),
        (disk_finding(HOME, DISK_FREE_LOW_BYTES), "fine"),
        (disk_finding(HOME, DISK_FREE_LOW_BYTES - 1), "unknown"),
        (disk_finding(HOME, DISK_FREE_MIN_BYTES - 1), "wrong"),
        (open_files_finding(None), "fine"),
        (open_files_finding(OPEN_FILES_MIN), "fine"),
        (open_files_finding(1024), "wrong"),
        (clock_finding(BUILT_AT_SECONDS - 1.0, {}), "wrong"),
        (clock_finding(NOW, {}), "unknown"),
        (clock_finding(NOW, {"openai": NOW - 1}), "fine"),
        (clock_finding(NOW, {"openai": NOW + CLOCK_APART_MAX_SECONDS + 1}), "wrong"),
        (port_finding(a_port()), "fine"),
        (port_finding(a_port(ours=True)), "fine"),
        (port_finding(a_port(fault="port 8080 is taken by process 7 (nginx)")), "wrong"),
        (master_key_finding("home/master.key", present=True, fault=None), "fine"),
        (master_key_finding("home/master.key", present=False, fault=None), "unknown"),
        (master_key_finding("/run/secrets/key", present=True, fault=None, mode=0o444), "unknown"),
        (master_key_finding("/run/secrets/key", present=True, fault=None, mode=0o400), "fine"),
        (master_key_finding("/run/secrets/key", present=True, fault="of 3 bytes", mode=0o444), "wrong"),
        (master_key_finding("home/master.key", present=True, fault="closed under another"), "wrong"),
        (control_finding("http://c", expected=True, fault=None), "fine"),
        (control_finding("http://c", expected=False, fault="refused"), "unknown"),
        (control_finding("http://c", expected=True, fault="refused"), "wrong"),
        (gateway_finding("http://g", 200), "fine"),
        (gateway_finding("http://g", 503), "wrong"),
        (gateway_finding("http://g", None), "wrong"),
        (snapshot_finding("v2", (Worker("h/0", "v2"),)), "fine"),
        (snapshot_finding("v2", ()), "unknown"),
        (snapshot_finding("v2", (Worker("h/0", "v2"), Worker("h/1", "v1", "no memory"))), "wrong"),
        (snapshot_finding(None, ()), "wrong"),
        (providers_finding(("openai",), ()), "fine"),
        (providers_finding((), ("OPENAI_API_KEY",)), "wrong"),
        (document_finding("turnpike.yaml", (), ()), "fine"),
        (document_finding("turnpike.yaml", ("turnpike.yaml:1:1: no",), ()), "wrong"),
        (document_finding("turnpike.yaml", (), ("env:NOT_SET",)), "unknown"),
        (certificate_finding("edge.pem", NOW, NOW + 90 * 86_400, None), "fine"),
        (certificate_finding("edge.pem", NOW, NOW + 86_400, None), "unknown"),
        (certificate_finding("edge.pem", NOW, NOW - 1, None), "wrong"),
        (certificate_finding("edge.pem", NOW, None, "no such file"), "wrong"),
        (certificate_finding("edge.pem", NOW, NOW + 90 * 86_400, "the key is not its own"), "wrong"),
        (authorities_finding(144, ("/etc/ssl/certs",)), "fine"),
        (authorities_finding(0, ("/etc/ssl/cert.pem", "/etc/ssl/certs")), "wrong"),
    ],
)
def test_a_fact_is_judged_and_what_is_wrong_has_a_mend(finding: Finding, state: str) -> None:
    assert finding.state == state
    assert finding.says
    assert finding.mend or finding.state != "wrong"


@pytest.mark.parametrize(
    ("reach", "state"),
    [
        ("fine", "fine"),
        ("refused", "wrong"),
        ("unreachable", "wrong"),
        ("timeout", "wrong"),
        ("certificate", "wrong"),
        ("limited", "unknown"),
        ("odd", "unknown"),
        ("absent", "unknown"),
    ],
)
def test_a_provider_is_judged_by_how_it_answered(reach: Reach, state: str) -> None:
    finding = provider_finding(ProviderCheck("openai", reach, "it said so"))
    assert finding.state == state
    assert finding.check == "provider openai"
    assert finding.mend or state != "wrong"


@pytest.mark.parametrize("is_control", [False, True])
def test_packages_are_had_from_a_clone_or_a_wheel_and_from_no_index(is_control: bool) -> None:
    missing = (Package("click", "8.2", None),)
    if is_control:
        finding = control_packages_finding(missing, is_elsewhere=False)
    else:
        finding = packages_finding(missing)
    assert finding.mend is not None
    assert "clone" in finding.mend
    assert "wheel" in finding.mend
    assert "turnpike-ai" not in finding.mend


def test_the_clock_finding_says_which_way_the_clock_is_off() -> None:
    assert "ahead of openai" in clock_finding(NOW, {"openai": NOW - 60}).says
    assert "behind openai" in clock_finding(NOW, {"openai": NOW + 60}).says


def test_a_disk_is_called_full_only_where_it_is_and_what_works_is_said() -> None:
    nearly = disk_finding(HOME, 59 * 1024 * 1024)
    full = disk_finding(HOME, DISK_FULL_BYTES - 1)
    assert (nearly.state, full.state) == ("wrong", "wrong")
    assert nearly.says.startswith("the disk is nearly full: 59 MiB free under ")
    assert "all works until none is: then calls pass on" in nearly.says
    assert full.says.startswith("the disk is full: 0 MiB free under ")
    assert "calls pass on, except those with an idempotency key" in full.says


def test_an_address_without_a_list_of_models_is_to_be_looked_at() -> None:
    found = provider_finding(ProviderCheck("local", "absent", "it has no list of models at its address"))
    assert found.mend.startswith("check the base_url of local")
    assert "up to and with /v1" in found.mend
