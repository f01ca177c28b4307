"""One key, one execution: what came of a call with an `idempotency-key`, kept for all workers of a home."""
