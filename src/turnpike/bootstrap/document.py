"""A document as it is sent to control: its text, and the secrets that it refers to from where it is read."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from turnpike.bootstrap.fault import CannotStart
from turnpike.control.document.reference import EnvReference, Outside, find_references
from turnpike.files import read_named_file

DOCUMENT_MAX_BYTES: Final = 16 * 1024 * 1024
SECRET_MAX_BYTES: Final = 65_536
STANDARD_INPUT: Final = "-"


class Document(msgspec.Struct, frozen=True):
    """What `plan` and `apply` send. `secrets` are by reference (`env:NAME`); `missing` had no value."""

    file: str
    text: str
    owner: str
    secrets: Mapping[str, str]
    missing: tuple[str, ...]


def read_document(path: str, owner: str | None, environ: Mapping[str, str]) -> Document:
    """Read the file ("-": standard input) and resolve its references here.

    The file may be a pipe: whoever gave the command waits for it. A relative `${file:…}` starts at
    the document's own folder. Raises CannotStart.
    """
    file = "stdin" if path == STANDARD_INPUT else path
    folder = Path() if path == STANDARD_INPUT else Path(path).parent
    return _resolved(_text_of(path), file, folder, owner, environ)


def read_start_document(path: Path, environ: Mapping[str, str]) -> Document:
    """The same of the file that a start applies, which nobody waits for: a regular one. Raises CannotStart."""
    try:
        data = read_named_file(path, DOCUMENT_MAX_BYTES)
    except OSError as fault:
        raise CannotStart(f"{path}: {fault.strerror}") from None
    return _resolved(_decoded(str(path), data), str(path), path.parent, None, environ)


def _resolved(text: str, file: str, folder: Path, owner: str | None, environ: Mapping[str, str]) -> Document:
    secrets: dict[str, str] = {}
    missing: list[str] = []
    for reference in find_references(text, file):
        value = _value_of(reference, environ, folder)
        if value is None:
            missing.append(reference.id)
        else:
            secrets[reference.id] = value
    return Document(file, text, owner or Path(file).name, secrets, tuple(missing))


def _text_of(path: str) -> str:
    try:
        if path == STANDARD_INPUT:
            data = sys.stdin.buffer.read(DOCUMENT_MAX_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(DOCUMENT_MAX_BYTES + 1)
    except OSError as fault:
        raise CannotStart(f"{path}: {fault.strerror}") from None
    if len(data) > DOCUMENT_MAX_BYTES:
        raise CannotStart(f"{path}: a document has at most {DOCUMENT_MAX_BYTES} bytes")
    return _decoded(path, data)


def _decoded(path: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as fault:
        raise CannotStart(f"{path}: byte {fault.start} is not UTF-8") from None


def _value_of(reference: Outside, environ: Mapping[str, str], folder: Path) -> str | None:
    """The referred value; None where there is none, which control names with its place in the text."""
    if isinstance(reference, EnvReference):
        return environ.get(reference.name) or None
    try:
        text = read_named_file(folder / reference.path, SECRET_MAX_BYTES).decode()
    except (OSError, UnicodeDecodeError):
        return None
    return text.removesuffix("\n").removesuffix("\r")
