"""How a credential travels upstream."""

from __future__ import annotations


def bearer(credential: str) -> tuple[tuple[str, str], ...]:
    """`Authorization: Bearer …` (RFC 6750)."""
    return (("authorization", f"Bearer {credential}"),)


def anthropic_key(credential: str) -> tuple[tuple[str, str], ...]:
    """Anthropic's own header."""
    return (("x-api-key", credential),)
