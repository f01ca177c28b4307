"""The control API over HTTP: thin; what it does stands in control.services."""
