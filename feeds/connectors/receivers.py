"""Receivers of somebody's own making: no documentation says where they are or what they bear, so their accounts do."""

import re
from typing import NoReturn

from feeds.connector import Identity
from feeds.connectors.options import option
from feeds.connectors.replies import refusal, words
from feeds.exchange import Reply
from feeds.outcomes import Fate, Setback, Trouble

_PART = r"/(?!(\.|%2[Ee]){1,2}(/|$))([\w\-.~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})+"
_PATH = re.compile(f"({_PART})*/?", re.ASCII)
_NOBODY_S = {404: 300.0, 405: 300.0, 410: 3600.0}
"""Nobody takes such calls there (any more): for so long nobody is asked again."""


def path_of(identity: Identity, name: str, meaning: str, *fields: str) -> str:
    """An option that is a path as it goes over the wire; `fields` may stand in it in braces. Raises ValueError."""
    path = plain = option(identity, name, meaning)
    for field in fields:
        plain = plain.replace(f"{{{field}}}", "x")
    if not _PATH.fullmatch(plain):
        may = "".join(f", or {{{field}}}" for field in fields)
        wanted = f"write /part/part, percent-encoded, without query, braces, . and ..{may}"
        raise ValueError(f"account {identity.account}: option {name}: {path!r}: {wanted}")
    return path


def refused(reply: Reply) -> NoReturn:
    """A 4xx. Where nobody is there, no listing is to blame, and none may be rejected for it. Raises Setback."""
    found = refusal(reply, words(reply))
    if reply.status in _NOBODY_S:
        reason = f"{found.reason}: nobody takes calls at this path"
        raise Setback(Fate.RETURNED, Trouble.BROKEN, reason, _NOBODY_S[reply.status])
    raise found
