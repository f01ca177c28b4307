"""Control's start: what it takes from files and variables, and what it says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog

from turnpike.bootstrap.configuration import Configuration
from turnpike.bootstrap.document import read_start_document
from turnpike.bootstrap.fault import CannotStart
from turnpike.bootstrap.vendor_variables import left_out, vendor_variables
from turnpike.control.defaults import ADMINISTRATOR
from turnpike.control.document.reading import Source
from turnpike.control.document.reference import Hidden
from turnpike.control.plane import Plane
from turnpike.control.services.carry_out import carry_out_alone
from turnpike.control.services.documents import Document, given_secrets
from turnpike.control.services.identify import SYSTEM_ACTOR
from turnpike.control.services.keys import Rotation, rotate
from turnpike.control.services.start import Started, Variables, WrongMasterKey, start
from turnpike.domain.errors import FaultyDocument, StoreUnavailable, TurnpikeError
from turnpike.logs import details
from turnpike.supervisor.notices import Announcer, Failed, Said, ShownOnce

STARTED_NAME: Final = "started"
"""A file in the home and a note in the store: control came up once, so that a key was shown and a configuration is in store."""

_log = structlog.get_logger()


def start_control(plane: Plane, found: Configuration, announcer: Announcer, apply_document: bool) -> None:
    """Bring the store up to what variables and the start document say, and tell what came of it.

    Raises CannotStart where control cannot serve at all, StoreUnavailable.
    """
    with details("start"):
        _start_control(plane, found, announcer, apply_document)


def _start_control(plane: Plane, found: Configuration, announcer: Announcer, apply_document: bool) -> None:
    mark = found.settings.home / STARTED_NAME
    first = not mark.exists() and not _has_started(plane)
    document = _document(found) if apply_document else None
    started = _started(plane, variables_of(found, plane), document, announcer, first)
    _show_secrets(started.minted, announcer)
    if first and ADMINISTRATOR not in started.minted and found.settings.admin_key is None:
        _show_secrets(_minted_again(plane), announcer)
    _tell_providers(plane, found, announcer)
    if started.document is not None:
        changes = len(started.document.decision.plan.changes)
        _log.info("configuration.applied", file=str(found.settings.config), changes=changes)
        announcer.announce(Said(f"{found.settings.config} is applied ({changes} changes)"))
        for remark in started.document.remarks:
            announcer.announce(Failed(f"remark: {remark}"))
    plane.store.note_once(STARTED_NAME, b"yes")
    mark.touch(mode=0o600)


def _has_started(plane: Plane) -> bool:
    """Whether control came up on this store before, from another home."""
    plane.store.migrate()
    return plane.store.note(STARTED_NAME) is not None


def variables_of(found: Configuration, plane: Plane) -> Variables:
    """The administrator's key and the vendors' variables that are set."""
    key = found.settings.admin_key
    return Variables(Hidden(key) if key else None, vendor_variables(found, plane.providers))


def _document(found: Configuration) -> Document | None:
    if found.settings.config is None:
        return None
    read = read_start_document(found.settings.config, found.environ)
    return Document(Source(read.file, read.text), read.owner, given_secrets(read.secrets, read.missing))


def _started(
    plane: Plane, variables: Variables, document: Document | None, announcer: Announcer, first: bool
) -> Started:
    """Start with the document; where it is faulty and an earlier configuration is in store, without it."""
    try:
        return start(plane, variables, document)
    except FaultyDocument as faulty:
        faults = "\n".join(str(fault) for fault in faulty.faults)
        if first:
            raise CannotStart(f"the configuration has faults\n{faults}") from None
        _log.error("configuration.faulty", faults=len(faulty.faults))
        announcer.announce(
            Failed(f"{faults}\nthe configuration has faults: the last good one stays in force")
        )
        return _started(plane, variables, None, announcer, first)
    except StoreUnavailable:
        raise
    except (WrongMasterKey, TurnpikeError) as fault:
        raise CannotStart(str(fault)) from None


def _minted_again(plane: Plane) -> Mapping[str, Hidden]:
    """The administrator's key anew: a start that ended early made one that nobody has seen."""
    decision = carry_out_alone(plane, lambda _: rotate(plane, SYSTEM_ACTOR, ADMINISTRATOR, Rotation()))
    return decision.minted


def _show_secrets(minted: Mapping[str, Hidden], announcer: Announcer) -> None:
    for name, secret in minted.items():
        announcer.announce(ShownOnce(f"key {name} (shown once): {secret.reveal()}"))


def _tell_providers(plane: Plane, found: Configuration, announcer: Announcer) -> None:
    """Which providers come from variables, those in store that nobody configured; or how to get one."""
    configured = plane.store.resources("providers", None, 500)
    variables = {kind.name: kind.credential_variable for kind in plane.providers.values()}
    texts = [
        f"{stored.name} ({variables.get(str(stored.spec.get('kind')))})"
        for stored in configured
        if stored.owner == "environment"
    ]
    if texts:
        announcer.announce(Said(f"providers from variables: {', '.join(texts)}"))
    for variable, complaint in left_out(found, plane.providers).items():
        _log.error("provider.left_out", variable=variable, reason=complaint)
        announcer.announce(Failed(f"{variable} makes no provider: {complaint}"))
    if not configured:
        ways = " or ".join(sorted({name for name in variables.values() if name}))
        announcer.announce(
            Said(
                f"no provider yet: start with {ways} set, or apply a turnpike.yaml; `turnpike sim` plays one"
            )
        )
