"""The difference between a document and the store: field by field, by owner, with nothing secret."""

from __future__ import annotations

import msgspec

from tests.unit.control.documents import FILE, SHAPE, read, read_well, stored
from turnpike.control.document.kind import ResourceId
from turnpike.control.document.secret import SecretAddress
from turnpike.control.plan import (
    ENVIRONMENT_OWNER,
    Creation,
    Deletion,
    FieldChange,
    Held,
    Standing,
    Update,
    make_plan,
    outcome,
    ownership_faults,
    plan_lines,
    relation_faults,
    remarks,
)

CREDENTIAL = SecretAddress("providers", "openai", "credential")


def relation_lines(text: str, standing: Standing, owner: str = FILE) -> list[str]:
    return [str(fault) for fault in relation_faults(read(text), standing, owner)]


def test_an_empty_store_gets_everything_in_the_order_of_the_table() -> None:
    plan = make_plan(read_well(SHAPE), {}, FILE, set())
    assert [(type(change), str(change.id)) for change in plan.changes] == [
        (Creation, "providers/local"),
        (Creation, "providers/openai"),
        (Creation, "models/fast"),
        (Creation, "models/local/*"),
        (Creation, "teams/research"),
        (Creation, "keys/research-app"),
    ]


def test_the_same_document_again_changes_nothing() -> None:
    plan = make_plan(read_well(SHAPE), stored(SHAPE), FILE, set())
    assert plan.changes == ()
    assert len(plan.unchanged) == 6


def test_a_changed_field_is_shown_before_and_after() -> None:
    plan = make_plan(
        read_well(SHAPE.replace("models: [fast]", "models: [fast, slow]")), stored(SHAPE), FILE, set()
    )
    (update,) = plan.changes
    assert isinstance(update, Update)
    assert update.fields == (FieldChange("models", ["fast"], ["fast", "slow"]),)


def test_a_secret_that_changed_behind_its_reference_is_shown_without_a_value() -> None:
    plan = make_plan(read_well(SHAPE), stored(SHAPE), FILE, {CREDENTIAL})
    (update,) = plan.changes
    assert isinstance(update, Update)
    reference = "${env:OPENAI_API_KEY}"
    assert update.fields == (FieldChange("credential", reference, reference, secret_changed=True),)


def test_what_the_owner_no_longer_names_is_removed_and_what_others_made_stays() -> None:
    standing = {**stored(SHAPE), **stored("teams: [{name: other}]", "api")}
    reading = read_well(SHAPE[: SHAPE.index("keys:")])
    plan = make_plan(reading, standing, FILE, set())
    assert [str(change.id) for change in plan.changes if isinstance(change, Deletion)] == [
        "keys/research-app"
    ]
    after = outcome(plan, reading, standing)
    assert {str(id_): held.owner for id_, held in after.items() if id_.kind in ("teams", "keys")} == {
        "teams/research": FILE,
        "teams/other": "api",
    }


def test_a_resource_of_another_owner_is_a_fault() -> None:
    faults = ownership_faults(read("teams:\n  - name: a"), stored("teams: [{name: a}]", "api"), FILE)
    assert [str(fault) for fault in faults] == [
        'turnpike.yaml:2:11: teams/a: was made by "api", and this document is applied as "turnpike.yaml": '
        "remove it there first, choose another name, or take over what the document names with --take-over "
        "(over the API ?take_over=true)"
    ]


def test_what_another_owner_made_is_told_once_however_much_it_is() -> None:
    text = "teams: [" + ", ".join(f"{{name: t{i}}}" for i in range(8)) + "]"
    standing = stored(text, "old.yaml") | stored("users: [{name: u}]", "api")
    faults = ownership_faults(read(text + "\nusers: [{name: u}]"), standing, FILE)
    assert [fault.path for fault in faults] == ["teams/t0", "users/u"]
    others = "(and teams/t1, teams/t2, teams/t3, teams/t4, teams/t5 and 2 more) was made by"
    assert faults[0].message.startswith(others)
    assert "--owner old.yaml" in faults[0].message


def test_a_revoked_key_that_holds_a_removal_up_is_said_to_be_one() -> None:
    standing = stored("teams: [{name: t}]") | stored("teams: [{name: t}]\nkeys: [{name: k, team: t}]", "api")
    standing[ResourceId("teams", "t")] = Held(standing[ResourceId("teams", "t")].resource, FILE)
    (fault,) = relation_faults(read("{}"), standing, FILE, revoked={ResourceId("keys", "k")})
    assert fault.message == (
        "would be removed, but keys/k names it in team; it is a revoked key, which opens nothing: remove it first"
        " (turnpike delete keys k)"
    )


