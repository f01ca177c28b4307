"""Asking a provider one harmless question, to see whether its address and credential serve."""
