"""Idempotency keys: whatever two workers do, a key is claimed once; whatever a provider sends is recorded as it came."""

from __future__ import annotations

import itertools
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.gateway.keyed_calls import DAY_NS, SEAL, HeardReply, SetClock
from tests.unit.gateway.keyed_claims import ANSWERED, NAME, OTHER, TEAM, claim_of, claimed
from turnpike.gateway.idempotency.claim import Claim
from turnpike.gateway.idempotency.entry import Claimed
from turnpike.gateway.idempotency.folder import Folder, Found, Running
from turnpike.gateway.idempotency.recording import Memory, Recorded, Recording

HEAD = b"content-type: x\r\n"
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["enter", "free", "keep", "leave", "sweep", "half a day"]),
        st.integers(0, 1),
        st.sampled_from([NAME, OTHER]),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_whatever_two_workers_do_a_key_is_claimed_once_in_its_day(steps: list[tuple[str, int, str]]) -> None:
    clock = SetClock()
    with TemporaryDirectory() as place:
        story = Story(clock, [Folder(Path(place), SEAL, clock) for _ in range(2)])
        for step, worker, name in steps:
            if step == "half a day":
                clock.time_ns += DAY_NS // 2
            elif step == "sweep":
                story.folders[worker].sweep(name[:2])
            elif step == "enter":
                story.enter(story.folders[worker], name)
            elif name in story.held:
                story.end(story.folders[worker], name, step)
        for claim, _ in story.held.values():
            claim.leave()


class Story:
    """What must be true of every key: who holds it, and what came of it when."""

    def __init__(self, clock: SetClock, folders: list[Folder]) -> None:
        self.folders = folders
        self.held: dict[str, tuple[Claim, Claimed]] = {}
        self._clock = clock
        self._spent: dict[str, tuple[int, Found]] = {}
        self._numbers = itertools.count()

    def enter(self, folder: Folder, name: str) -> None:
        asked = claimed(f"call-{next(self._numbers)}")
        taken = folder.enter(name, asked, TEAM)
        if name in self.held:
            assert taken == Running(asked.fingerprint, self.held[name][1].call_id)
            return
        at_ns, found = self._spent.get(name, (-DAY_NS, None))
        if self._clock.time_ns < at_ns + DAY_NS:
            assert taken == found
        else:
            self.held[name] = claim_of(taken), asked

    def end(self, folder: Folder, name: str, how: str) -> None:
        claim, asked = self.held.pop(name)
        self._spent.pop(name, None)
        if how == "free":
            claim.free()
        elif how == "keep":
            folder.keep(claim, ANSWERED)
            self._spent[name] = claim.made_ns, ANSWERED
        else:
            claim.leave()
            self._spent[name] = claim.made_ns, asked


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=12))
def test_a_stream_passes_as_it_comes_and_is_recorded_whole(pieces: list[bytes]) -> None:
    reply = HeardReply()
    recording = Recording(reply, Memory())
    recording.begin(200, HEAD)
    for count, piece in enumerate(pieces, 1):
        recording.write(piece)
        assert reply.pieces == pieces[:count]
    recording.end()
    ended_before = reply.ended
    recording.release()
    assert (ended_before, reply.ended) == (False, True)
    assert recording.recorded() == Recorded(True, 200, HEAD, b"".join(pieces))


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=12), st.integers(0, 200))
def test_beyond_the_bound_the_caller_still_gets_everything(pieces: list[bytes], each_max: int) -> None:
    reply = HeardReply()
    memory = Memory(each_max, 1000)
    recording = Recording(reply, memory)
    recording.begin(200, HEAD)
    for piece in pieces:
        recording.write(piece)
    recording.end()
    recording.release()
    assert reply.pieces == pieces
    fits = len(HEAD) + sum(map(len, pieces)) <= each_max
    assert (recording.recorded() is not None) == fits
    recording.forget()
    assert memory.take(1000, each_max - 1000)
    assert not memory.take(1, 0)
