"""System: commands say "done" only where control said so, whatever else answers in its place."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.lying_control import LyingControl, http_answer
from tests.system.running import BOUND_SECONDS, COMMAND, an_environment
from turnpike.cli import main

KEY = {"name": "app", "meta": {"kind": "keys", "revoked_at": None}, "secret": "tpk_shown_once"}
PAGE = {"items": [{"name": "\x1b]0;owned\x07", "team": "\x9b2J", "meta": {"kind": "keys"}}], "next": None}

COMMANDS = (
    "get teams",
    "get keys app",
    "keys list",
    "models",
    "export",
    "plan",
    "apply",
    "keys create app --team research",
    "keys rotate app",
    "keys revoke app",
    "explain app fast",
    "audit",
    "delete keys app",
)
CHANGES = (
    "apply",
    "keys create app --team research",
    "keys rotate app",
    "keys revoke app",
    "delete keys app",
)

LIES = {
    "an empty object": http_answer(b"{}"),
    "a list": http_answer(b"[]"),
    "null": http_answer(b"null"),
    "a login page": http_answer(b"<html>log in</html>", kind="text/html"),
    "items that are none": http_answer(b'{"items":5,"next":null}'),
    "items of another shape": http_answer(b'{"items":[1,{"x":2}],"next":null}'),
    "a list without end": http_answer(b'{"items":[{"name":"a","meta":{"kind":"teams"}}],"next":"a"}'),
    "deep brackets": http_answer(b"[" * 100_000 + b"]" * 100_000),
    "half a surrogate": http_answer(b'{"items":[{"name":"\\ud800"}],"next":null}'),
    "a fault as text": http_answer(b"boom \x1b[31m red", "500 Oops", "text/plain"),
    "a problem of another shape": http_answer(
        b'{"detail":{"a":1},"code":[1]}', "409 Conflict", "application/problem+json"
    ),
    "faults of another shape": http_answer(
        b'{"detail":"d","code":"c","faults":[5]}', "400 Bad Request", "application/problem+json"
    ),
    "a redirect": b"HTTP/1.1 302 Found\r\nlocation: http://login/\r\ncontent-length: 0\r\n\r\n",
    "nothing": b"",
    "what is not HTTP": b"\x00\xff garbage\r\n\r\n",
    "a body that breaks off": http_answer(b"{", length=500),
    "a body without an end": b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{}",
    "chunks that break off": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{",
    "chunks that are none": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "bytes that are no text": http_answer(b"\xff\xfe\x00", "403 Forbidden", "text/plain"),
}


@pytest.fixture(scope="module")
def liar() -> Iterator[LyingControl]:
    with LyingControl() as control:
        yield control


class Desk:
    """Commands run in this process, on a home of their own, towards the liar."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def run(self, *arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        shown = self._capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, shown.out, shown.err


