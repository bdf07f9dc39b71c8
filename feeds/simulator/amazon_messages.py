"""The document of a listings feed of Amazon, and its messages."""

from typing import Any

import orjson

from feeds.simulator.amazon_body import Issue, Malformed, Write, writes
from feeds.simulator.amazon_settings import AmazonSettings

_OPERATIONS = ("UPDATE", "PARTIAL_UPDATE", "PATCH", "DELETE")


def read_document(
    body: bytes, seller: str, settings: AmazonSettings
) -> tuple[list[dict[str, Any]], Issue | None]:
    """The messages, or what makes the whole feed fail."""
    if len(body) > settings.bytes_most:
        return [], _issue("5000", f"The document exceeds {settings.bytes_most} bytes.")
    try:
        content = orjson.loads(body)
        header, messages = content["header"], content["messages"]
        of_seller, version = header["sellerId"], header["version"]
    except (ValueError, TypeError, KeyError):
        return [], _issue("4000", "The document is not a listings feed.")
    if of_seller != seller or version != "2.0":
        return [], _issue("4001", "The header's sellerId or version is not accepted.")
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        return [], _issue("4000", "The document is not a listings feed.")
    if not 1 <= len(messages) <= settings.messages_most:
        return [], _issue("4002", f"A feed has 1 to {settings.messages_most} messages, not {len(messages)}.")
    return messages, None


def read_message(message: dict[str, Any], seen: set[int]) -> tuple[list[Write], list[Issue]]:
    """What a message sets, or what is wrong with it. `seen`: the messageIds before it; its own is added."""
    number = message.get("messageId")
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number < 2**31:
        return [], [_issue("4003", "messageId must be a whole number from 1 on.")]
    if number in seen:
        return [], [_issue("4003", f"messageId {number} is there twice.")]
    seen.add(number)
    if message.get("operationType") not in _OPERATIONS or not isinstance(message.get("sku"), str):
        return [], [_issue("4004", "sku or operationType is missing.")]
    if message["operationType"] != "PATCH":
        return [], [_issue("4005", "This simulator takes PATCH messages only.")]
    try:
        return writes(message)
    except Malformed as error:
        return [], [_issue("4006", f"The message is malformed: {error}.")]


def _issue(code: str, message: str) -> Issue:
    return Issue(code, message, attribute=None)
