"""System: the commands against a real control plane."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.system.running import Process, an_environment, run_command, status_of, wait_until

DOCUMENT = """\
providers:
  - {name: local, kind: openai-compatible, base_url: "http://127.0.0.1:9/v1", credential: "${env:LOCAL_KEY}"}
models:
  - {name: fast, targets: [{provider: local, model: small}]}
teams:
  - {name: research, models: [fast]}
keys:
  - {name: app, team: research}
"""


class Desk:
    """A folder with a control plane running on its home, and commands run in it."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        self.environ = environ

    def run(self, *arguments: str, **variables: str) -> CompletedProcess[str]:
        return run_command(arguments, {**self.environ, **variables}, self.folder)

    def value(self, *arguments: str) -> object:
        return json.loads(self.run(*arguments, "--json").stdout)

    def write(self, text: str) -> None:
        (self.folder / "turnpike.yaml").write_text(text)


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    environ = an_environment(folder / "home", TURNPIKE_CONTROL_LISTEN=listen, LOCAL_KEY="sk-local-canary")
    with Process(["control"], environ, folder) as process:
        process.wait_for_words("listens on")
        yield Desk(folder, environ)


def column(items: object, field: str) -> list[str]:
    assert isinstance(items, Sequence)
    return [item[field] for item in items]


def test_a_document_is_planned_applied_and_exported(control: Desk) -> None:
    control.write(DOCUMENT)
    planned = control.run("plan")
    assert planned.returncode == 3
    assert "+ providers/local" in planned.stdout

    applied = control.run("apply")
    assert applied.returncode == 0, applied.stderr
    assert re.search(r"key app \(shown once\): tpk_\w{38}", applied.stdout)
    assert "version " in applied.stdout
    assert "sk-local-canary" not in applied.stdout + applied.stderr

    again = control.run("plan")
    assert again.returncode == 0
    assert "0 to create" in again.stdout

    exported = control.run("export").stdout
    assert "${env:LOCAL_KEY}" in exported
    assert "sk-local-canary" not in exported

    control.write(
        DOCUMENT.replace("  - {name: fast, targets: [{provider: local, model: small}]}\n", "").replace(
            "models: [fast]}", "description: none}"
        )
    )
    shorter = control.run("plan")
    assert shorter.returncode == 3
    assert "- models/fast" in shorter.stdout


def test_what_is_applied_by_another_owner_stays(control: Desk) -> None:
    control.write("teams: [{name: one}]")
    assert control.run("apply", "--owner", "first").returncode == 0
    control.write("teams: [{name: two}]")
    assert control.run("apply", "--owner", "second").returncode == 0
    assert {"one", "two"} <= set(column(control.value("get", "teams"), "name"))


def test_a_fault_is_shown_with_its_place_and_status_1(control: Desk) -> None:
    control.write("models:\n  - {name: m, targets: [{provider: lokal, model: x}]}\n")
    for command in ("plan", "apply"):
        refused = control.run(command)
        assert refused.returncode == 1
        assert refused.stderr.startswith("turnpike: turnpike.yaml:2:")
        assert "models[0].targets[0].provider" in refused.stderr


def test_a_reference_without_a_value_is_a_fault_that_names_it(control: Desk) -> None:
    control.write('providers: [{name: q, kind: openai, credential: "${env:NOT_SET_ANYWHERE}"}]')
    refused = control.run("apply", "--owner", "unset")
    assert refused.returncode == 1
    assert "NOT_SET_ANYWHERE" in refused.stderr


def test_a_key_is_made_shown_once_rotated_and_revoked(control: Desk) -> None:
    made = control.run("keys", "create", "robot", "--role", "viewer")
    assert made.returncode == 0, made.stderr
    first = made.stdout.strip()
    assert re.fullmatch(r"tpk_\w{38}", first)
    assert control.run("models", TURNPIKE_ADMIN_KEY=first).returncode == 0

    taken = control.run("keys", "create", "robot", "--role", "viewer")
    assert taken.returncode == 1
    assert 'there is a key "robot" already' in taken.stderr

    second = control.run("keys", "rotate", "robot").stdout.strip()
    assert second != first
    assert control.run("models", TURNPIKE_ADMIN_KEY=first).returncode == 1
    assert control.run("models", TURNPIKE_ADMIN_KEY=second).returncode == 0

    assert control.run("keys", "revoke", "robot").returncode == 0
    refused = control.run("models", TURNPIKE_ADMIN_KEY=second)
    assert refused.returncode == 1
    assert "revoked_key" in refused.stderr
    listed = control.run("keys", "list").stdout
    assert re.search(r"robot +role viewer +none .*revoked", listed)
    again = control.run("keys", "create", "robot", "--role", "viewer")
    assert 'a key "robot" already, which is revoked for good: choose another name' in again.stderr
    assert first not in listed


