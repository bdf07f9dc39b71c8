"""The routes under /v1/reservations. The engine decides; the API asks, and tells."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request

from availability_api import problems
from availability_api.asks import now_ms
from availability_api.bodies import OnceRoute
from availability_api.changing import Changing
from availability_api.holding import Holding
from availability_api.placing import Placing
from availability_api.reservation_models import (
    LONGEST_KEY,
    AskedReservation,
    AskedTime,
    Reservation,
    ReservationState,
    told,
)
from availability_api.reservation_states import States


def _refusals(*codes: int) -> dict[int | str, dict[str, Any]]:
    said = {404: "Unknown.", 409: "Refused, with what was available.", 503: "The engine cannot be asked now."}
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {code: {"description": said[code], "content": content} for code in codes}


def reservations(placing: Placing, states: States, holding: Holding) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/reservations", tags=["reservations"], route_class=OnceRoute)
    changing = Changing(holding, states)

    @router.post("", status_code=201, summary="Hold units", responses=_refusals(404, 409, 503))
    async def place(
        request: Request,
        asked: AskedReservation,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=LONGEST_KEY)] = None,
    ) -> Reservation:
        """All of it or nothing is held. Asked again under the same key, the answer is the same."""
        if len(request.headers.getlist("idempotency-key")) > 1:
            raise problems.invalid("Idempotency-Key: there are several of them; send one")
        return await placing.place(asked, idempotency_key)

    @router.get("/{reservation}", summary="What became of it", responses=_refusals(404, 503))
    async def get(reservation: str) -> ReservationState:
        """As the engine last decided; facts that an order system tells later are not in it."""
        return told(reservation, await states.lines(reservation))

    @router.post("/{reservation}/confirm", summary="Make it firm", responses=_refusals(404, 409, 503))
    async def confirm(reservation: str) -> ReservationState:
        """A confirmed reservation does not expire. One that has expired cannot be confirmed."""
        return told(reservation, await changing.change(reservation, "CONFIRM", commitment="HARD"))

    @router.post("/{reservation}/extend", summary="Hold it for longer", responses=_refusals(404, 409, 503))
    async def extend(reservation: str, asked: AskedTime) -> ReservationState:
        """From now on, for the time asked."""
        ends = now_ms() + asked.ttl_s * 1000
        return told(reservation, await changing.change(reservation, "EXTEND", expires_at=ends))

    @router.delete("/{reservation}", summary="Give it back", responses=_refusals(404, 409, 503))
    async def cancel(reservation: str) -> ReservationState:
        """Whatever it still holds is available again."""
        return told(reservation, await changing.change(reservation, "CANCEL"))

    return router
