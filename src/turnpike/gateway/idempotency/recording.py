"""A reply that remembers what goes out, and holds back its end until that is kept."""

from __future__ import annotations

from typing import Final

import msgspec

from turnpike.ports.http import Reply

ANSWER_BYTES_MAX: Final = 8 * 1024 * 1024
"""The largest answer that is kept."""
ANSWERS_BYTES_MAX: Final = 256 * 1024 * 1024
"""What one worker remembers at a time, over all answers that have not ended."""


class Recorded(msgspec.Struct, frozen=True):
    """An answer as it was given."""

    streamed: bool
    status: int
    head: bytes
    body: bytes


class Memory:
    """What answers may take of one worker's memory."""

    __slots__ = ("_each_max", "_free")

    def __init__(self, each_max: int = ANSWER_BYTES_MAX, total_max: int = ANSWERS_BYTES_MAX) -> None:
        self._each_max = each_max
        self._free = total_max

    def take(self, count: int, held: int) -> bool:
        """Room for `count` bytes of an answer that has `held` already; False where there is none."""
        if held + count > self._each_max or count > self._free:
            return False
        self._free -= count
        return True

    def give(self, count: int) -> None:
        """Room that is no longer needed."""
        self._free += count


class Recording:
    """Passes a stream on as it comes; a whole answer, and a stream's end, wait for `release`.

    A caller that has seen the end of its answer can so rely on what its key stands for.
    """

    def __init__(self, reply: Reply, memory: Memory) -> None:
        self._reply = reply
        self._memory = memory
        self._streamed = False
        self._status = 0
        self._head = b""
        self._pieces: list[bytes] = []
        self._held_bytes = 0
        self.begun = False
        self.ended = False
        self.is_too_large = False
        self.drained = reply.drained
        self.abort = reply.abort

    @property
    def congested(self) -> bool:
        return self._reply.congested

    def whole(self, status: int, head: bytes, body: bytes) -> None:
        if self.begun:
            return
        self.begun = self.ended = True
        self._status, self._head = status, head
        # The body is in hand until it is sent, whatever is made of the recording.
        self._pieces.append(body)
        self.is_too_large = not self._take(len(head) + len(body))

    def begin(self, status: int, head: bytes) -> None:
        if self.begun:
            return
        self.begun = self._streamed = True
        self._status, self._head = status, head
        self.is_too_large = not self._take(len(head))
        self._reply.begin(status, head)

    def write(self, data: bytes) -> None:
        if self.ended:
            return
        if not self.is_too_large:
            self._pieces.append(data)
            self.is_too_large = not self._take(len(data))
            if self.is_too_large:
                self._pieces.clear()
        self._reply.write(data)

    def end(self) -> None:
        self.ended = True

    def recorded(self) -> Recorded | None:
        """The answer that has ended; None where it was too large."""
        if self.is_too_large:
            return None
        return Recorded(self._streamed, self._status, self._head, b"".join(self._pieces))

    def release(self) -> None:
        """Send what was held back."""
        if self._streamed:
            self._reply.end()
        else:
            self._reply.whole(self._status, self._head, self._pieces[0])

    def forget(self) -> None:
        """Count its bytes no more."""
        self._memory.give(self._held_bytes)
        self._held_bytes = 0

    def _take(self, count: int) -> bool:
        if not self._memory.take(count, self._held_bytes):
            return False
        self._held_bytes += count
        return True
