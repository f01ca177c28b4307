"""The control plane: configuration, identities and audit, compiled into snapshots."""
