"""`turnpike doctor`: gathers the facts that `turnpike.doctor` judges."""

from __future__ import annotations

import email.utils
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from turnpike.adapters.machine.lock import holder_of
from turnpike.adapters.machine.ports import PortTaken, check_free
from turnpike.adapters.machine.trust import read_certificate, trusted_authorities
from turnpike.adapters.system.clock import SystemClock
from turnpike.bootstrap.access import control_client, control_url
from turnpike.bootstrap.configuration import Configuration
from turnpike.bootstrap.document import DOCUMENT_MAX_BYTES, read_start_document
from turnpike.bootstrap.fault import CannotStart
from turnpike.bootstrap.home import MASTER_KEY_NAME, SNAPSHOT_NAME, STORE_NAME, existing_seal
from turnpike.bootstrap.packages import CONTROL, required
from turnpike.bootstrap.running import Running, running_at
from turnpike.bootstrap.store_check import look_at_store
from turnpike.bootstrap.vendor_variables import left_out
from turnpike.client import Answer, ControlClient, ControlFault, Request, Untrusted, quoted
from turnpike.client.answers import Published, Resource
from turnpike.client.answers import Worker as SeenWorker
from turnpike.client.control import read_problem
from turnpike.control.document.reading import Source
from turnpike.control.resources.table import read_document as parse_document
from turnpike.doctor.finding import Finding, unknown
from turnpike.doctor.machine import (
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
    unproven_gateway_finding,
    variable_finding,
)
from turnpike.domain.errors import StoreUnavailable
from turnpike.domain.snapshot import Snapshot
from turnpike.files import read_named_file
from turnpike.gateway.last_good import read_last_good
from turnpike.ports.sealing import Seal
from turnpike.providers.table import PROVIDERS
from turnpike.settings import Address, Settings

LOOK_SECONDS = 5.0
CHECK_SECONDS = 15.0
"""Control gives a provider 10 s to answer."""

_ADDRESSES = frozenset(kind.base_url_variable for kind in PROVIDERS.values())
_VARIABLES = tuple(kind.credential_variable for kind in PROVIDERS.values() if kind.credential_variable)


class _Checked(msgspec.Struct, frozen=True):
    """What control says of a provider that it asked; date_seconds: the provider's clock, where it told it."""

    reach: Reach
    says: str
    date_seconds: float | None = None


def examine(found: Configuration) -> tuple[Finding, ...]:
    """Look at everything that can be looked at from here; never raises for what it finds."""
    settings = found.settings
    running = running_at(settings.home)
    told: dict[str, float] = {}
    findings = [*_machine(settings, running), _master_key(settings)]
    findings += _unknown_settings(found)
    findings += _trust(settings)
    if settings.store_url is not None:
        findings.append(look_at_store(settings.store_url))
    unusable = left_out(found, PROVIDERS)
    findings += (
        variable_finding(name, complaint, is_address=name in _ADDRESSES)
        for name, complaint in unusable.items()
    )
    named = _providers_at_start(found, unusable)
    findings += _document(found)
    findings += _plant(found, running, told, named)
    findings.append(clock_finding(SystemClock().now_ns() / 1e9, told))
    return tuple(findings)


def _machine(settings: Settings, running: Running | None) -> Iterator[Finding]:
    yield python_finding(sys.version_info[:3])
    yield packages_finding(required(None))
    yield control_packages_finding(required(CONTROL), is_elsewhere=settings.control_url is not None)
    yield home_finding(settings.home, _write_fault(settings.home))
    yield disk_finding(settings.home, shutil.disk_usage(_nearest(settings.home)).free)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    yield open_files_finding(None if hard == resource.RLIM_INFINITY else hard)
    yield port_finding(_port("gateway", settings.gateway_listen, settings, running))
    yield port_finding(_port("control", settings.control_listen, settings, running))


