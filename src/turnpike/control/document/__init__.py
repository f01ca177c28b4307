"""Documents of resources: text in, values and faults out, and back; nothing here does I/O."""
