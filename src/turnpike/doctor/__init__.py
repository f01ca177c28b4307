"""What can be wrong with an installation, and how each is mended: facts in, findings out, no I/O."""
