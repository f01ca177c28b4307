"""This machine: who holds a lock or a port, and what is left of its disk."""
