"""One role under supervision: started, listened to, started again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Mapping
from typing import Final

import msgspec
import structlog

from turnpike.supervisor.backoff import next_delay
from turnpike.supervisor.course import Course
from turnpike.supervisor.notices import HOPELESS_STATUS, Beat, Failed, Ready, Said, ShownOnce, read_notice
from turnpike.supervisor.pulse import SILENCE_MAX_SECONDS, Pulse
from turnpike.supervisor.terminal import Terminal

NOTICE_MAX_BYTES: Final = 1_048_576

_log = structlog.get_logger()


class Role(msgspec.Struct, frozen=True):
    """A process to keep running.

    command: program and arguments; it speaks notices on its standard output and treats the end
    of its standard input as the end of its supervisor.
    at_first: arguments added the first time only.
    environ: its whole environment.
    """

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    at_first: tuple[str, ...] = ()


class SupervisedRole:
    """A role and its process of the moment.

    `ready` from when the role first said so; `hopeless` where it ended, before it was ever ready,
    with the status that says that another start would end the same way; `ended` while nobody
    tends it.
    """

    def __init__(
        self,
        role: Role,
        course: Course,
        terminal: Terminal,
        silence_max_seconds: float = SILENCE_MAX_SECONDS,
    ) -> None:
        self.role = role
        self.ready = False
        self.hopeless = False
        self.ended = True
        self.address: str | None = None
        self._course = course
        self._terminal = terminal
        self._silence_max_seconds = silence_max_seconds
        self._process: asyncio.subprocess.Process | None = None

    async def tend(self) -> None:
        """Keep the role running until the course is to stop and its process has ended."""
        self.ended = False
        try:
            await self._keep_running()
        finally:
            self.ended = True
            self._course.ring()

    async def _keep_running(self) -> None:
        loop = asyncio.get_running_loop()
        delay: float | None = None
        while not self._course.stopping():
            started = loop.time()
            status = await self._run_once(() if self.ready else self.role.at_first)
            if self._course.stopping():
                return
            if status == HOPELESS_STATUS and not self.ready:
                self.hopeless = True
                return
            delay = next_delay(delay, loop.time() - started)
            _log.warning("role.died", child=self.role.name, how=_how(status), restart_in_seconds=delay)
            await self._course.until(self._course.stopping, delay)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process, where there is one."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    @property
    def pid(self) -> int | None:
        """The process of the moment; None between two."""
        return None if self._process is None else self._process.pid

    async def _run_once(self, arguments: tuple[str, ...]) -> int | None:
        """The exit status; None where the machine would not start the process, which may pass."""
        try:
            process = await self._start(arguments)
        except OSError as fault:
            _log.error("role.not_started", child=self.role.name, reason=fault.strerror or str(fault))
            return None
        self._process = process
        if self._course.at_once():
            self.send(signal.SIGKILL)
        elif self._course.stopping():
            self.send(signal.SIGTERM)
        self._terminal.note_process(self.role.name, process.pid)
        _log.info("role.started", child=self.role.name, pid=process.pid)
        status = await self._accompany(process)
        self._process = None
        self._terminal.note_process(self.role.name, None)
        return status

    async def _accompany(self, process: asyncio.subprocess.Process) -> int:
        """Listen to the process, and see that it goes on, until it has ended; its exit status."""
        assert process.stdout is not None
        pulse = Pulse(self._silence_max_seconds, asyncio.get_running_loop().time())
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._watch(pulse, process.pid))
            await self._listen(process.stdout, process.pid, pulse)
            status = await process.wait()
            watching.cancel()
        return status

    async def _watch(self, pulse: Pulse, pid: int) -> None:
        """Kill the process once it hangs; an end in good order has limits of its own."""
        now = asyncio.get_running_loop().time
        while not pulse.is_gone(now()):
            if await self._course.until(self._course.stopping, pulse.look_seconds):
                return
        _log.error("role.hung", child=self.role.name, pid=pid, silent_seconds=round(pulse.silent_seconds, 1))
        self.send(signal.SIGKILL)

    async def _start(self, arguments: tuple[str, ...]) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self.role.command,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=self.role.environ,
            limit=NOTICE_MAX_BYTES,
            # Ctrl-C reaches the supervisor alone, which ends the roles in their order.
            start_new_session=True,
        )

    async def _listen(self, stream: asyncio.StreamReader, pid: int, pulse: Pulse) -> None:
        while line := await _line(stream):
            match read_notice(line):
                case Beat():
                    pulse.beats()
                case Ready(address):
                    self.address = address
                    self.ready = True
                    self._course.ring()
                    _log.info("role.ready", child=self.role.name, pid=pid, address=address)
                case Said(text):
                    self._terminal.say(text)
                case ShownOnce(text):
                    self._terminal.say_once(text)
                case Failed(text):
                    self._terminal.complain(text)
                case None:
                    self._terminal.complain(line.decode(errors="replace").rstrip("\n"))


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line; one that is longer than the bound is thrown away piece by piece."""
    while True:
        try:
            return await stream.readline()
        except ValueError:
            continue


def _how(status: int | None) -> str:
    if status is None:
        return "could not be started"
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"
