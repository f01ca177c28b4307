"""The fences of the house: form, layers, names and docs, each kept by a test."""
