"""Unit: how long a dead role waits."""

from turnpike.supervisor.backoff import DELAY_MAX_SECONDS, WELL_AFTER_SECONDS, next_delay


def test_a_role_that_dies_again_and_again_waits_twice_as_long_each_time_up_to_a_bound() -> None:
    delays = [next_delay(None, ran_seconds=0.0)]
    for _ in range(9):
        delays.append(next_delay(delays[-1], ran_seconds=0.0))
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-1] == DELAY_MAX_SECONDS


def test_a_role_that_ran_well_for_a_while_starts_again_at_once() -> None:
    assert next_delay(DELAY_MAX_SECONDS, ran_seconds=WELL_AFTER_SECONDS) == 0.1
