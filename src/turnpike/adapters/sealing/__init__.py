"""Secrets at rest: AES-256-GCM and HMAC-SHA256 under keys derived from one master key."""
