"""The road of a call, on one page.

    identify → plan (authorize) → once (a call with an idempotency key) → dispatch ⇄ upstream → reply → observe

However a call ends, `carry` comes to its last line with an outcome. A call whose caller has no good key
may end before its body is read (`admit`), and has an outcome too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
import structlog

from turnpike.dialects.speech import Speech
from turnpike.domain.call_status import CallStatus
from turnpike.domain.errors import ClientClosed, InternalError, TurnpikeError, UpstreamFailed
from turnpike.domain.ids import CallId
from turnpike.gateway.answers import ProviderError, raise_refusal, read_whole, told_of
from turnpike.gateway.aside import AT_ONCE_BYTES, Aside
from turnpike.gateway.cancellation import why_cancelled
from turnpike.gateway.deadline_headers import read_wishes
from turnpike.gateway.dispatch import Dispatched, Dispatcher
from turnpike.gateway.fault_log import FaultLog
from turnpike.gateway.gate import Gate
from turnpike.gateway.grants import Grant
from turnpike.gateway.idempotency.keys import IdempotencyKeys
from turnpike.gateway.idempotency.request_key import IDEMPOTENCY_KEY
from turnpike.gateway.identities import Holder
from turnpike.gateway.kept.answer_notes import AnswerNotes, NoNotes, Notes
from turnpike.gateway.kept.response import KeptResponse
from turnpike.gateway.kept.responses import KeptResponses
from turnpike.gateway.outgoing import Outgoing
from turnpike.gateway.plan import Planned
from turnpike.gateway.progress import Progress
from turnpike.gateway.provision import Serving
from turnpike.gateway.relay import Relay
from turnpike.gateway.reply_head import answer_head, error_head
from turnpike.ports.clock import Clock
from turnpike.ports.http import Reply, Request
from turnpike.ports.metrics import Metrics

Plan = Callable[[Progress, Holder, Serving, KeptResponses, Aside], Awaitable[Planned]]
"""What a kind of request asks for; see `plan`."""


class Road(msgspec.Struct, frozen=True):
    """What the stages of one worker need."""

    gate: Gate
    dispatcher: Dispatcher
    kept: KeptResponses
    aside: Aside
    keys: IdempotencyKeys
    metrics: Metrics
    faults: FaultLog
    clock: Clock
    next_call_id: Callable[[], CallId]


def admit(road: Road, speech: Speech, head: Request) -> None:
    """Let the body of a call come in, of which only the head is there, where its caller has a good key.

    Raises as `carry` would tell it; the refusal is the call's outcome then.
    """
    try:
        with road.gate as serving:
            serving.identities.identify(head, road.clock.now_ns())
    except TurnpikeError as refusal:
        call = Progress(road.next_call_id(), head, speech)
        call.end_badly(refusal)
        refusal.call_id = call.call_id
        road.faults.note(call, type(refusal), refusal.reason)
        road.metrics.observe(call.outcome(road.clock.monotonic_ns()))
        raise


async def carry(road: Road, speech: Speech, plan: Plan, request: Request, reply: Reply) -> None:
    """Carry one call from its request to its outcome."""
    call = Progress(road.next_call_id(), request, speech)
    try:
        with road.gate as serving:
            holder = serving.identities.identify(request, road.clock.now_ns())
            call.principal = holder.key.principal
            grant, outgoing = await plan(call, holder, serving, road.kept, road.aside)
            if IDEMPOTENCY_KEY in request.headers:
                await road.keys.carry(call, reply, partial(_carry_out, road, grant, outgoing, call))
            else:
                await _carry_out(road, grant, outgoing, call, reply)
    except TurnpikeError as error:
        _tell(road, error, call, reply)
    except asyncio.CancelledError as cancelled:
        _tell(road, why_cancelled(cancelled), call, reply)
        raise
    except Exception:
        structlog.get_logger().exception("call.fault", call=call.call_id, path=request.path)
        fault = InternalError("A fault inside the gateway; its log says more, under the call's id.")
        _tell(road, fault, call, reply)
    finally:
        road.metrics.observe(call.outcome(road.clock.monotonic_ns()))


async def _carry_out(road: Road, grant: Grant, outgoing: Outgoing, call: Progress, reply: Reply) -> None:
    """Have a provider answer the call, and tell whatever goes wrong with that."""
    try:
        wishes = read_wishes(call.request.headers)
        dispatched = await road.dispatcher.dispatch(grant, outgoing, wishes, call)
    except TurnpikeError as error:
        _tell(road, error, call, reply)
        return
    try:
        await _bring(road, dispatched, outgoing, call, reply)
    except ProviderError as refusal:
        _came_from(dispatched, call)
        _pass_on(road, refusal, dispatched, call, reply)
    except TurnpikeError as error:
        _came_from(dispatched, call)
        _tell(road, told_of(error, dispatched), call, reply)
    except asyncio.CancelledError as cancelled:
        _end(why_cancelled(cancelled), call, reply)
        raise
    finally:
        road.dispatcher.close_attempt(dispatched, call)
        dispatched.answer.leave()


async def _bring(
    road: Road, dispatched: Dispatched, outgoing: Outgoing, call: Progress, reply: Reply
) -> None:
    """Bring the provider's answer to the caller, whole or as the stream that was asked for."""
    answer, speech = dispatched.answer, call.speech
    if not 200 <= answer.status < 300:
        await raise_refusal(answer, dispatched.way.uplink, road.aside)
    if outgoing.stream and speech.open_stream is not None:
        relay = Relay(dispatched, speech.open_stream(), call, road.clock)
        await _bring_stream(road, relay, outgoing, call, reply)
        return
    body = answer.arrived
    if body is None or b"content-encoding" in answer.headers:
        body = await read_whole(answer, road.aside)
    call.upstream_ended_ns = road.clock.monotonic_ns()
    read_answer = speech.read_answer
    call.facts = read_answer(body) if len(body) <= AT_ONCE_BYTES else await road.aside.read(read_answer, body)
    call.end_well(answer.status)
    if outgoing.keeps:
        await _notes(road, dispatched, outgoing, call).note(call.facts.names + outgoing.claims)
    reply.whole(answer.status, answer_head(call, dispatched), body)


