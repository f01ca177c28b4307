"""A document as it is sent to control: its text, and the secrets that it refers to from where it is read."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from turnpike.bootstrap.fault import CannotStart
from turnpike.control.document.reference import EnvReference, Outside, find_references
from turnpike.files import read_named_file

DOCUMENT_MAX_BYTES: Final = 16 * 1024 * 1024
SECRET_MAX_BYTES: Final = 65_536
STANDARD_INPUT: Final = "-"
SILENCE_MS: Final = 1_000
"""What sends nothing for so long is told to be waited for."""

_STANDARD_INPUT_DESCRIPTOR: Final = 0


class Document(msgspec.Struct, frozen=True):
    """What `plan` and `apply` send. `secrets` are by reference (`env:NAME`); `missing` had no value."""

    file: str
    text: str
    owner: str
    secrets: Mapping[str, str]
    missing: tuple[str, ...]


def read_document(
    path: str, owner: str | None, environ: Mapping[str, str], note: Callable[[str], None]
) -> Document:
    """Read the file ("-": standard input) and resolve its references here.

    The file may be a pipe: whoever gave the command waits for it, and is told so by `note`. A relative
    `${file:…}` starts at the document's own folder. Raises CannotStart.
    """
    file = "stdin" if path == STANDARD_INPUT else path
    folder = Path() if path == STANDARD_INPUT else Path(path).parent
    return _resolved(_text_of(path, note), file, folder, owner, environ)


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


def _text_of(path: str, note: Callable[[str], None]) -> str:
    try:
        if path == STANDARD_INPUT:
            data = _read(_STANDARD_INPUT_DESCRIPTOR, "standard input", note)
        else:
            # A pipe is opened without waiting for its writer: the wait is below, where it is told.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb", buffering=0):
                data = _read(descriptor, path, note)
    except OSError as fault:
        raise CannotStart(f"{path}: {fault.strerror}") from None
    if len(data) > DOCUMENT_MAX_BYTES:
        raise CannotStart(f"{path}: a document has at most {DOCUMENT_MAX_BYTES} bytes")
    return _decoded(path, data)


def _read(descriptor: int, name: str, note: Callable[[str], None]) -> bytes:
    """What comes to its end, or one byte more than a document has."""
    arrival = select.poll()
    arrival.register(descriptor, select.POLLIN)
    if not arrival.poll(SILENCE_MS):
        note(f"turnpike: waiting for the document from {name}, which sends nothing yet")
        arrival.poll()
    os.set_blocking(descriptor, True)
    data = bytearray()
    while len(data) <= DOCUMENT_MAX_BYTES:
        piece = os.read(descriptor, DOCUMENT_MAX_BYTES + 1 - len(data))
        if not piece:
            break
        data += piece
    return bytes(data)


def _decoded(path: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as fault:
        raise CannotStart(f"{path}: byte {fault.start} is not UTF-8") from None


def _value_of(reference: Outside, environ: Mapping[str, str], folder: Path) -> str | None:
    """The referred value; None where there is none, or no text, which control names with its place in the text."""
    if isinstance(reference, EnvReference):
        value = environ.get(reference.name)
        return value if value and _is_text(value) else None
    try:
        text = read_named_file(folder / reference.path, SECRET_MAX_BYTES).decode()
    except (OSError, UnicodeDecodeError):
        return None
    return text.removesuffix("\n").removesuffix("\r")


def _is_text(value: str) -> bool:
    """Whether a variable held UTF-8; Python keeps other bytes as lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
