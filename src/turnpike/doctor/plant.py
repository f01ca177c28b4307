"""Turnpike itself: master key, control, workers, providers, certificates."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from turnpike.doctor.finding import Finding, fine, unknown, wrong

CERTIFICATE_SOON_SECONDS: Final = 14 * 86_400

OTHERS_MODE: Final = 0o077
"""Permissions of a file that belong to others than its owner."""

Reach = Literal["fine", "refused", "limited", "unreachable", "timeout", "certificate", "absent", "odd"]


class Worker(msgspec.Struct, frozen=True):
    """A gateway worker as control sees it."""

    name: str
    running: str | None
    fault: str | None = None


class ProviderCheck(msgspec.Struct, frozen=True):
    """What a provider answered when it was asked for its models with the configured credential."""

    name: str
    reach: Reach
    says: str


def master_key_finding(where: str, present: bool, fault: str | None, mode: int = 0) -> Finding:
    """Whether the master key is there and opens what was sealed under it.

    mode: permissions of the file that a setting names; a key that stands in no such file has none.
    """
    if fault is not None:
        return wrong(
            "master key",
            fault,
            f"give back the key that this home was made with ({where}); without it, provider credentials must be applied anew",
        )
    if not present:
        return unknown("master key", f"there is none yet ({where}); the first start makes one")
    if mode & OTHERS_MODE:
        return unknown(
            "master key",
            f"{where} opens what is sealed, and has mode {mode:o}: others on this machine may read it",
            f"chmod 600 {where}, unless this machine or container is Turnpike's alone",
        )
    return fine("master key", f"{where}: opens what is sealed")


def store_finding(fault: str | None) -> Finding:
    """Whether the database that TURNPIKE_STORE_URL names can hold the store."""
    if fault is None:
        return fine("store", "PostgreSQL: reached, and tables can be made")
    return wrong(
        "store",
        f"PostgreSQL: {fault}",
        "check TURNPIKE_STORE_URL (host, port, database, user, password) and the server behind it; workers serve on"
        " without it",
    )


def control_finding(url: str, expected: bool, fault: str | None) -> Finding:
    """Whether control answers; `expected`: a supervisor runs, or it was said where control is."""
    if fault is None:
        return fine("control", f"{url} answers")
    if not expected:
        return unknown(
            "control", f"Turnpike does not run on this home ({url} does not answer)", "start it: turnpike up"
        )
    return wrong("control", fault, "look at its log; `turnpike up` starts it again by itself where it can")


def gateway_finding(url: str, status: int | None) -> Finding:
    """Whether the gateway takes calls, by what its /readyz answers (None: nothing)."""
    if status == 200:
        return fine("gateway", f"{url} takes calls")
    if status is None:
        return wrong("gateway", f"{url} does not answer", "look at the log of `turnpike up`")
    return wrong(
        "gateway",
        f"{url}/readyz answers {status}",
        "it has no configuration yet, or is stopping: see its log",
    )


def unproven_gateway_finding(url: str, reason: str, *, is_other_name: bool) -> Finding:
    """A gateway that answers with a certificate which this machine does not take: its callers may."""
    if is_other_name:
        says = f"{url} answers, and its certificate is for another name than this address: {reason}"
        return unknown("gateway", says, "have callers use a name that the certificate is for")
    return unknown(
        "gateway",
        f"{url} answers, and this machine does not trust its certificate: {reason}",
        "have callers trust its authority; here, SSL_CERT_FILE=FILE.pem turnpike doctor looks further",
    )


def snapshot_finding(published: str | None, workers: tuple[Worker, ...]) -> Finding:
    """Whether every worker runs what was published."""
    if published is None:
        return wrong(
            "snapshot", "nothing was published yet", "apply a configuration: turnpike apply -f turnpike.yaml"
        )
    behind = [worker for worker in workers if worker.running != published]
    if behind:
        says = ", ".join(
            f"{w.name} runs {w.running or 'nothing'}" + (f" ({w.fault})" if w.fault else "") for w in behind
        )
        return wrong(
            "snapshot",
            f"version {published} is published; {says}",
            "mend what the worker names, then apply again",
        )
    if not workers:
        return unknown("snapshot", f"version {published} is published; no worker is connected")
    who = f"all {len(workers)} workers run" if len(workers) > 1 else "the one worker runs"
    return fine("snapshot", f"{who} version {published}")


def document_finding(file: str, faults: tuple[str, ...], missing: tuple[str, ...]) -> Finding:
    """Whether the document that the start applies can be; `missing` are its references without a value here."""
    if faults:
        return wrong("configuration", "; ".join(faults), f"mend {file}; `turnpike plan -f {file}` shows more")
    if missing:
        says = f"{file} refers to {', '.join(missing)}, which cannot be resolved here"
        return unknown(
            "configuration", says, "set what is missing before the start, unless control has it already"
        )
    return fine("configuration", f"{file} can be read")


def providers_finding(configured: tuple[str, ...], variables: tuple[str, ...]) -> Finding:
    """Whether there is any provider; `variables` are those of vendors that would make one."""
    if configured:
        return fine("providers", ", ".join(configured))
    return wrong(
        "providers",
        "no provider is configured",
        f"set {' or '.join(sorted(variables))}, or name one in turnpike.yaml and apply it",
    )


def variable_finding(variable: str, complaint: str, *, is_address: bool) -> Finding:
    """A vendor's variable from which no provider can be made: its key, or the address beside it."""
    mend = (
        "set it to the address that the vendor's SDK would call, or leave it out for the vendor's own"
        if is_address
        else "set it again to the key alone, on one line"
    )
    return wrong(f"variable {variable}", f"makes no provider: {complaint}", mend)


