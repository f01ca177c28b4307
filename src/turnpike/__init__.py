"""Turnpike: one governed road for every AI call that an organisation makes."""

__version__ = "0.1.0"
