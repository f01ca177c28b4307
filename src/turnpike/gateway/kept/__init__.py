"""Responses that providers keep: which provider has one, and whose it is."""
