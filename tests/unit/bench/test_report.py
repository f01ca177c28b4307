from bench.goals import goals
from bench.machine import Facts
from bench.report import Crowd, Memory, Report, Row, as_markdown, as_text

FACTS = Facts("2026-11-21", "a processor", 2, 23.5, "6.1.0", {"nginx": "1.22.1"})


def a_report(*rows: Row) -> Report:
    return Report(facts=FACTS, rows=rows)


def test_what_was_not_measured_is_an_empty_cell() -> None:
    text = as_markdown(a_report(Row("direct", rate=80_000.0)))

    assert "| direct | 80,000 |  |  |  |  |  |  |  |  |" in text


def test_a_row_that_could_not_run_says_why_below_the_tables() -> None:
    text = as_text(a_report(Row("Portkey gateway", notes=("npm is not installed",))))

    assert "- Portkey gateway: npm is not installed" in text


def test_the_machine_and_the_versions_stand_above_the_tables() -> None:
    assert as_text(a_report()).startswith(
        "2026-11-21: a processor, 2 cores, 24 GiB, Linux 6.1.0; nginx 1.22.1"
    )


def test_goals_are_held_against_what_was_measured() -> None:
    own = Row("Turnpike", rate=20_000.0, share_of_nginx=0.27)
    rivals = [Row("LiteLLM proxy", rate=100.0), Row("Portkey gateway", rate=900.0)]

    found = {goal.words.partition(":")[0]: goal.reached for goal in goals(own, rivals, (), None)}

    assert found == {
        "share of nginx's rate": False,
        "calls per second and worker": True,
        "times the rate of LiteLLM proxy": True,
        "times the rate of Portkey gateway": True,
    }


def test_only_turnpikes_own_crowd_has_goals() -> None:
    crowds = [
        Crowd("nginx", 5000, 25_000.0, 0.2, 0.6, 900.0, 0.3, 17.5),
        Crowd("Turnpike", 5000, 25_000.0, 0.2, 0.6, 40.0, 0.6, 41.0),
    ]

    found = [(goal.found, goal.reached) for goal in goals(Row("Turnpike"), [], crowds, None)]

    assert found == [("40.0", True), ("41.0", False)]


def test_memory_that_shrinks_too_far_is_not_flat_either() -> None:
    memory = Memory(early_calls=200_000, early_bytes=100, late_calls=1_000_000, late_bytes=90)

    assert [goal.reached for goal in goals(Row("Turnpike"), [], (), memory)] == [False]
