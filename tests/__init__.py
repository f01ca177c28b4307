"""Tests of Turnpike: each folder proves another kind of promise (see CONTRIBUTING.md)."""
