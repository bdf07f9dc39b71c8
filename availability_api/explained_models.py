"""The members of an explanation, for OpenAPI."""

from typing import Any

from pydantic import BaseModel, Field


class Given(BaseModel):
    """A rule, and what it gives: units, or a percentage. An exclusion gives neither."""

    rule: str
    units: int | None = Field(None, description="Left out where it gives none.")
    percent: float | None = Field(None, description="With at most 4 decimals. Left out where it gives none.")


class ExplainedPosition(BaseModel):
    """A position of the sku at a location of the channel, and the safety-stock rule there."""

    location: str
    on_hand: int
    damaged: int
    quality_control: int
    blocked: int
    sellable: int
    soft: int
    hard: int
    net: int
    shortage: int
    safety_stock: int
    safety_stock_rule: Given | None
    withheld: int
    safety_shortfall: int
    node_ats: int
    incomplete: bool = Field(False, description="As in `locations`. Left out where it is not so.")


class Window(BaseModel):
    """An in-transit rule."""

    rule: str
    confidence: float
    within_days: int


class Arrival(BaseModel):
    """A line of expected supply that is open and not overdue."""

    location: str
    expected_at: int
    open: int
    rule: Window | None
    counted: int = Field(description="What of it is supply now.")


class Unsourced(BaseModel):
    """Open demand without a location."""

    channel: str
    units: int


class ExplainedFence(BaseModel):
    """A ring-fence that may take from the channel's pool, in the order of granting."""

    rule: str
    channel: str
    priority: int
    target: int
    consumed: int
    asks: int
    locations: list[str] = Field(description="Where another channel's may take; empty for the channel's own.")
    granted: int
    taken: dict[str, int] = Field(description="By location, what another channel's took.")


class ExplainedPart(BaseModel):
    """A component of a bundle, as the bundle's number was made of it."""

    sku: str
    quantity: int
    version: int
    sound: bool = Field(description="Whether it is known, and no bundle itself.")
    offer: int
    unmet: int
    makes: int
    explanation: dict[str, Any] | None = Field(description="The component's own, as it is now.")


class ExplainedTogether(BaseModel):
    """Of a bundle that ships from one location."""

    complete: int = Field(description="How many can be put together, each at one location.")
    promised: int = Field(description="How many of these are promised without a location.")
    claimed: int = Field(description="How many fewer, wherever other bundles' parcels are taken from.")


class RecentFact(BaseModel):
    """A fact that moved the sku. Members that only some kinds have: from_state, to_state, counter, state,
    commitment, line, status."""

    kind: str
    quantity: int
    location: str | None
    channel: str | None
    occurred_at: int
    log_time: int
    record: str = Field(description="topic/partition/offset")
    absorbed: bool = Field(description="A count had seen it already when it was read: it moved nothing.")
    text: str
