"""Waiting for an API that is to be asked for reservations: it listens before it has found Kafka."""

import time

import httpx

from loadtest.errors import ApiAway

_LOOK_AGAIN_S = 0.05
_TIMEOUT_S = 10.0


def wait_for_reservations(url: str, within_s: float = 60.0) -> None:
    """Return when the API at `url` can ask for reservations, and will have an answer soon. Raises ApiAway."""
    deadline = time.monotonic() + within_s
    while (why := _why_not(url)) is not None:
        if time.monotonic() > deadline:
            raise ApiAway(f"the API at {url} could not make reservations within {within_s:g} s: {why}")
        time.sleep(_LOOK_AGAIN_S)


def _why_not(url: str) -> str | None:
    try:
        said = httpx.get(f"{url}/readyz", timeout=_TIMEOUT_S).json()["reservations"]
    except httpx.TransportError as error:
        return f"it does not answer ({error})"
    return None if said == "ready" else str(said)
