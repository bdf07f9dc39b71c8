"""OpenAPI of the routes that FastAPI does not route, and the page that leads to all documents."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from availability_api.explained_models import (
    Arrival,
    ExplainedFence,
    ExplainedPart,
    ExplainedPosition,
    ExplainedTogether,
    Given,
    RecentFact,
    Unsourced,
)
from availability_api.lookups import DAYS, MOST_DAYS, MOST_SKUS

_REF = "#/components/schemas/{model}"


class Availability(BaseModel):
    """What a channel may sell of a sku."""

    sku: str
    channel: str
    available: int = Field(description="Units that may be sold now.")
    status: str = Field(
        description="OUT, LOW or IN_STOCK.", json_schema_extra={"enum": ["OUT", "LOW", "IN_STOCK"]}
    )
    version: int = Field(description="Grows whenever a number moved; the view never goes back.")
    as_of: int | None = Field(
        description="Latest business time among the facts inside, ms since the epoch; null if there is none. "
        "Not a measure of freshness."
    )
    age_ms: int | None = Field(description="Since the engine last committed for this sku; null if unknown.")
    stale: bool = Field(description="Whether `age_ms` is unknown or beyond the configured bound.")
    incomplete: bool = Field(
        False,
        description="True where what is at one of the channel's locations is not known, and counts as 0 until it is "
        "counted; else left out.",
    )


class Position(BaseModel):
    """A sku at one location, in whole units."""

    location: str
    available: int = Field(description="The smaller of `node_ats` and what the channel has available.")
    on_hand: int = Field(description="Every unit there, whatever its condition; signed.")
    damaged: int
    quality_control: int
    blocked: int
    sellable: int = Field(description="on_hand - damaged - quality_control - blocked.")
    soft: int = Field(description="Open demand that may lapse.")
    hard: int = Field(description="Open demand that is confirmed.")
    net: int = Field(description="max(0, sellable) - soft - hard.")
    shortage: int = Field(description="max(0, -net).")
    safety_stock: int
    withheld: int = Field(description="min(max(net, 0), safety_stock).")
    safety_shortfall: int = Field(description="safety_stock - withheld.")
    node_ats: int = Field(description="max(net, 0) - withheld.")
    incomplete: bool = Field(
        False,
        description="True where what is there is not known: the counters are 0 until it is counted. Else left out.",
    )


class Locations(Availability):
    """What a channel may sell of a sku, and where it is; locations without any stock may be left out."""

    locations: list[Position]


class Day(BaseModel):
    """One UTC day."""

    date: str = Field(json_schema_extra={"format": "date"})
    available: int = Field(
        description="Units that may be promised for that day without taking from what later days need; signed."
    )


class Projected(BaseModel):
    """What a channel may promise of a sku by date, before safety stock, fences and the channel's rules."""

    sku: str
    channel: str
    incomplete: bool = Field(False, description="As of a lookup. Left out where it is not so.")
    days: list[Day]


class Explanation(Availability):
    """Everything that led to a number; docs/api.md says how it adds up."""

    sentence: str
    because: list[str]
    sellable: bool
    computed_at: int
    locations: list[ExplainedPosition]
    in_transit: list[Arrival]
    unsourced: list[Unsourced]
    fences: list[ExplainedFence]
    components: list[ExplainedPart]
    ship_together: bool
    together: ExplainedTogether | None = Field(description="Of a bundle that ships from one location.")
    rules: dict[str, Given] = Field(description="By layer.")
    terms: dict[str, int | str]
    facts: list[RecentFact] = Field(
        description="The last 8 in the order in which they were folded, newest first."
    )


class BatchQuery(BaseModel):
    """Many skus of one channel."""

    channel: str
    skus: list[str] = Field(max_length=MOST_SKUS)


class BatchAnswer(BaseModel):
    """`items` in the order asked; `unknown` are the skus without a number."""

    items: list[Availability]
    unknown: list[str]


class ProblemDocument(BaseModel):
    """An RFC 9457 problem."""

    type: str = Field(description="urn:stocktide:problem: and a name; see docs/api.md.")
    title: str
    status: int
    detail: str
    instance: str


