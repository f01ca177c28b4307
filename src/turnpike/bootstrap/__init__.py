"""Where parts meet: one module per role or command, each knowing what it composes and nothing else does."""
