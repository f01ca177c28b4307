"""Fuzzers of what reads bytes from outside; `python -m tests.fuzz` runs them all."""
