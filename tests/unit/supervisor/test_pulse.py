"""When silence means that a role hangs, and when it says nothing of the role."""

from __future__ import annotations

import os

from turnpike.supervisor.notices import Beat, read_notice
from turnpike.supervisor.pulse import Pulse, beat


def looked_at(pulse: Pulse, *moments: float) -> list[bool]:
    return [pulse.is_gone(moment) for moment in moments]


def seconds(first: int, last: int) -> tuple[float, ...]:
    return tuple(float(second) for second in range(first, last + 1))


def test_a_role_that_beats_no_more_is_gone_after_its_limit() -> None:
    pulse = Pulse(10.0, 0.0)
    pulse.beats()
    assert looked_at(pulse, *seconds(1, 10)) == [False] * 9 + [True]


def test_a_beat_makes_good_for_all_silence_before_it() -> None:
    pulse = Pulse(10.0, 0.0)
    pulse.beats()
    looked_at(pulse, *seconds(1, 9))
    pulse.beats()
    assert looked_at(pulse, *seconds(10, 18)) == [False] * 9


def test_a_role_that_has_never_beaten_is_still_starting() -> None:
    assert not any(looked_at(Pulse(10.0, 0.0), *seconds(1, 100)))


def test_time_that_the_supervisor_itself_missed_is_counted_against_nobody() -> None:
    pulse = Pulse(10.0, 0.0)
    pulse.beats()
    looked_at(pulse, *seconds(1, 9))
    assert looked_at(pulse, 3600.0) == [False]
    assert looked_at(pulse, *seconds(3601, 3610)) == [False] * 9 + [True]


def test_a_supervisor_that_is_always_late_judges_nobody() -> None:
    pulse = Pulse(10.0, 0.0)
    pulse.beats()
    assert not any(looked_at(pulse, *(3.0 * look for look in range(1, 50))))


def test_a_beat_is_heard_as_one_and_is_left_out_where_nobody_reads() -> None:
    reads, writes = os.pipe()
    os.set_blocking(reads, False)
    beat(writes)
    assert read_notice(os.read(reads, 100)) == Beat()
    os.set_blocking(writes, False)
    while True:
        try:
            os.write(writes, b"x" * 65536)
        except BlockingIOError:
            break
    os.set_blocking(writes, True)
    beat(writes)
    os.close(reads)
    beat(writes)
    os.close(writes)
