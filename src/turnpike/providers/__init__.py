"""One file for each kind of provider (address, authentication, dialect, facts) and the table of them all."""
