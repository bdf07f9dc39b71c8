"""What every marketplace's replies have in common."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.connector import Item
from feeds.connectors.bodies import as_file
from feeds.connectors.keys import key_of
from feeds.connectors.replies import Talk, moment_ms, number, refusal, retry_after_s, words
from feeds.exchange import Reply, Request
from feeds.outcomes import Fate, Setback, Trouble
from tests.feeds.connectors.market import hold

DATE = "Mon, 21 Sep 2026 14:13:20 GMT"


@pytest.mark.parametrize(
    ("status", "trouble", "fate"),
    [
        (300, Trouble.BROKEN, Fate.UNKNOWN),
        (302, Trouble.BROKEN, Fate.UNKNOWN),
        (400, Trouble.NONE, Fate.REJECTED),
        (401, Trouble.AUTH, Fate.RETURNED),
        (403, Trouble.AUTH, Fate.RETURNED),
        (404, Trouble.NONE, Fate.REJECTED),
        (408, Trouble.BROKEN, Fate.UNKNOWN),
        (409, Trouble.NONE, Fate.LATER),
        (413, Trouble.NONE, Fate.REJECTED),
        (423, Trouble.NONE, Fate.LATER),
        (425, Trouble.NONE, Fate.LATER),
        (429, Trouble.THROTTLED, Fate.RETURNED),
        (499, Trouble.NONE, Fate.REJECTED),
        (500, Trouble.BROKEN, Fate.UNKNOWN),
        (520, Trouble.BROKEN, Fate.UNKNOWN),
    ],
)
def test_statuses(status: int, trouble: Trouble, fate: Fate) -> None:
    setback = refusal(Reply(status), "because")
    assert (setback.trouble, setback.fate, setback.reason) == (trouble, fate, f"{status} because")


def test_who_is_to_blame() -> None:
    one, two = (Talk().set_back(refusal(Reply(400)), many) for many in (1, 2))
    assert (one.items[0].fate, one.trouble) == (Fate.REJECTED, Trouble.NONE)
    assert ([item.fate for item in two.items], two.trouble) == ([Fate.RETURNED] * 2, Trouble.REFUSED)


@pytest.mark.parametrize(("headers", "after_s"), [({}, 300), ({"retry-after": "20"}, 20)])
def test_a_conflict_passes(headers: dict[str, str], after_s: float) -> None:
    one, two = (Talk().set_back(refusal(Reply(409, headers)), many) for many in (1, 2))
    assert [(item.fate, item.after_s) for item in one.items] == [(Fate.LATER, after_s)]
    assert (one.trouble, one.again_s) == (Trouble.NONE, None)
    assert ([item.fate for item in two.items], two.trouble) == ([Fate.RETURNED] * 2, Trouble.REFUSED)


def _asked(reply: Reply, refused: Callable[[Reply], Any] | None) -> Any:
    talk = Talk()
    return hold(talk.ask(Request("GET", "/"), lambda _: "taken", refused=refused), lambda _: reply).result


def test_a_refusal_is_read() -> None:
    def frozen(reply: Reply) -> str:
        if reply.json()["code"] == "FROZEN":
            return "frozen"
        raise Setback(Fate.RETURNED, Trouble.THROTTLED, "busy", 7)

    assert _asked(Reply(423, {}, b'{"code":"FROZEN"}'), frozen) == "frozen"
    assert _asked(Reply(400, {}, b'{"code":"BUSY"}'), frozen).again_s == 7
    for body in (b"{}", b"null", b"<html>"):  # what cannot be read means what its status does
        assert _asked(Reply(404, {}, body), frozen).fate is Fate.REJECTED
    assert _asked(Reply(503, {}, b'{"code":"FROZEN"}'), frozen).trouble is Trouble.BROKEN
    assert _asked(Reply(200), frozen) == "taken"
    assert _asked(Reply(423), None).fate is Fate.LATER


@pytest.mark.parametrize(
    ("said", "date", "seconds"),
    [
        ("12", None, 12),
        ("1.5", None, 1.5),
        ("0", None, 0),
        ("-5", None, None),
        ("nan", None, None),
        ("soon", DATE, None),
        ("Mon, 21 Sep 2026 14:14:20 GMT", DATE, 60),
        ("Mon, 21 Sep 2026 14:14:20 GMT", None, None),
        ("Mon, 21 Sep 2026 14:14:20 GMT", "rubbish", None),
        ("Mon, 21 Sep 2026 14:12:20 GMT", DATE, 0),
        (None, DATE, None),
    ],
)
def test_retry_after(said: str | None, date: str | None, seconds: float | None) -> None:
    headers = {name: value for name, value in (("retry-after", said), ("date", date)) if value is not None}
    assert retry_after_s(Reply(429, headers)) == seconds


@pytest.mark.parametrize(("own", "again_s"), [(None, 7.0), (30.0, 30.0)])
def test_a_refusal_in_its_own_words_keeps_the_time_of_the_reply(own: float | None, again_s: float) -> None:
    def refused(_: Reply) -> None:
        raise Setback(Fate.RETURNED, Trouble.THROTTLED, "too many", own)

    assert _asked(Reply(429, {"retry-after": "7"}), refused).again_s == again_s


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)))
def test_moments_of_any_spelling(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    ms = moment.timestamp() * 1000
    spellings: list[Any] = [
        moment.isoformat(),
        moment.strftime("%Y-%m-%dT%H:%M:%S"),
        format_datetime(moment, usegmt=True),
    ]
    assert [moment_ms(each) for each in spellings] == [ms] * 3
    assert moment_ms(ms) == moment_ms(str(int(ms / 1000))) == ms


@given(st.one_of(st.text(), st.none(), st.binary(), st.floats(), st.lists(st.integers())))
def test_anything_is_a_number_or_none(value: Any) -> None:
    found = number(value)
    assert found is None or 0 <= found < float("inf")
    moment = moment_ms(value)
    assert moment is None or isinstance(moment, float)


@given(st.binary(), st.sampled_from([200, 400, 429, 500]))
def test_no_body_breaks_the_reading(body: bytes, status: int) -> None:
    assert isinstance(words(Reply(status, {}, body)), str)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"errors":[{"code":"A","message":"b"}]}', "A: b"),
        (b'{"errors":[{"code":"A","description":"b"}]}', "A: b"),
        (b'{"message":"b"}', "b"),
        (b'{"errors":"no"}', ""),
        (b'{"errors":[]}', ""),
        (b"<html>no</html>", ""),
    ],
)
def test_the_words_of_an_error(body: bytes, told: str) -> None:
    assert words(Reply(400, {}, body)) == told


_items = st.builds(
    Item,
    st.text(),
    st.none() | st.text(),
    st.integers(0),
    st.integers(0),
    st.integers(0),
    st.none() | st.integers(),
)


@given(st.lists(_items, min_size=1, max_size=3), st.lists(_items, min_size=1, max_size=3))
def test_keys(some: list[Item], others: list[Item]) -> None:
    named = [
        [(item.listing, item.location, item.version, item.write) for item in items]
        for items in (some, others)
    ]
    assert (key_of("a", some) == key_of("a", others)) is (named[0] == named[1])
    assert key_of("a", some) != key_of("b", some)
    assert key_of("a", some) != key_of("a", some, 1)


def test_a_file_of_a_form() -> None:
    headers, body = as_file("f1", b'{"a":1}')
    assert headers["content-type"] == 'multipart/form-data; boundary="part-f1"'
    assert body == (
        b'--part-f1\r\nContent-Disposition: form-data; name="file"; filename="f1.json"\r\n'
        b'Content-Type: application/json\r\n\r\n{"a":1}\r\n--part-f1--\r\n'
    )
