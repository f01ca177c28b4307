"""Wire formats without input or output: bytes in, values out."""
