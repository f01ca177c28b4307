"""Documents on their way to control: references are resolved where the command runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnpike.bootstrap.document import SECRET_MAX_BYTES, read_document
from turnpike.bootstrap.fault import CannotStart


def waits_for_nothing(note: str) -> None:
    raise AssertionError(note)


def a_document(folder: Path, text: str) -> str:
    file = folder / "turnpike.yaml"
    file.write_text(text)
    return str(file)


def test_variables_are_taken_from_the_environment_of_the_command(tmp_path: Path) -> None:
    path = a_document(tmp_path, 'providers: [{name: a, credential: "${env:A_KEY}"}]')
    document = read_document(path, None, {"A_KEY": "sk-1"}, waits_for_nothing)
    assert document.secrets == {"env:A_KEY": "sk-1"}
    assert document.missing == ()


def test_a_relative_file_starts_at_the_document_and_loses_only_its_last_line_break(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-2\n\n")
    path = a_document(tmp_path, 'providers: [{name: a, credential: "${file:key}"}]')
    assert read_document(path, None, {}, waits_for_nothing).secrets == {"file:key": "sk-2\n"}


def test_what_has_no_value_here_is_named_and_not_sent(tmp_path: Path) -> None:
    (tmp_path / "large").write_text("x" * (SECRET_MAX_BYTES + 1))
    text = 'keys: [{name: a, secret: "${env:UNSET}"}, {name: b, secret: "${file:none}"}, {name: c, secret: "${file:large}"}]'
    document = read_document(a_document(tmp_path, text), None, {"UNSET": ""}, waits_for_nothing)
    assert document.secrets == {}
    assert set(document.missing) == {"env:UNSET", "file:none", "file:large"}


def test_the_owner_is_the_files_name_unless_one_is_given(tmp_path: Path) -> None:
    path = a_document(tmp_path, "")
    assert read_document(path, None, {}, waits_for_nothing).owner == "turnpike.yaml"
    assert read_document(path, "platform", {}, waits_for_nothing).owner == "platform"


def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"none\.yaml: No such file"):
        read_document(str(tmp_path / "none.yaml"), None, {}, waits_for_nothing)
    (tmp_path / "latin.yaml").write_bytes(b"teams: [\xe9]")
    with pytest.raises(CannotStart, match=r"latin\.yaml: byte 8 is not UTF-8"):
        read_document(str(tmp_path / "latin.yaml"), None, {}, waits_for_nothing)


def test_a_variable_that_is_no_text_counts_as_without_a_value(tmp_path: Path) -> None:
    path = a_document(tmp_path, 'providers: [{name: a, credential: "${env:A_KEY}"}]')
    document = read_document(path, None, {"A_KEY": "sk-\udcff"}, waits_for_nothing)
    assert (document.secrets, document.missing) == ({}, ("env:A_KEY",))
