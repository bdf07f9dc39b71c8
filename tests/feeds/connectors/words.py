"""Words of a marketplace's replies, and the same replies with a word that nobody knows."""

import re
from collections.abc import Callable, Iterable

from feeds.exchange import Reply, Request

_WORD = re.compile(rb"""(?<=["';,])([A-Za-z][A-Za-z_]+)(?=[";,\r\n])(?!"\s*:)""")
"""A word that is a value of JSON or CSV, and no name of a field."""


def words_of(replies: Iterable[Reply]) -> list[str]:
    """All of them, once."""
    return sorted({word.decode() for reply in replies for word in _WORD.findall(reply.body)})


def in_other_words(reply: Callable[[Request], Reply], word: str) -> Callable[[Request], Reply]:
    """The same replies; only that they say NEWFANGLED in the place of `word`."""
    values = re.compile(rb"""(?<=["';,])%b(?=[";,\r\n])""" % re.escape(word.encode()))

    def told(request: Request) -> Reply:
        said = reply(request)
        return Reply(said.status, said.headers, values.sub(b"NEWFANGLED", said.body))

    return told
