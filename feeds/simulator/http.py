"""The simulation over HTTP: each channel under `/NAME/...`, its inspection under `/_simulator/...`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from feeds.simulator.inspection import Inspection, Unknown
from feeds.simulator.messages import Drop, Received
from feeds.simulator.simulation import Simulation

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_TICK_S = 0.02


class Breakable(HttpToolsProtocol):
    """Lets the application break the connection, as nothing in ASGI does."""

    def on_message_begin(self) -> None:
        """Hand the transport on with the request."""
        super().on_message_begin()
        self.scope.setdefault("state", {})["transport"] = self.transport


def create(simulation: Simulation) -> Starlette:
    """The application; to be served by uvicorn with `http=Breakable`."""
    inspection = Inspection(simulation)

    async def marketplace(request: Request) -> Response:
        raw: bytes = request.scope["raw_path"]
        name, _, path = raw.decode("ascii").lstrip("/").partition("/")
        channel = simulation.channels.get(name)
        if channel is None:
            return _json({"error": f"no channel {name}; there are {', '.join(simulation.channels)}"}, 404)
        body = await request.body()
        query = dict(request.query_params)
        received = Received(request.method, "/" + path, query, dict(request.headers), body)
        given = channel.handle(received, simulation.advance())
        await asyncio.sleep(simulation.clock.real_s_of(given.after_ms))
        if given.dropped is not Drop.NONE:
            request.scope["state"]["transport"].abort()
            await request.is_disconnected()
        return Response(given.body, given.status, dict(given.headers))

    async def simulator(request: Request) -> Response:
        try:
            body: Any = orjson.loads(await request.body() or b"{}")
            path = request.path_params.get("path", "")
            answer = inspection.ask(request.method, path, request.query_params, body)
        except Unknown as error:
            return _json({"error": str(error)}, 404)
        except (ValueError, AttributeError) as error:
            return _json({"error": str(error)}, 400)
        return _json(answer)

    @contextlib.asynccontextmanager
    async def living(_: Starlette) -> AsyncIterator[None]:
        ticking = asyncio.create_task(_tick(simulation))
        yield
        ticking.cancel()

    routes = [
        Route("/_simulator", simulator, methods=_METHODS),
        Route("/_simulator/{path:path}", simulator, methods=_METHODS),
        Route("/{path:path}", marketplace, methods=_METHODS),
    ]
    return Starlette(routes=routes, lifespan=living)


async def _tick(simulation: Simulation) -> None:
    """Time passes without requests too: else what is due would pile up, to be carried out all at once."""
    while True:
        await asyncio.sleep(_TICK_S)
        simulation.advance()


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
