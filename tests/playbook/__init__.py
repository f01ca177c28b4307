"""Calls as scripts: what each side does and sees, in its order."""
