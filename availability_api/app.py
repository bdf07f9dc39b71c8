"""Puts the API together: what is asked all the time in front, FastAPI for everything else."""

import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from availability_api import engine_link, problems
from availability_api.documents import PAGE, openapi
from availability_api.engine_link import EngineLink
from availability_api.holding import Holding
from availability_api.lookups import PATH, Lookups
from availability_api.metrics import Metrics
from availability_api.operations import operations
from availability_api.placing import PLACE, Placing, PlacingDoor
from availability_api.plain import MOST_BODY_BYTES
from availability_api.problems import Problem
from availability_api.redis_link import RedisLink
from availability_api.reservation_states import States
from availability_api.reservations import reservations
from availability_api.view import View, warm
from availability_api.watch import Watch
from runtime.settings import Settings

_log = logging.getLogger(__name__)

VERSION = "1.0.0"


class Entrance:
    """Sends what is asked all the time past the framework, and all else into it."""

    def __init__(self, lookups: ASGIApp, placing: Placing, framework: ASGIApp, metrics: Metrics) -> None:
        self._lookups = lookups
        self._placing = PlacingDoor(placing, metrics, self._counted)
        self._framework = framework
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection scope."""
        if scope["type"] != "http":
            await self._framework(scope, receive, send)
        elif scope["raw_path"].startswith(PATH):
            await self._lookups(scope, receive, send)
        elif scope["method"] == "POST" and scope["raw_path"] == PLACE:
            await self._placing(scope, receive, send)
        elif scope["method"] == "HEAD":
            # FastAPI knows no HEAD; the server leaves the body out
            await self._counted({**scope, "method": "GET"}, receive, send)
        else:
            await self._counted(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun, status = perf_counter(), 500

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._framework(scope, _bounded(receive), note_status)
        finally:
            name = getattr(scope.get("route"), "path", "other")
            self._metrics.answered(name, status, perf_counter() - begun)


def _bounded(receive: Receive) -> Receive:
    """What comes in, as long as it is not longer than any request needs."""
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MOST_BODY_BYTES:
            raise HTTPException(413)
        return message

    return bounded


def create(settings: Settings) -> Entrance:
    """The application. Raises SettingsError if no Redis is set."""
    settings.require("redis_url")
    prefix = settings.redis_prefix.encode()
    link = RedisLink(settings.redis_url)
    watch = Watch(link, prefix, settings.stale_after_ms)
    engine = EngineLink(settings)
    metrics = Metrics(link, watch, engine)
    view = View(link, watch, prefix)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        warm()
        engine_link.warm()
        # What is there now stays. Looked through by the collector, it would hold up all answers for 0.3 s.
        gc.freeze()
        await link.start()
        await watch.start()
        engine.start()
        try:
            yield
        finally:
            await engine.close()
            await watch.close()
            await link.close()

    framework = FastAPI(
        title="Stocktide availability",
        version=VERSION,
        description="What may be sold, by sku and channel. Errors are RFC 9457 problems.",
        lifespan=lifespan,
        docs_url=None,  # its page needs the network: scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # an id may be a slash
        # to ask at each request whether it is on would cost more than it tells
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    framework.include_router(operations(watch, engine, metrics))
    states = States(link, prefix, settings.reservation_memory_ms)
    holding = Holding(engine)
    placing = Placing(view, states, holding)
    framework.include_router(reservations(placing, states, holding))
    _add_page(framework)
    _add_problems(framework)
    document = openapi(framework)
    framework.openapi = lambda: document  # type: ignore[method-assign]
    return Entrance(Lookups(view, metrics), placing, framework, metrics)


def _add_page(framework: FastAPI) -> None:
    @framework.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(PAGE)


def _add_problems(framework: FastAPI) -> None:
    def respond(request: Request, problem: Problem) -> Response:
        return Response(
            problem.body(request.url.path), problem.status, problem.headers, media_type=problems.MEDIA_TYPE
        )

    @framework.exception_handler(Problem)
    async def raised(request: Request, problem: Problem) -> Response:
        return respond(request, problem)

    @framework.exception_handler(HTTPException)
    async def routing(request: Request, error: HTTPException) -> Response:
        if error.status_code == 405:
            allowed = (error.headers or {}).get("Allow", "GET")
            return respond(request, problems.not_allowed(request.method, allowed))
        if error.status_code == 404:
            return respond(request, problems.not_found(request.url.path))
        if error.status_code == 413:
            return respond(request, problems.too_large(MOST_BODY_BYTES))
        return respond(request, problems.malformed(f"the body cannot be read: {error.detail}"))

    @framework.exception_handler(RequestValidationError)
    async def validation(request: Request, error: RequestValidationError) -> Response:
        return respond(request, problems.misfit(error.errors()))

    @framework.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return respond(request, problems.internal())
