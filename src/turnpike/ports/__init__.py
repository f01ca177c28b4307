"""Protocols only: what the planes need from the world."""
