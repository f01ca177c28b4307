"""The data plane: a call's road as one page, and its stages beside it."""
