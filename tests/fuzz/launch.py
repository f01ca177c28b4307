"""Starting one fuzzer."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import atheris

LAUNCHER = "FUZZ_LAUNCHER"


def start(read_one_input: Callable[[bytes], None]) -> None:
    """Fuzz as the command line says. The library starts itself anew to minimise: LAUNCHER says by what."""
    arguments = [os.environ.get(LAUNCHER, sys.argv[0]), *sys.argv[1:]]
    atheris.Setup(arguments, read_one_input)
    atheris.Fuzz()
