"""Values and pure decisions: no input or output, no clock, nothing of any wire format."""
