"""The HTTP client that speaks to providers."""