async def _bring_stream(road: Road, relay: Relay, outgoing: Outgoing, call: Progress, reply: Reply) -> None:
    stream, dispatched = relay.stream, relay.dispatched
    notes = _notes(road, dispatched, outgoing, call)
    try:
        events = await relay.first_events()
        call.facts = stream.facts
        await notes.note(call.facts.names + outgoing.claims)
        call.http_status = dispatched.answer.status
        reply.begin(call.http_status, answer_head(call, dispatched))
        await relay.pass_on(events, reply, notes)
    except asyncio.CancelledError:
        # A caller may hang up as soon as it has read the dialect's terminator.
        if not relay.gave_end:
            raise
    finally:
        call.facts = stream.facts
        call.upstream_ended_ns = road.clock.monotonic_ns()
    call.end_well(dispatched.answer.status)
    if stream.failed:
        call.status, call.error = CallStatus.FAILED, UpstreamFailed.code
        _came_from(dispatched, call)
        road.faults.note(call, UpstreamFailed, "The provider ended its stream with an error of its own.")
    reply.end()


def _notes(road: Road, dispatched: Dispatched, outgoing: Outgoing, call: Progress) -> Notes:
    """Where and whose what the answer tells of is: as the response that was asked for, or here and the caller's."""
    if not outgoing.keeps:
        return NoNotes()
    if outgoing.about is not None:
        return AnswerNotes(road.kept.note_unknown, outgoing.about, call.call_id)
    assert call.principal is not None, "a planned call has its principal"
    assert call.model is not None, "and its model"
    way, now_ns = dispatched.way, road.clock.now_ns()
    made = KeptResponse(way.uplink.provider, way.model, call.model, call.principal, now_ns)
    return AnswerNotes(road.kept.note, made, call.call_id)


def _tell(road: Road, error: TurnpikeError, call: Progress, reply: Reply) -> None:
    """Tell the caller of an error, by a status while that can still be said, else by an event."""
    _end(error, call, reply)
    if isinstance(error, ClientClosed):
        return
    road.faults.note(call, type(error), error.reason)
    errors = call.speech.errors
    if not reply.begun:
        body = errors.body(error, call.call_id)
        reply.whole(error.http_status, error_head(error, call), body)
        return
    reply.write(errors.event(error, call.call_id))
    reply.end()


def _end(error: TurnpikeError, call: Progress, reply: Reply) -> None:
    """Note how the call ends: with an error in place of an answer, or amid one."""
    if reply.begun and not isinstance(error, ClientClosed):
        call.status, call.error = CallStatus.INTERRUPTED, error.code
    else:
        call.end_badly(error)


def _came_from(dispatched: Dispatched, call: Progress) -> None:
    """Note whose answer it was that a call ends badly by."""
    call.target, call.answered = dispatched.way, dispatched.answer.status


def _pass_on(
    road: Road, refusal: ProviderError, dispatched: Dispatched, call: Progress, reply: Reply
) -> None:
    """Show the provider's refusal as it is: it is written for the caller's SDK."""
    call.status, call.error = CallStatus.FAILED, refusal.code
    call.http_status = refusal.status
    road.faults.note(
        call, refusal.kind, "The provider refused the call in its own words, which the caller has."
    )
    reply.whole(refusal.status, answer_head(call, dispatched), refusal.body)