def test_what_the_environment_made_is_taken_over() -> None:
    standing = stored("teams: [{name: a}]", ENVIRONMENT_OWNER)
    reading = read_well("teams: [{name: a}]")
    assert ownership_faults(reading, standing, FILE) == ()
    (update,) = make_plan(reading, standing, FILE, set()).changes
    assert isinstance(update, Update)
    assert update.previous_owner == ENVIRONMENT_OWNER


def test_a_dangling_name_is_a_fault_with_its_place_and_the_nearest() -> None:
    text = SHAPE.replace("{provider: openai,", "{provider: opnai,")
    assert relation_lines(text, {}) == [
        'turnpike.yaml:5:39: models[0].targets[0].provider: no provider "opnai"; did you mean "openai"? '
        "(known: local, openai)"
    ]


def test_a_name_in_store_may_be_referred_to() -> None:
    assert relation_lines("keys: [{name: k, team: a}]", stored("teams: [{name: a}]", "api")) == []


def test_every_kind_of_reference_is_checked() -> None:
    text = "\n".join(
        (
            "models: [{name: m, targets: [{provider: a, model: b}]}]",
            "teams: [{name: t, members: [{user: a}]}]",
            "projects: [{name: p, team: a, members: [b]}]",
            "users: [{name: u, team: a}]",
            "keys: [{name: k, team: a}, {name: l, project: a}, {name: m, user: a}]",
        )
    )
    assert [line.split(": ")[1] for line in relation_lines(text, {})] == [
        "models[0].targets[0].provider",
        "teams[0].members[0].user",
        "projects[0].team",
        "projects[0].members[0]",
        "users[0].team",
        "keys[0].team",
        "keys[1].project",
        "keys[2].user",
    ]


def test_a_reference_to_what_the_document_removes_says_so() -> None:
    standing = stored("teams: [{name: a}]\nkeys: [{name: k, team: a}]")
    (line,) = relation_lines("keys: [{name: k, team: a}]", standing)
    assert 'no team "a"; this document made it and names it no longer: keep it in `teams`' in line


def test_what_others_need_is_not_removed() -> None:
    others = {**stored("teams: [{name: a}]"), **stored("keys: [{name: k, team: a}]", "api")}
    assert relation_lines("", others) == [
        "turnpike.yaml:1:1: teams/a: would be removed, but keys/k names it in team; change that first"
    ]


def test_faults_of_reading_bring_no_faults_of_relation_with_them() -> None:
    standing = stored(SHAPE)
    assert relation_lines("keys: [", standing) == []
    assert relation_lines(SHAPE.replace("teams:", "team:"), standing) == []
    assert relation_lines(SHAPE.replace("name: openai", "nmae: openai"), standing) == []


def test_an_allowed_name_that_no_model_bears_is_remarked_on() -> None:
    text = SHAPE.replace("models: [fast]", "models: [fats, local/any, 'x*']")
    assert [str(remark) for remark in remarks(read(text), {})] == [
        'turnpike.yaml:8:31: teams[0].models[0]: no model "fats"; did you mean "fast"? (known: fast, local/*)'
    ]


def test_people_read_one_line_for_each_resource_and_field() -> None:
    standing = stored("teams: [{name: a, models: [x]}, {name: b}]\nusers: [{name: u}]")
    reading = read_well(
        "teams: [{name: a, models: [y], tags: {app: z}}]\nusers: [{name: u}, {name: v, role: admin}]"
    )
    assert plan_lines(make_plan(reading, standing, FILE, set())) == [
        "~ teams/a",
        '    models: ["x"] -> ["y"]',
        '    tags: (not said) -> {"app":"z"}',
        "- teams/b",
        "+ users/v",
        '    role: "admin"',
        "1 to create, 1 to change, 1 to remove, 1 unchanged",
    ]


def test_a_plan_as_json_names_each_action() -> None:
    plan = make_plan(read_well("teams: [{name: a}]"), stored("teams: [{name: b}]"), FILE, set())
    assert msgspec.to_builtins(plan)["changes"] == (
        {"action": "create", "id": {"kind": "teams", "name": "a"}, "fields": ()},
        {"action": "delete", "id": {"kind": "teams", "name": "b"}},
    )