@pytest.fixture
def desk(
    liar: LyingControl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    (tmp_path / "turnpike.yaml").write_text("teams: []\n")
    monkeypatch.chdir(tmp_path)
    for name, value in an_environment(tmp_path / "home", TURNPIKE_CONTROL_URL=liar.url).items():
        monkeypatch.setenv(name, value)
    return Desk(capsys)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("lie", LIES)
def test_what_control_never_says_is_no_success(
    desk: Desk, liar: LyingControl, command: str, lie: str
) -> None:
    liar.answer = LIES[lie]
    status, out, err = desk.run(*command.split())
    assert (status, out) == (1, "")
    assert err.startswith(f"turnpike: control at {liar.url} ")
    assert len(err.splitlines()) == 1
    assert "\x1b" not in err


@pytest.mark.parametrize("command", CHANGES)
@pytest.mark.parametrize("lie", ["a login page", "nothing", "a body that breaks off"])
def test_where_a_change_may_have_been_made_it_is_said(
    desk: Desk, liar: LyingControl, command: str, lie: str
) -> None:
    liar.answer = LIES[lie]
    assert (
        "whether the change was made is not known: look before you ask again" in desk.run(*command.split())[2]
    )


def test_what_came_instead_is_shown_with_its_mend(desk: Desk, liar: LyingControl) -> None:
    liar.answer = LIES["a login page"]
    _, _, err = desk.run("keys", "revoke", "app")
    assert "status 200 and text/html: '<html>log in</html>'" in err
    assert "see that TURNPIKE_CONTROL_URL is control's own address" in err


def test_a_key_that_is_said_not_to_be_revoked_is_not_called_so(desk: Desk, liar: LyingControl) -> None:
    liar.answer = http_answer(json.dumps(KEY).encode())
    assert desk.run("keys", "revoke", "app")[0] == 1


def test_a_removal_that_answers_with_something_is_none(desk: Desk, liar: LyingControl) -> None:
    liar.answer = http_answer(json.dumps(KEY).encode())
    assert desk.run("delete", "keys", "app")[0] == 1
    liar.answer = b"HTTP/1.1 204 No Content\r\n\r\n"
    assert desk.run("delete", "keys", "app")[:2] == (0, "keys/app is removed\n")


@pytest.mark.parametrize("lie", LIES)
def test_the_doctor_finds_that_control_is_none(desk: Desk, liar: LyingControl, lie: str) -> None:
    liar.answer = LIES[lie]
    status, out, err = desk.run("doctor")
    assert (status, err) == (1, "")
    assert "WRONG  control: control at " in out
    assert "\x1b" not in out


@pytest.mark.parametrize("command", ["get keys", "keys list", "models", "get keys --json", "audit"])
def test_names_from_outside_do_not_steer_the_terminal(desk: Desk, liar: LyingControl, command: str) -> None:
    event = {"at": "\x1b", "actor": "\x9b", "action": "a\nb", "kind": "k", "name": "\u202e"}
    liar.answer = http_answer(json.dumps({"items": [event]} if command == "audit" else PAGE).encode())
    status, out, _ = desk.run(*command.split())
    assert status == 0
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(out)
    assert "\\x1b" in out or "\\u001b" in out


def test_a_list_whose_pages_never_end_is_given_up(desk: Desk, liar: LyingControl) -> None:
    liar.answer = http_answer(b'{"items":[],"next":"a"}')
    before = len(liar.asked)
    assert desk.run("get", "teams")[0] == 1
    assert len(liar.asked) - before <= 2


@pytest.mark.parametrize("cut", ["length", "chunks"])
def test_an_export_that_breaks_off_leaves_the_file_as_it_was(
    desk: Desk, liar: LyingControl, tmp_path: Path, cut: str
) -> None:
    kept = tmp_path / "kept.yaml"
    kept.write_text("teams: [{name: kept}]\n")
    liar.answer = {
        "length": http_answer(b"teams:\n  - na", kind="application/yaml", length=500),
        "chunks": b"HTTP/1.1 200 OK\r\ncontent-type: application/yaml\r\ntransfer-encoding: chunked\r\n\r\n"
        b"c\r\nteams:\n  - na\r\n",
    }[cut]
    status, out, err = desk.run("export", "--output", str(kept))
    assert (status, out) == (1, "")
    assert "broke off" in err
    assert kept.read_text() == "teams: [{name: kept}]\n"
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_an_export_replaces_the_file_and_keeps_its_permissions(
    desk: Desk, liar: LyingControl, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.yaml"
    kept.write_text("teams: [{name: kept}]\n")
    kept.chmod(0o640)
    linked = tmp_path / "linked.yaml"
    linked.symlink_to(kept)
    liar.answer = http_answer("teams:\n  - name: déjà\n".encode(), kind="application/yaml; charset=utf-8")
    assert desk.run("export", "--output", str(linked))[0] == 0
    assert linked.is_symlink()
    assert kept.read_text() == "teams:\n  - name: déjà\n"
    assert kept.stat().st_mode & 0o777 == 0o640


def test_an_export_with_control_characters_is_none(desk: Desk, liar: LyingControl) -> None:
    liar.answer = http_answer(b"teams: [{name: \x1b[2J}]\n", kind="application/yaml")
    status, out, err = desk.run("export")
    assert (status, out) == (1, "")
    assert "control characters" in err


def run_to(shell: str, liar: LyingControl, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell's line in which `turnpike` is the command."""
    line = shell.replace("turnpike", " ".join(COMMAND))
    environ = an_environment(folder / "home", TURNPIKE_CONTROL_URL=liar.url)
    return subprocess.run(
        ["bash", "-c", line], env=environ, cwd=folder, text=True, capture_output=True, timeout=BOUND_SECONDS
    )


@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
@pytest.mark.parametrize("command", ["keys create app --team t", "keys rotate app", "apply -f -"])
def test_where_a_secret_could_not_be_shown_nothing_is_changed(
    liar: LyingControl, tmp_path: Path, command: str, where: str
) -> None:
    before = len(liar.asked)
    ended = run_to(f"echo 'teams: []' | turnpike {command} {where}", liar, tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("turnpike: standard output cannot be written")
    assert "nothing was changed" in ended.stderr
    assert len(liar.asked) == before


@pytest.mark.parametrize(
    ("command", "done"), [("create app --team t", "is made"), ("rotate app", "has a new secret")]
)
def test_a_secret_that_is_lost_is_said_with_the_way_to_another(
    liar: LyingControl, tmp_path: Path, command: str, done: str
) -> None:
    # A limit of the file's size lets the write fail, and nothing before it.
    liar.answer = http_answer(json.dumps(KEY).encode())
    ended = run_to(f"trap '' XFSZ; ulimit -f 0; turnpike keys {command} >kept", liar, tmp_path)
    assert ended.returncode == 1
    assert ended.stderr == (
        f"turnpike: key app {done}, but its secret could not be written to standard output (File too large):"
        " `turnpike keys rotate app` gives a new one\n"
    )


def test_a_secret_that_nobody_reads_is_no_success(liar: LyingControl, tmp_path: Path) -> None:
    ended = run_to("turnpike keys create app --team t | true; exit ${PIPESTATUS[0]}", liar, tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("turnpike: ")
    assert "nobody reads it" in ended.stderr


@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
@pytest.mark.parametrize("command", ["get teams", "export", "version", "settings", "schema"])
def test_what_cannot_be_shown_is_said(liar: LyingControl, tmp_path: Path, command: str, where: str) -> None:
    liar.answer = (
        http_answer(b"teams: []\n", kind="application/yaml")
        if command == "export"
        else http_answer(b'{"items":[],"next":null}')
    )
    ended = run_to(f"turnpike {command} {where}", liar, tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("turnpike: standard output cannot be written")
    assert len(ended.stderr.splitlines()) == 1


def test_a_reader_that_has_seen_enough_changes_no_status(liar: LyingControl, tmp_path: Path) -> None:
    ended = run_to("turnpike schema | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}", liar, tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_complaints_that_nobody_can_read_change_no_status(liar: LyingControl, tmp_path: Path) -> None:
    liar.answer = http_answer(json.dumps(KEY).encode())
    made = run_to("turnpike keys create app --team t 2>/dev/full", liar, tmp_path)
    assert (made.returncode, made.stdout) == (0, "tpk_shown_once\n")
    assert run_to("turnpike nosuch 2>/dev/full", liar, tmp_path).returncode == 2


@pytest.mark.parametrize("bad", [b"\xff", b"\xed\xa0\x80"])
@pytest.mark.parametrize("command", ["get teams", "keys create x --team", "plan -f", "settings --home"])
def test_an_argument_that_is_no_text_is_wrong_usage(
    liar: LyingControl, tmp_path: Path, command: str, bad: bytes
) -> None:
    ended = subprocess.run(
        [*COMMAND, *command.split(), bad],
        env=an_environment(tmp_path / "home", TURNPIKE_CONTROL_URL=liar.url),
        cwd=tmp_path,
        capture_output=True,
        timeout=BOUND_SECONDS,
    )
    assert ended.returncode == 2
    assert b"which is not UTF-8" in ended.stderr
    assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize("key", [b"sekret\nx", b"sekret\xff", "sekret모".encode()])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(
    liar: LyingControl, tmp_path: Path, key: bytes
) -> None:
    environ = an_environment(tmp_path / "home", TURNPIKE_CONTROL_URL=liar.url)
    ended = subprocess.run(
        [*COMMAND, "get", "teams"],
        env={**{os.fsencode(n): os.fsencode(v) for n, v in environ.items()}, b"TURNPIKE_ADMIN_KEY": key},
        cwd=tmp_path,
        capture_output=True,
        timeout=BOUND_SECONDS,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"turnpike: TURNPIKE_ADMIN_KEY: found a value of ")
    assert b"sekret" not in ended.stderr