def _write_fault(home: Path) -> str | None:
    """Why nothing can be written where the home is or would be made; None where it can."""
    folder = _nearest(home)
    if not folder.is_dir():
        return f"{folder} is no folder"
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"turnpike doctor")
    except OSError as fault:
        return f"{folder}: {fault.strerror}"
    return None


def _nearest(folder: Path) -> Path:
    """The folder, or the first above it that exists."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


def _port(role: str, address: Address, settings: Settings, running: Running | None) -> Port:
    variable = f"TURNPIKE_{role.upper()}_LISTEN"
    where = {"gateway": running.gateway_url, "control": running.control_url}[role] if running else None
    if where is not None:
        return Port(role, variable, where, ours=True, fault=None)
    try:
        check_free(*address)
    except PortTaken as fault:
        # Control that runs alone holds the home itself.
        ours = fault.holder is not None and fault.holder.pid == holder_of(settings.home)
        return Port(role, variable, str(address), ours, fault=str(fault))
    except OSError as fault:
        return Port(role, variable, str(address), ours=False, fault=fault.strerror or str(fault))
    return Port(role, variable, str(address), ours=False, fault=None)


def _master_key(settings: Settings) -> Finding:
    where = (
        "TURNPIKE_MASTER_KEY"
        if settings.master_key is not None
        else str(settings.master_key_file or settings.home / MASTER_KEY_NAME)
    )
    try:
        seal = existing_seal(settings)
    except CannotStart as fault:
        return master_key_finding(where, present=True, fault=str(fault))
    return master_key_finding(
        where, seal is not None, _opening_fault(seal, settings.home / SNAPSHOT_NAME), _named_mode(settings)
    )


def _named_mode(settings: Settings) -> int:
    """Permissions of the master key's file where a setting names it: the home's own is refused for loose ones."""
    if settings.master_key is not None or settings.master_key_file is None:
        return 0
    return settings.master_key_file.stat().st_mode & 0o777


def _opening_fault(seal: Seal | None, snapshot: Path) -> str | None:
    """Why the master key does not open what the home keeps; None where it does, or there is nothing yet."""
    if not snapshot.exists():
        return None
    if seal is None:
        return "the master key of this home is missing"
    try:
        read_last_good(snapshot, seal)
    except OSError:  # The home's own check tells of that.
        return None
    except ValueError as fault:
        return str(fault)
    return None


def _last_snapshot(settings: Settings) -> Snapshot | None:
    try:
        seal = existing_seal(settings)
        return None if seal is None else read_last_good(settings.home / SNAPSHOT_NAME, seal)
    except (CannotStart, OSError, ValueError):
        return None


def _unknown_settings(found: Configuration) -> Iterator[Finding]:
    for name in found.unknown:
        yield unknown("settings", f"{name} is set, but there is no such setting", "see `turnpike settings`")


def _document(found: Configuration) -> Iterator[Finding]:
    """The file that `turnpike up` would apply."""
    if found.settings.config is None:
        return
    try:
        document = read_start_document(found.settings.config, found.environ)
    except CannotStart as fault:
        yield document_finding(str(found.settings.config), (str(fault),), ())
        return
    reading = parse_document(Source(document.file, document.text), PROVIDERS)
    yield document_finding(document.file, tuple(map(str, reading.faults)), document.missing)


def _trust(settings: Settings) -> Iterator[Finding]:
    """TLS both ways: what the edge shows, and whom calls upstream trust."""
    authorities = trusted_authorities()
    yield authorities_finding(authorities.count, authorities.places)
    if settings.tls_certificate is None:
        if settings.tls_key is not None:
            yield unknown(
                "certificate",
                "TURNPIKE_TLS_KEY is set without TURNPIKE_TLS_CERTIFICATE: the gateway speaks plain HTTP",
                "set both, or neither",
            )
        return
    now_seconds = SystemClock().now_ns() / 1e9
    shown = read_certificate(settings.tls_certificate, settings.tls_key, now_seconds)
    yield certificate_finding(str(settings.tls_certificate), now_seconds, shown.until_seconds, shown.fault)


def _providers_at_start(found: Configuration, unusable: Mapping[str, str]) -> tuple[str, ...]:
    """Providers that the gateway has or would have, as far as files and variables tell."""
    names = {
        kind.name
        for kind in PROVIDERS.values()
        if found.environ.get(kind.credential_variable or "")
        and not {kind.credential_variable, kind.base_url_variable} & unusable.keys()
    }
    snapshot = _last_snapshot(found.settings)
    names |= {provider.name for provider in snapshot.providers} if snapshot else set()
    if found.settings.config is not None:
        names |= _named_in(found.settings.config)
    return tuple(sorted(names))


def _named_in(file: Path) -> set[str]:
    try:
        reading = parse_document(
            Source(str(file), read_named_file(file, DOCUMENT_MAX_BYTES).decode()), PROVIDERS
        )
    except (OSError, UnicodeDecodeError):
        return set()
    return {id_.name for id_ in reading.named if id_.kind == "providers"}


def _plant(
    found: Configuration, running: Running | None, told: dict[str, float], named: tuple[str, ...]
) -> Iterator[Finding]:
    settings = found.settings
    if running is not None:
        yield _gateway(running.gateway_url)
    expected = settings.control_url is not None or holder_of(settings.home) is not None
    unready = _unready(settings)
    if unready is not None:
        yield control_finding(control_url(settings), expected=True, fault=unready)
        yield providers_finding(named, _VARIABLES)
        return
    try:
        control = control_client(found, LOOK_SECONDS)
        published = control.get("/api/v1/snapshot", Published)
        configured = control.all_of("providers", Resource).said
    except (ControlFault, CannotStart) as fault:
        yield control_finding(control_url(settings), expected, str(fault))
        yield providers_finding(named, _VARIABLES)
        return
    yield control_finding(control.url, expected, None)
    _note_time(told, "control", published.answer)
    yield snapshot_finding(published.said.version, tuple(map(_worker, published.said.workers)))
    yield providers_finding(tuple(provider.name for provider in configured), _VARIABLES)
    for provider in configured:
        yield _provider(control_client(found, CHECK_SECONDS), provider.name, told)


def _gateway(url: str) -> Finding:
    try:
        answer = ControlClient(url, None, LOOK_SECONDS).look("/readyz")
    except Untrusted as fault:
        return unproven_gateway_finding(url, fault.reason, is_other_name=fault.is_other_name)
    return gateway_finding(url, answer.status if answer else None)


def _unready(settings: Settings) -> str | None:
    """What control says of a store that it cannot use; None where it has nothing to say, or does not answer."""
    try:
        answer = ControlClient(control_url(settings), None, LOOK_SECONDS).look("/readyz")
    except ControlFault:
        return None
    problem = read_problem(answer) if answer is not None else None
    if problem is None or problem.code != StoreUnavailable.code:
        return None
    store = settings.home / STORE_NAME
    if settings.store_url is None and not store.exists():
        return (
            f"{store} was removed or moved while control runs on it, and control takes no change: put it back, "
            "or stop Turnpike, restore its home from a backup and start it again"
        )
    return problem.detail


def _worker(seen: SeenWorker) -> Worker:
    return Worker(seen.worker, seen.running, seen.fault)


def _provider(control: ControlClient, name: str, told: dict[str, float]) -> Finding:
    try:
        checked = control.ask(Request("POST", f"/api/v1/providers/{quoted(name)}/check", {}), _Checked).said
    except ControlFault as fault:
        return unknown(f"provider {name}", f"control could not check it: {fault}")
    if checked.date_seconds is not None:
        told[name] = checked.date_seconds
    return provider_finding(ProviderCheck(name, checked.reach, checked.says))


def _note_time(told: dict[str, float], name: str, answer: Answer) -> None:
    try:
        told[name] = email.utils.parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except ValueError:
        return