def provider_finding(check: ProviderCheck) -> Finding:
    """Whether a provider can be used."""
    name = f"provider {check.name}"
    if check.reach == "fine":
        return fine(name, check.says)
    if check.reach in ("limited", "odd", "absent"):
        return unknown(name, check.says, _PROVIDER_MENDS.get(check.reach, "").format(name=check.name))
    return wrong(name, check.says, _PROVIDER_MENDS[check.reach].format(name=check.name))


def certificate_finding(
    file: str, now_seconds: float, until_seconds: float | None, fault: str | None
) -> Finding:
    """Whether the edge's certificate serves, and for how long."""
    if fault is not None or until_seconds is None:
        mend = "name PEM files that hold a certificate and its own key (TURNPIKE_TLS_CERTIFICATE, TURNPIKE_TLS_KEY)"
        return wrong("certificate", f"{file}: {fault}", mend)
    days = (until_seconds - now_seconds) / 86_400
    if days <= 0:
        return wrong(
            "certificate", f"{file} has expired", "renew it; the gateway takes the new one up by itself"
        )
    if until_seconds - now_seconds < CERTIFICATE_SOON_SECONDS:
        return unknown("certificate", f"{file} expires in {days:.0f} days", "renew it")
    return fine("certificate", f"{file} is valid for {days:.0f} more days")


def authorities_finding(count: int, places: tuple[str, ...]) -> Finding:
    """Whether this machine trusts any authority, without which no provider's certificate does."""
    if count:
        return fine("authorities", f"{count} certificate authorities are trusted")
    return wrong(
        "authorities",
        f"no certificate authority is trusted here (looked in {' and '.join(places)}, or where SSL_CERT_FILE and SSL_CERT_DIR say): calls to providers over TLS fail",
        "install them (Debian: apt-get install ca-certificates), or name your own in a provider's tls.ca_file",
    )


_PROVIDER_MENDS: Final = {
    "refused": "put a valid key where the provider {name} takes its credential from, and apply or start anew",
    "unreachable": "check the base_url of {name}, the network, DNS and firewall between here and there",
    "timeout": "check the network between here and {name}, and whether it needs a proxy",
    "absent": "check the base_url of {name}, unless its server lists no models: OpenAI's kinds want it up to and with /v1,"
    " Anthropic's up to what comes before /v1",
    "certificate": "check the base_url of {name}; where it uses an authority of your own, name it in tls.ca_file",
}
