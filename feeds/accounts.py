"""The accounts file: which account of which marketplace gets the numbers of which of our channels, and how.

    accounts:
      - id: shop-us
        connector: shopify
        channel: web
        mode: sandbox
        url: https://shop.example
        options: {location: "17"}
        secrets: {access_token: env:SHOP_TOKEN}

Secrets are never in the file: it says where they are. docs/feeds.md tells of every key.
"""

import re
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from feeds.account import Policy
from feeds.connectors import connector_class
from feeds.runner import Reading
from feeds.transport import Transport

_SECRET = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _key(default: object, write: str, **bounds: Any) -> Any:
    """A field: `write` completes the sentence "write ..." of a fault."""
    return Field(default, json_schema_extra={"write": write}, **bounds)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)


class PolicyEntry(_Strict):
    """How the account is fed, and how what was sent is looked at again."""

    scarce: int = _key(5, "a whole number of units, 0 or more", ge=0)
    z: float | None = _key(None, "a number, 0 or more, such as 1.65; leave it out to hold nothing back", ge=0)
    stop_after_s: float | None = _key(
        None, "seconds, more than 0; leave it out to go on selling, however late the channel is", gt=0
    )
    rejected_again_s: float | None = _key(
        21_600.0, "seconds, 60 or more, or null to try only new numbers", ge=60
    )
    confirm_s: float | None = _key(None, "seconds, 0 or more; leave it out for the connector's own", ge=0)
    grace_s: float | None = _key(None, "seconds, 0 or more; leave it out for the connector's own", ge=0)
    sample_s: float | None = _key(30.0, "seconds, more than 0, or null to sample nothing", gt=0)


class TimeoutEntry(_Strict):
    """How long is waited for a connection, and for the whole answer (seconds of the real clock)."""

    connect_s: float = _key(5.0, "seconds, more than 0", gt=0)
    answer_s: float = _key(30.0, "seconds, more than 0", gt=0)


class Account(_Strict):
    """One account. `locations`: which of ours make up each of the marketplace's, in the order in which they get
    what there is; empty: a listing has one number. `attributes` of listings, by their ids."""

    id: str = _key(..., "a name without colon and space", pattern=r"^[^:\s]+$")
    connector: str = _key(..., "the name of a connector, or package.module:Class")
    channel: str = _key(..., "the id of a channel of the network", min_length=1)
    mode: Literal["sandbox", "live"] = _key(..., "sandbox or live")
    url: str = _key(..., "where its requests go: https://host, http only for a sandbox on this machine")
    application: str = _key("", "whose application-wide quota it shares; leave it out for CONNECTOR-MODE")
    locations: dict[str, list[str]] = _key({}, "LOCATION THERE: [LOCATION HERE, ...]")
    options: dict[str, str | int | float | bool] = _key({}, "names with a text or a number each")
    secrets: dict[str, str] = _key({}, "NAME: env:VARIABLE or NAME: file:PATH, never the secret itself")
    policy: PolicyEntry = _key(PolicyEntry(), "names with a number each")
    timeouts: TimeoutEntry = _key(TimeoutEntry(), "connect_s and answer_s")
    attributes: dict[str, dict[str, str]] = _key({}, "LISTING: {NAME: text in quotes}")
    clock_speed: float = _key(1.0, "how many times as fast the simulator runs, more than 0", gt=0)

    @property
    def quota(self) -> str:
        """The application whose quota it shares."""
        return self.application or f"{self.connector}-{self.mode}"

    def feed_policy(self, quantity_most: int) -> Policy:
        """For the core."""
        told = self.policy
        return Policy(told.scarce, told.z, told.stop_after_s, quantity_most, told.rejected_again_s)

    def transport(self) -> Transport:
        """To its marketplace."""
        waits = self.timeouts
        return Transport(
            self.url, secure=self.mode == "live", connect_s=waits.connect_s, answer_s=waits.answer_s
        )

    def reading(self) -> Reading:
        """For the runner."""
        told, own = self.policy, connector_class(self.connector)
        confirm_s = own.confirm_s if told.confirm_s is None else told.confirm_s
        grace_s = own.grace_s if told.grace_s is None else told.grace_s
        return Reading(confirm_s, grace_s, told.sample_s)

    @field_validator("connector")
    @classmethod
    def _is_there(cls, value: str) -> str:
        connector_class(value)
        return value

    @field_validator("secrets")
    @classmethod
    def _are_places(cls, value: dict[str, str]) -> dict[str, str]:
        wrong = [name for name, place in value.items() if not _SECRET.fullmatch(place)]
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: the file must say where the secret is, not what it is")
        return value

    @field_validator("locations")
    @classmethod
    def _once_each(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        seen: dict[str, str] = {}
        for there, ours in value.items():
            if not there or not ours:
                raise ValueError(f"{there or 'a location without a name'} is made of nothing")
            for here in ours:
                if here in seen:
                    raise ValueError(
                        f"{here} is in {seen[here]} and in {there}: its units would be shown twice"
                    )
                seen[here] = there
        return value

    @model_validator(mode="after")
    def _agree(self) -> Self:
        place = urlsplit(self.url)
        here = place.hostname in _LOOPBACK
        if place.scheme not in ("http", "https") or not place.hostname:
            raise ValueError(f"url: {self.url!r} is no address; write https://host")
        if place.username or place.query or place.fragment:
            raise ValueError(
                "url: an address with a user, a query or a fragment; secrets belong under secrets"
            )
        if place.scheme == "http" and (self.mode == "live" or not here):
            raise ValueError("url: http is for a sandbox on this machine only; write https://...")
        if self.mode == "live" and self.clock_speed != 1:
            raise ValueError(
                "clock_speed: a live marketplace runs as fast as we do; leave it out, or mode: sandbox"
            )
        return self


class Accounts(_Strict):
    """The whole file."""

    accounts: list[Account] = _key(..., "a list of accounts", min_length=1)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        seen: set[str] = set()
        shared: dict[str, Account] = {}
        for each in self.accounts:
            if each.id in seen:
                raise ValueError(f"two accounts have the id {each.id}; give each its own")
            seen.add(each.id)
            first = shared.setdefault(each.quota, each)
            if (first.connector, first.mode) != (each.connector, each.mode):
                raise ValueError(
                    f"{first.id} and {each.id} share the application {each.quota}, with different connectors or "
                    "modes; give one of them another"
                )
        return self
