"""`python -m turnpike` is the command `turnpike`."""

from turnpike.cli import main

if __name__ == "__main__":
    main()