def test_what_was_made_by_hand_is_removed_by_its_kind_and_name(control: Desk) -> None:
    control.run("keys", "create", "short-lived", "--role", "viewer")
    removed = control.run("delete", "keys", "short-lived")
    again = control.run("delete", "keys", "short-lived")
    assert (removed.returncode, removed.stdout) == (0, "keys/short-lived is removed\n")
    assert again.returncode == 1
    assert "there is no key of this name" in again.stderr
    assert "short-lived" not in column(control.value("get", "keys"), "name")


def test_a_key_is_made_with_every_field_that_narrows_it(control: Desk) -> None:
    flags = ["--surface", "openai.*", "--network", "10.0.0.0/8", "--network", "127.0.0.1"]
    flags += ["--tag", "app=search", "--tag", "env=prod", "--acts-for", "*@example.com"]
    flags += ["--description", "for the search"]
    made = control.run("keys", "create", "narrow", "--role", "viewer", *flags)
    assert made.returncode == 0, made.stderr
    key = control.value("get", "keys", "narrow")
    assert isinstance(key, dict)
    assert key["surfaces"] == ["openai.*"]
    assert key["networks"] == ["10.0.0.0/8", "127.0.0.1"]
    assert key["tags"] == {"app": "search", "env": "prod"}
    assert key["acts_for"] == ["*@example.com"]
    assert key["description"] == "for the search"


def test_a_new_key_is_remarked_on_and_one_that_is_over_is_refused(control: Desk) -> None:
    made = control.run("keys", "create", "typing", "--role", "viewer", "--model", "no-such-model")
    assert made.returncode == 0
    assert made.stderr.startswith('remark: --model: no model "no-such-model"')
    over = control.run("keys", "create", "over", "--role", "viewer", "--expires-at", "2020-01-01T00:00:00Z")
    assert (over.returncode, over.stdout) == (1, "")
    assert over.stderr.startswith('turnpike: --expires-at: found "2020-01-01T00:00:00Z", which is over')


def test_faults_of_flags_name_the_flags(control: Desk) -> None:
    flags = ["--team", "nosuch", "--network", "10.0.0.1/8", "--surface", "opnai.chat"]
    refused = control.run("keys", "create", "bad name", *flags)
    lines = refused.stderr.splitlines()
    assert refused.returncode == 1
    assert lines[0].startswith('turnpike: NAME: found "bad name"')
    assert {line.split(":")[1].strip() for line in lines[1:]} == {"--network", "--surface", "--team"}
    assert ":1:" not in refused.stderr
    missing = control.run("keys", "create", "nobodys")
    assert missing.stderr.startswith("turnpike: whose key it is is missing")
    untagged = control.run("keys", "create", "x", "--role", "viewer", "--tag", "app")
    assert untagged.returncode == 2
    assert "--tag: found 'app'" in untagged.stderr


def test_a_mistyped_owner_exports_nothing_and_leaves_the_file(control: Desk) -> None:
    control.write("teams: [{name: kept}]")
    assert control.run("apply", "--owner", "kept.yaml").returncode == 0
    refused = control.run("export", "--owner", "kept.yml", "-o", "turnpike.yaml")
    assert refused.returncode == 1
    assert 'did you mean "kept.yaml"?' in refused.stderr
    assert (control.folder / "turnpike.yaml").read_text() == "teams: [{name: kept}]"


def test_an_audit_of_no_kind_is_wrong_usage(control: Desk) -> None:
    refused = control.run("audit", "--kind", "team")
    assert refused.returncode == 2
    assert "teams" in refused.stderr


