"""Files that people name are regular ones within a bound, or are refused at once; one that is written is whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from turnpike.adapters.machine.trust import read_certificate
from turnpike.adapters.sealing.master_key import read_master_key
from turnpike.bootstrap.document import read_document, read_start_document
from turnpike.bootstrap.fault import CannotStart
from turnpike.files import read_named_file, replace_file
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
    notes: list[str] = []
    document = read_document(str(tmp_path / "turnpike.yaml"), None, {}, notes.append)
    assert (document.missing, notes) == (("file:pipe",), [])


def test_a_file_is_replaced_whole_with_its_permissions_and_through_its_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"before")
    (tmp_path / "file").chmod(0o640)
    (tmp_path / "link").symlink_to("file")
    replace_file(tmp_path / "link", b"after")
    assert (tmp_path / "file").read_bytes() == b"after"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
    assert {file.name for file in tmp_path.iterdir()} == {"file", "link"}


def test_a_file_that_cannot_be_replaced_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        replace_file(tmp_path / "kept", b"after")
    with pytest.raises(OSError, match="No such file"):
        replace_file(tmp_path / "none" / "file", b"after")
    assert [file.name for file in tmp_path.iterdir()] == ["kept"]


def test_a_device_is_written_to_as_it_is() -> None:
    replace_file(Path(os.devnull), b"after")
    assert not Path(os.devnull).is_file()
