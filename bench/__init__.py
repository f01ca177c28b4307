"""Load benches that put Turnpike beside nginx and other gateways on the same machine in the same run."""
