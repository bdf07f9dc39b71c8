"""Liveness, readiness, metrics: what keeps the API running rather than what it is for."""

from time import time
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from availability_api.engine_link import EngineLink
from availability_api.metrics import Metrics
from availability_api.problems import Problem
from availability_api.watch import Watch

READY = "ready"


class Health(BaseModel):
    """The process lives."""

    status: str


class LaneReadiness(BaseModel):
    """A lane of the view. `age_ms`: since its last commit, null if it has not committed; `lag`: records;
    `complete`: Redis has all its rows."""

    lane: int
    age_ms: int | None
    stale: bool
    lag: int | None
    complete: bool


class Readiness(BaseModel):
    """The view may be relied on: Redis answers, a network is published, every lane is fresh and complete."""

    status: str
    reservations: str = Field(
        description="`ready`, or why none can be made now. It makes no difference to the status: lookups go on."
    )
    generation: int | None
    lanes: list[LaneReadiness]


def operations(watch: Watch, engine: EngineLink, metrics: Metrics) -> APIRouter:
    """The routes `/healthz`, `/readyz`, `/metrics`."""
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", summary="Liveness")
    async def healthz() -> Health:
        """200 while the process can answer at all, whatever the view is like."""
        return Health(status="ok")

    @router.get("/readyz", summary="Readiness, with the freshness of every lane", responses={503: _NOT_READY})
    async def readyz() -> Readiness:
        """503 with reasons while the view should not be relied on; lookups may be answered even so."""
        lanes = _lanes(watch)
        reservations = READY if engine.why_away is None else engine.why_away
        reasons = watch.reasons_not_ready()
        if reasons:
            raise Problem(
                503,
                "not-ready",
                "; ".join(reasons),
                headers={"Retry-After": "1"},
                reasons=reasons,
                reservations=reservations,
                lanes=[lane.model_dump() for lane in lanes],
            )
        return Readiness(
            status=READY,
            reservations=reservations,
            generation=watch.freshness.generation,
            lanes=lanes,
        )

    @router.get("/metrics", summary="Prometheus metrics", response_class=Response)
    async def prometheus() -> Response:
        """Text exposition format."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router


_NOT_READY: dict[str, Any] = {
    "description": "Why not, in `detail` and one by one in `reasons`.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def _lanes(watch: Watch) -> list[LaneReadiness]:
    now = int(time() * 1000)
    lanes = []
    for number, lane in enumerate(watch.freshness.lanes):
        age_ms, stale = watch.age_ms(number, now)
        complete = watch.complete(number)
        lanes.append(LaneReadiness(lane=number, age_ms=age_ms, stale=stale, lag=lane.lag, complete=complete))
    return lanes
