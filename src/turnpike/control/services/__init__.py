"""What can be done with the configuration: one use case per function; nothing here knows of HTTP."""
