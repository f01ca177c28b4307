"""`python -m bench.upstream`: the fake upstream alone, for work on a gateway that is started by hand."""

import argparse
import contextlib
import tempfile
import time
from pathlib import Path

from bench.install import debian_packages
from bench.nginx import nginx, upstream_server
from bench.processes import unwind_on_signals


def main() -> None:
    """Serves until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(description="nginx that answers every request with one chat completion")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--core", type=int, default=1)
    options = parser.parse_args()
    unwind_on_signals()
    debian_packages()
    server = upstream_server(options.port)
    with (
        contextlib.suppress(KeyboardInterrupt),
        tempfile.TemporaryDirectory(prefix="turnpike-bench-") as folder,
        nginx(Path(folder) / "upstream", options.port, server, options.core),
    ):
        print(f"fake upstream on http://127.0.0.1:{options.port}/v1", flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