def openapi(app: FastAPI) -> dict[str, Any]:
    """The whole document: FastAPI's routes and those of `lookups`."""
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    models = (Availability, Locations, Projected, Explanation, BatchQuery, BatchAnswer, ProblemDocument)
    _, schemas = models_json_schema([(each, "serialization") for each in models], ref_template=_REF)
    definitions = schemas["$defs"]
    definitions["Problem"] = definitions.pop("ProblemDocument")
    document.setdefault("components", {}).setdefault("schemas", {}).update(definitions)
    document["paths"] = {**_paths(), **document["paths"]}
    return document


def _paths() -> dict[str, Any]:
    sku = {
        "name": "sku",
        "in": "path",
        "required": True,
        "description": "Canonical sku, percent-encoded UTF-8; a slash is %2F.",
        "schema": {"type": "string"},
    }
    channel = {
        "name": "channel",
        "in": "query",
        "required": True,
        "schema": {"type": "string"},
        "example": "web",
    }
    days = {
        "name": "days",
        "in": "query",
        "description": "Today is the first.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": DAYS},
    }
    missing = {"400": "Not UTF-8.", "404": "Unknown sku or channel.", "422": "No channel, or several."}
    unread = {"400": "Not JSON.", "404": "Unknown channel.", "413": "Body too long.", "422": "Wrong fields."}
    return {
        "/v1/availability/{sku}": {
            "get": _operation("lookup", "The number of a sku in a channel", "Availability", missing)
            | {"parameters": [sku, channel]}
        },
        "/v1/availability/{sku}/locations": {
            "get": _operation("locations", "The number, and the positions behind it", "Locations", missing)
            | {"parameters": [sku, channel]}
        },
        "/v1/availability/{sku}/projected": {
            "get": _operation("projected", "What may be promised by date", "Projected", missing)
            | {"parameters": [sku, channel, days]}
        },
        "/v1/availability/{sku}/explain": {
            "get": _operation("explain", "Every term and rule that led to the number", "Explanation", missing)
            | {"parameters": [sku, channel]}
        },
        "/v1/availability/batch": {
            "post": _operation("batch", f"The numbers of up to {MOST_SKUS} skus", "BatchAnswer", unread)
            | {"requestBody": {"required": True, "content": _content("application/json", "BatchQuery")}}
        },
    }


def _operation(name: str, summary: str, model: str, errors: dict[str, str]) -> dict[str, Any]:
    errors = {**errors, "503": "The view cannot be read now; see Retry-After."}
    problems = {
        status: {"description": text, "content": _content("application/problem+json", "Problem")}
        for status, text in errors.items()
    }
    answer = {"description": "The answer.", "content": _content("application/json", model)}
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["availability"],
        "responses": {"200": answer, **problems},
    }


def _content(media_type: str, model: str) -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": _REF.format(model=model)}}}


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Stocktide availability</title>
<style>
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem }
  code { background: #8882; padding: .1em .3em; border-radius: .2em }
  li { margin: .4rem 0 }
</style>
<h1>Stocktide availability</h1>
<p>What may be sold, by sku and channel, as of moments ago.</p>
<ul>
  <li><code>GET /v1/availability/{sku}?channel=web</code>: one number</li>
  <li><code>GET /v1/availability/{sku}/locations?channel=web</code>: the positions behind it</li>
  <li><code>GET /v1/availability/{sku}/projected?channel=web&amp;days=14</code>: what may be promised by date</li>
  <li><code>GET /v1/availability/{sku}/explain?channel=web</code>: why it is what it is</li>
  <li><code>POST /v1/availability/batch</code>: up to 1000 skus at once</li>
</ul>
<p>Units held for a customer, while there are some, until a time.</p>
<ul>
  <li><code>POST /v1/reservations</code>: hold units of one or more skus, under an <code>Idempotency-Key</code></li>
  <li><code>GET /v1/reservations/{reservation}</code>: what became of it</li>
  <li><code>POST /v1/reservations/{reservation}/confirm</code>: make it firm</li>
  <li><code>POST /v1/reservations/{reservation}/extend</code>: hold it for longer</li>
  <li><code>DELETE /v1/reservations/{reservation}</code>: give it back</li>
</ul>
<p><a href="/openapi.json">OpenAPI document</a> &middot;
<a href="/readyz">Readiness</a> &middot; <a href="/metrics">Metrics</a></p>
</html>
"""
