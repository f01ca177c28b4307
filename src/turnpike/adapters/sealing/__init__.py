"""Secrets at rest: AES-256-GCM and keyed BLAKE2b under keys derived from one master key."""
