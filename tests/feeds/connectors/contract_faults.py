"""What a connector must make of trouble; a part of `Contract`."""

import pytest

from feeds.exchange import Lost, Reply, Unsent
from feeds.outcomes import Answer, Fate, Trouble
from tests.feeds.connectors.market import DATE, PAGE, SOON, Fault, each_fault, hold
from tests.feeds.connectors.trial import INTENT, Trial


class FaultContract(Trial):
    """Ordinary pytest tests."""

    @each_fault
    def test_a_write_that_fails(self, fault: Fault) -> None:
        for operation in self.operations():
            items = self.batch(operation)
            of = self.connector().write
            for position, many, answer in self.spoilt(lambda _: of(operation, items, INTENT), fault):  # noqa: B023
                if isinstance(answer, Lost):
                    assert fault.name == "lost"
                    continue  # the same as UNKNOWN
                assert isinstance(answer, Answer), answer
                fates = {outcome.fate for outcome in answer.items}
                self.told(answer, items)
                assert answer.trouble is fault.trouble
                assert answer.reason
                assert answer.submission is None
                # Before the last request nothing has happened to the items.
                assert fates == {fault.fate if position == many - 1 else Fate.RETURNED}

    def test_a_limit_is_no_failure(self) -> None:
        for operation in self.operations():
            market, items = self.market(), self.batch(operation)
            answer = hold(self.connector().write(operation, items, INTENT), market.throttled).result
            self.know(answer.observed)
            assert answer.trouble in (Trouble.THROTTLED, Trouble.EXHAUSTED)
            assert {outcome.fate for outcome in answer.items} == {Fate.RETURNED}

    @pytest.mark.parametrize(("said", "seconds"), [("30", 30), (SOON, 30), (DATE, 0), ("soon", None)])
    def test_retry_after(self, said: str, seconds: float | None) -> None:
        reply = Reply(429, {"retry-after": said, "date": DATE})
        for operation in self.operations():
            items = self.batch(operation)
            answer = hold(self.connector().write(operation, items, INTENT), lambda _: reply).result
            assert answer.again_s == seconds

    def test_a_call_that_is_refused_as_a_whole(self) -> None:
        for operation in self.operations():
            for items in ([self.items(1)[0]], self.batch(operation)):
                of = hold(self.connector().write(operation, items, INTENT), lambda _: Reply(400, {}, b"{}"))
                fates = {outcome.fate for outcome in of.result.items}
                if len(of.requests) == 1 and len(items) == 1 and not operation.bulk:
                    assert fates == {Fate.REJECTED}
                else:
                    # Who is to blame is not known: nobody is thrown away, and somebody hears of it.
                    assert fates <= {Fate.REJECTED, Fate.RETURNED}
                    assert of.result.trouble in (Trouble.BROKEN, Trouble.REFUSED) or fates == {Fate.REJECTED}

    @pytest.mark.parametrize("status", [409, 423])
    def test_a_conflict_is_not_for_good(self, status: int) -> None:
        for operation in self.operations():
            for items in ([self.items(1)[0]], self.batch(operation)):
                write = self.connector().write(operation, items, INTENT)
                answer = hold(write, lambda _: Reply(status, {}, b"{}")).result
                self.told(answer, items)
                assert {outcome.fate for outcome in answer.items} <= {Fate.LATER, Fate.STALE, Fate.RETURNED}

    def test_a_token_that_is_refused(self) -> None:
        echo = Reply(
            400, {}, b'{"error": "invalid", "errors": [{"code": "%s"}]}' % "".join(self.hushed()).encode()
        )
        for reply in (echo, Reply(500, {}, PAGE), Reply(200, {}, PAGE), Lost(), Unsent()):
            tokens = self.connector().authorise()
            if tokens is None:
                return
            held = hold(tokens, lambda _, reply=reply: reply)  # type: ignore[misc]
            if held.requests:
                assert isinstance(held.result, Exception)
                assert not [each for each in self.hushed() if each in repr(held.result) + str(held.result)]

    def test_secrets_are_not_told(self) -> None:
        connector = self.connector()
        for request in self.requests():
            if not request.secret:
                told = (
                    f"{request!r} {request.query} {request.headers} {request.body.decode(errors='replace')}"
                )
                assert not [each for each in self.hushed() if each in told]
        assert not [each for each in self.hushed() if each in repr(connector) + str(connector)]
