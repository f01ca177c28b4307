"""One folder for each outside system, behind a port."""