def test_what_others_made_is_taken_over_when_asked_for(control: Desk) -> None:
    control.write("teams: [{name: handed-on}]")
    assert control.run("apply", "--owner", "giver").returncode == 0
    refused = control.run("plan", "--owner", "taker")
    planned = control.run("plan", "--owner", "taker", "--take-over")
    assert refused.returncode == 1
    assert "--take-over" in refused.stderr
    assert planned.returncode == 3
    assert "~ teams/handed-on (taken over from giver)" in planned.stdout
    assert control.run("apply", "--owner", "taker", "--take-over").returncode == 0
    assert control.run("plan", "--owner", "taker").returncode == 0


def test_every_change_is_in_the_audit_trail(control: Desk) -> None:
    control.run("keys", "create", "audited", "--role", "viewer")
    events = control.value("audit", "--kind", "keys", "--name", "audited")
    assert column(events, "actor") == ["local"]
    assert column(events, "action") == ["create"]


def test_a_pipe_that_sends_nothing_yet_is_said_to_be_waited_for(control: Desk) -> None:
    pipe = control.folder / "pipe.yaml"
    os.mkfifo(pipe)
    with Process(["plan", "-f", str(pipe)], control.environ, control.folder) as planning:
        wait_until(lambda: bool(planning.logged), "a word of what is waited for")
        assert planning.logged == [
            f"turnpike: waiting for the document from {pipe}, which sends nothing yet\n"
        ]
        pipe.write_text("teams: [{name: through-a-pipe}]")
        assert planning.ended() == 3


def test_a_wrong_key_is_refused_in_one_line(control: Desk) -> None:
    refused = control.run("models", TURNPIKE_ADMIN_KEY="tpk_mistyped")
    assert refused.returncode == 1
    assert refused.stderr.startswith("turnpike: ")
    assert "TURNPIKE_ADMIN_KEY" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_control_that_cannot_be_reached_is_said_in_one_line(tmp_path: Path) -> None:
    environ = an_environment(tmp_path, TURNPIKE_CONTROL_URL="http://127.0.0.1:9")
    refused = run_command(["models"], environ, tmp_path)
    assert refused.returncode == 1
    assert "http://127.0.0.1:9 cannot be reached (connection refused)" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_setting_that_cannot_be_used_is_wrong_usage(tmp_path: Path) -> None:
    refused = run_command(["settings"], an_environment(tmp_path, TURNPIKE_WORKERS="many"), tmp_path)
    assert refused.returncode == 2
    assert 'TURNPIKE_WORKERS: found "many"; allowed: a whole number from 1 to 256' in refused.stderr


def test_settings_say_where_each_value_came_from_and_hide_secrets(tmp_path: Path) -> None:
    environ = an_environment(tmp_path, TURNPIKE_ADMIN_KEY="canary-canary-canary")
    shown = run_command(["settings", "--json", "--workers", "3"], environ, tmp_path)
    settings = {row["name"]: row for row in json.loads(shown.stdout)}
    assert (settings["TURNPIKE_WORKERS"]["value"], settings["TURNPIKE_WORKERS"]["from"]) == ("3", "flag")
    assert settings["TURNPIKE_HOME"]["from"] == "environment"
    assert settings["TURNPIKE_ADMIN_KEY"]["set"] is True
    assert {name for name, row in settings.items() if row["set"]} == {
        name for name, row in settings.items() if row["from"] != "default"
    }
    assert "canary" not in shown.stdout


def test_control_alone_holds_its_home_and_ends_with_status_0(tmp_path: Path) -> None:
    environ = an_environment(tmp_path / "home")
    with Process(["control"], environ, tmp_path) as control:
        url = control.wait_for_words("listens on").split()[-1]
        assert status_of(url + "/readyz") == 200
        second = run_command(["control"], environ, tmp_path)
        assert second.returncode == 1
        assert f"in use by process {control.pid}" in second.stderr
    assert control.ended() == 0


def test_the_version_comes_at_once(tmp_path: Path) -> None:
    shown = run_command(["version"], an_environment(tmp_path), tmp_path)
    assert shown.stdout.startswith("turnpike ")


@pytest.mark.parametrize(
    "command", [["sim", "--listen"], ["gateway", "--gateway-listen"], ["control", "--control-listen"]]
)
def test_a_role_alone_says_in_one_line_that_its_port_is_taken(tmp_path: Path, command: list[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        refused = run_command([*command, taken], an_environment(tmp_path / "home"), tmp_path)
    assert refused.returncode == 1
    assert taken.rpartition(":")[2] in refused.stderr.splitlines()[-1]
    assert "Traceback" not in refused.stderr
