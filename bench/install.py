"""What the benches need and the machine lacks, installed when it is first wanted."""

import os
import shutil
import sys
from pathlib import Path

from bench.processes import BenchError, run

CACHE = Path(__file__).resolve().parent.parent / ".bench"
APT_SECONDS = 300.0
INSTALL_SECONDS = 900.0

# Program -> the Debian package that brings it.
DEBIAN = {"nginx": "nginx-light", "wrk": "wrk", "taskset": "util-linux", "setpriv": "util-linux"}


def debian_packages() -> None:
    """Makes sure of wrk, nginx and the tools that pin processes; raises BenchError where they cannot be had."""
    missing = sorted({package for program, package in DEBIAN.items() if shutil.which(program) is None})
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise BenchError(f"install {', '.join(missing)}: this machine has no apt-get to do it with")
    rights = [] if os.geteuid() == 0 else ["sudo", "-n"]
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive"]
    # RUNLEVEL=1 keeps the packages' own services from being started: the benches start their own.
    install = [*rights, *quiet, "RUNLEVEL=1", "apt-get", "install", "-y", "-qq", "--no-install-recommends"]
    run([*rights, *quiet, "apt-get", "update", "-qq"], APT_SECONDS)
    run([*install, *missing], APT_SECONDS)


def cache_folder() -> Path:
    """The folder that keeps what was installed between two runs; it ignores itself in git."""
    CACHE.mkdir(exist_ok=True)
    ignore = CACHE / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    return CACHE


def litellm() -> Path:
    """The folder of a virtual environment that holds LiteLLM's proxy."""
    folder = cache_folder() / "litellm"
    if not (folder / "installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(folder)], INSTALL_SECONDS)
        run(["nice", str(folder / "bin" / "pip"), "install", "--quiet", "litellm[proxy]"], INSTALL_SECONDS)
        (folder / "installed").touch()
    return folder


def portkey() -> Path:
    """The folder whose node_modules hold Portkey's gateway."""
    folder = cache_folder() / "portkey"
    if shutil.which("npm") is None:
        raise BenchError("npm is not installed (Debian's packages nodejs and npm bring it)")
    if not (folder / "installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        prefix = ["npm", "--prefix", str(folder), "--no-fund", "--no-audit", "--loglevel=error"]
        run(["nice", *prefix, "install", "@portkey-ai/gateway"], INSTALL_SECONDS)
        (folder / "installed").touch()
    return folder
