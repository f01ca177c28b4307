"""The HTTP server that callers speak to."""
