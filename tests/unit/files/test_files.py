"""Files that people name are regular ones within a bound, or are refused at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from turnpike.adapters.machine.trust import read_certificate
from turnpike.adapters.sealing.master_key import read_master_key
from turnpike.bootstrap.document import read_document, read_start_document
from turnpike.bootstrap.fault import CannotStart
from turnpike.files import read_named_file
from turnpike.gateway.certificates import Certificates

READERS: Mapping[str, Callable[[Path], object]] = {
    "a master key": read_master_key,
    "the edge's certificate": lambda file: Certificates(file, None),
    "the start's document": lambda file: read_start_document(file, {}),
}


def test_a_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    assert read_named_file(tmp_path / "link", 5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_named_file(str(tmp_path / "file"), 4)


def test_a_file_that_says_nothing_of_its_size_is_held_to_the_bound_too() -> None:
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_named_file("/proc/self/maps", 4)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_regular_file_is_refused_at_once_by_whoever_reads_it(
    tmp_path: Path, kind: str, reader: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    path = {"pipe": tmp_path / "pipe", "device": Path("/dev/zero"), "folder": tmp_path}[kind]
    with pytest.raises((OSError, CannotStart), match=r"not a regular file|a folder, where a file is wanted"):
        READERS[reader](path)


def test_the_doctor_names_a_certificate_or_a_key_that_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert read_certificate(tmp_path / "pipe", None, 0.0).fault == "not a regular file"


def test_a_reference_to_a_pipe_has_no_value(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "turnpike.yaml").write_text('providers: [{name: a, credential: "${file:pipe}"}]')
    assert read_document(str(tmp_path / "turnpike.yaml"), None, {}).missing == ("file:pipe",)
