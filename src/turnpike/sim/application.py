"""The simulated provider as an application: each request gets a plan, and the plan is played."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import msgspec

from turnpike.ports.clock import SECOND_NS, Clock
from turnpike.ports.http import Application, Reply, Request, render_head
from turnpike.ports.randomness import Randomness
from turnpike.sim.access import check_access, presented_key, speaks_anthropic
from turnpike.sim.catalogue import RELEASED_SECONDS
from turnpike.sim.faults import FaultCounter
from turnpike.sim.headers import JSON, anthropic_request_id, usual_headers
from turnpike.sim.inquiry import Inquiry
from turnpike.sim.ledger import Ending, Ledger, key_fingerprint
from turnpike.sim.limits import Limits, limit_headers, refusal_of
from turnpike.sim.plan import Plan, Whole, WholeAnswer
from turnpike.sim.play import Playing, Sleep
from turnpike.sim.refusals import Refused, error_value
from turnpike.sim.routes import Route, find_route
from turnpike.sim.schedule import schedule
from turnpike.sim.seeded import Source, source_of
from turnpike.sim.settings import SimSettings
from turnpike.sim.showing import PREFIX, Showing
from turnpike.sim.steering import BadSteering, Steering, steer
from turnpike.sim.surfaces import STATELESS, Surfaces

MOST_PLANS = 1024
LARGEST_REMEMBERED_BYTES = 16_384
MOST_REMEMBERED_TOKENS = 2048


def make_application(settings: SimSettings, clock: Clock, randomness: Randomness) -> Application:
    """A simulated provider, to be served over HTTP."""
    return Simulation(settings, clock, randomness, asyncio.sleep)


class Simulation:
    """A simulated provider: its settings, what it keeps, and what it has billed."""

    def __init__(self, settings: SimSettings, clock: Clock, randomness: Randomness, sleep: Sleep) -> None:
        self._settings = settings
        self._clock = clock
        self._randomness = randomness
        self._sleep = sleep
        self._surfaces = Surfaces(clock)
        self._limits = Limits(settings.requests_per_minute, settings.tokens_per_minute, clock)
        self._faults = FaultCounter(settings.seed)
        self._ledger = Ledger()
        self._showing = Showing(self._ledger)
        self._plans: OrderedDict[tuple[Route, bytes, Steering], Plan] = OrderedDict()

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Answer one request, and enter into the ledger how it ended, also when the caller has gone."""
        if request.path.startswith(PREFIX):
            self._showing.answer(request, reply)
            return
        self._showing.remember(request)
        plan = self._decide(request)
        playing = Playing(plan, reply, self._sleep)
        ending: Ending = "left"
        try:
            await playing.run()
            ending = _ending(plan)
        finally:
            if plan.charge is not None or ending != "answered":
                key = key_fingerprint(presented_key(request.headers))
                self._ledger.enter(key, plan.charge, ending, playing.output_tokens)

    def _decide(self, request: Request) -> Plan:
        anthropic = speaks_anthropic(request.path, request.headers)
        route = Route("anthropic.unknown" if anthropic else "openai.unknown")
        steering = Steering()
        try:
            route = find_route(request.method, request.path, anthropic)
            check_access(anthropic, request.headers, self._settings.keys)
            steering = self._steering(request)
            plan = self._plan(route, request, steering)
        except Refused as refused:
            return self._refusal(route, request, steering, refused)
        return self._within_limits(plan, route, request)

    def _steering(self, request: Request) -> Steering:
        try:
            steering = steer(self._settings.steering, request.headers)
        except BadSteering as error:
            raise Refused(400, str(error), code="invalid_steering") from None
        return self._faults.applied(steering)

    def _plan(self, route: Route, request: Request, steering: Steering) -> Plan:
        if steering.error is not None and steering.error_after_events is None:
            raise Refused(steering.error, code=steering.error_code)
        remembered = (
            route.surface in STATELESS
            and not self._settings.fresh_ids
            and len(request.body) <= LARGEST_REMEMBERED_BYTES
        )
        if not remembered:
            return self._new_plan(route, request, steering)
        asked = (route, request.body, steering)
        plan = self._plans.get(asked)
        if plan is None:
            plan = self._new_plan(route, request, steering)
            if plan.charge is None or plan.charge.output_tokens <= MOST_REMEMBERED_TOKENS:
                self._plans[asked] = plan
            if len(self._plans) > MOST_PLANS:
                self._plans.popitem(last=False)
        return plan

    def _new_plan(self, route: Route, request: Request, steering: Steering) -> Plan:
        fresh = self._settings.fresh_ids
        inquiry = Inquiry(
            surface=route.surface,
            body=request.body,
            steering=steering,
            source=self._source(route, request),
            created_seconds=self._clock.now_ns() // SECOND_NS if fresh else RELEASED_SECONDS,
            extra_models=self._settings.models,
        )
        return schedule(self._surfaces.answer(inquiry, route.name, request.query), steering)

    def _source(self, route: Route, request: Request) -> Source:
        if self._settings.fresh_ids:
            return Source(self._randomness.take(16))
        return source_of(self._settings.seed, route.surface.encode(), route.name.encode(), request.body)

    def _within_limits(self, plan: Plan, route: Route, request: Request) -> Plan:
        """The plan with the headers of the limits; or the refusal where one of them was met."""
        tokens = plan.charge.input_tokens + plan.charge.output_tokens if plan.charge else 0
        statuses = self._limits.take(presented_key(request.headers), tokens)
        if not statuses:
            return plan
        told = limit_headers(route.surface, statuses, self._clock.now_ns())
        refused = refusal_of(route.surface, statuses)
        if refused is not None:
            plan = self._refusal(route, request, Steering(), refused)
        return msgspec.structs.replace(plan, head=plan.head + render_head(list(told)))

    def _refusal(self, route: Route, request: Request, steering: Steering, refused: Refused) -> Plan:
        source = self._source(route, request)
        value = error_value(route.surface, refused, anthropic_request_id(source))
        headers = [*usual_headers(route.surface, source, JSON)]
        if steering.retry_after_seconds is not None:
            headers.append(("retry-after", f"{steering.retry_after_seconds:g}"))
        if steering.should_retry is not None:
            headers.append(("x-should-retry", steering.should_retry))
        body = msgspec.json.encode(value)
        return schedule(WholeAnswer(route.surface, refused.status, tuple(headers), body), steering)


def _ending(plan: Plan) -> Ending:
    """How a plan that was played to its end has ended."""
    last = plan.steps[-1]
    if isinstance(last, Whole) and last.status >= 400:
        return "refused"
    return "answered" if plan.complete else "cut"
