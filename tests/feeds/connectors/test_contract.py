"""Is the contract awake? Bugs are put into connectors, one by one, and the test that is for it must see each."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from feeds.connectors import walmart
from tests.feeds.connectors.contract import Contract
from tests.feeds.connectors.guide import TEXT, module_of_page
from tests.feeds.connectors.market import FAULTS, UNREADABLE
from tests.feeds.connectors.test_walmart import TestContract as WalmartContract

_SET_BACK = "return talk.set_back(setback, len(items))"
_KEY = "key_of(self.identity.account, items)"
_TELLS, _READ_BACK = "test_it_tells_no_more_than_there_is", "    def read_back("

IN_THE_EXAMPLE = [
    ("test_all_is_well", "Observed(request.limit, left)", "Observed(request.limit, left, rate=0)"),
    ("test_the_idempotency_key", _KEY, "str(items[0].quantity)"),
    ("test_the_idempotency_key", _KEY, "str([item[:2] for item in items])"),
    ("test_the_idempotency_key", _KEY, 'key_of("me", items)'),
    ("test_the_idempotency_key", _KEY, "str([(item.listing, item.version) for item in items])"),
    ("test_five_then_four_then_five", _KEY, "str([item[:4] for item in items])"),
    ("test_a_word_that_it_does_not_know", 'if result == "unknown":', 'if result != "busy":'),
    ("test_a_word_that_it_does_not_know", 'if result == "ok":', 'if result != "unknown":'),
    ("test_a_full_call_is_not_too_large", "most=100", "most=101"),
    ("test_what_is_busy_comes_later", 'if result == "unknown":', 'if result != "ok":'),
    ("test_a_conflict_is_not_for_good", _SET_BACK, "setback.fate = Fate.REJECTED; " + _SET_BACK),
    (
        "test_what_is_refused_is_told_apart",
        "[results.get(item.listing, missing) for item in items]",
        "[*results.values()]",
    ),
    ("test_what_is_refused_is_told_apart", "Fate.REJECTED", "Fate.LATER"),
    (
        "test_a_listing_stays_in_its_place",
        "segment(listing)",
        "listing.replace('?', '%3F').replace('#', '%23')",
    ),
    (
        "test_a_listing_stays_in_its_place",
        "segment(listing)",
        "__import__('urllib.parse').parse.quote(listing, '')",
    ),
    ("test_every_request_is_limited", """(listing)}", "read")""", """(listing)}")"""),
    ("test_the_first_request_takes_what_was_declared", 'self.path, "stock", {}', 'self.path, "read", {}'),
    ("test_a_write_that_fails", _SET_BACK, "return talk.answer([ItemOutcome(Fate.APPLIED)] * len(items))"),
    ("test_a_write_that_fails", _SET_BACK, "return talk.set_back(setback, 1)"),
    ("test_a_write_that_fails", _SET_BACK, "return Answer([ItemOutcome(setback.fate)] * len(items))"),
    ("test_a_limit_is_no_failure", _SET_BACK, "return talk.answer([ItemOutcome(Fate.LATER)] * len(items))"),
    ("test_retry_after", _SET_BACK, "setback.again_s = 5.0; " + _SET_BACK),
    ("test_a_call_that_is_refused_as_a_whole", _SET_BACK, _SET_BACK.replace("len(items)", "len(items) * 2")),
    ("test_all_is_well", '"units": item.quantity', '"units": item.version'),
    ("test_zero_is_a_quantity", '"units": item.quantity', '"units": item.quantity or 1'),
    (
        "test_it_keeps_nothing",
        "talk = Talk(_observe)\n        lines",
        "self.last = items\n        talk = Talk(_observe)\n        lines",
    ),
    ("test_all_of_it_is_tried", "reads_most = 1", "reads_most = 0"),
    ("test_what_it_does_not_know_is_left_out", ", unknown=-1", ""),
    ("test_it_reads_what_it_wrote", "= shown\n", "= shown + 1\n"),
    ("test_reading_fails", "return talk.unseen(setback)", "pass"),
    (
        "test_secrets_are_not_told",
        '**JSON, "idem',
        '**JSON, "x-api-key": secret(self.identity, "api_key"), "idem',
    ),
    ("test_a_token", '{"x-api-key": secret(self.identity, "api_key")}', "{}"),
    ("test_its_limits_make_sense", 'Bucket("read", Kind', 'Bucket("stock", Kind'),
    ("test_its_operations_make_sense", "most=100,", "most=100, least=101,"),
    (
        _TELLS,
        _READ_BACK,
        "    def tells(self, units: int) -> int:\n        return units // 2\n\n" + _READ_BACK,
    ),
    (
        _TELLS,
        _READ_BACK,
        "    def tells(self, units: int) -> int:\n        return max(1, units)\n\n" + _READ_BACK,
    ),
    (
        _TELLS,
        _READ_BACK,
        "    def tells(self, units: int) -> int:\n        return units % 100\n\n" + _READ_BACK,
    ),
    (
        _TELLS,
        _READ_BACK,
        "    def tells(self, units: int) -> int:\n        return units and max(5, units)\n\n" + _READ_BACK,
    ),
    ("test_it_says_who_it_is", 'name = "kirana"', 'name = ""'),
]

IN_THE_FILES = [
    ("test_a_submission_that_ended_badly", 'Fate.UNKNOWN, "the import', 'Fate.RETURNED, "the import'),
    ("test_a_submission_is_followed", "again_s or _ASK_S", "_ASK_S"),
    ("test_a_state_that_it_does_not_know", 'if state != "done"', 'if state == "working"'),
    ("test_a_full_call_is_not_too_large", "bytes_each=64, bytes_most=100_000", ""),
    ("test_a_full_call_is_not_too_large", "bytes_each=64", "bytes_each=40"),
    ("test_what_is_busy_comes_later", 'if code == "unknown"', "if code"),
    ("test_a_token", '"Bearer {token}"}, seconds', '"Bearer {token}"}, 3600.0'),
    ("test_what_was_sent_is_found", "found[0] if found else None", 'found[0] if found else "17"'),
]

IN_WALMART = [
    (
        "test_following_fails",
        "talk.still_open(setback, len(items), _ASK_S)",
        'talk.failed(Fate.UNKNOWN, "", len(items))',
    ),
    (
        "test_a_submission_that_is_not_known",
        "talk.still_open(setback, len(items), _ASK_S)",
        "Progress(None, _ASK_S)",
    ),
    (
        "test_a_submission_that_ended_badly",
        'talk.failed(Fate.RETURNED, "the whole feed failed", len(items))',
        "talk.closed(whole(len(items), Fate.APPLIED))",
    ),
    ("test_a_submission_is_followed", "Progress(None, _ASK_S, ", "Progress(None, 0.0, "),
    ("test_what_was_sent_is_found", "if date >= since_ms // 1000 * 1000", ""),
    ("test_what_was_sent_is_found", "return None if oldest is None else oldest[1]", "return None"),
    (
        "test_the_order_of_items_does_not_matter_afterwards",
        "failed.get(item.listing, rest) for item in items",
        "[*failed.values(), *[rest] * 9][at] for at, item in enumerate(items)",
    ),
    (
        "test_looking_fails",
        "            dates, many = yield from talk.ask(ask, feeds)",
        "            try:\n                dates, many = yield from talk.ask(ask, feeds)\n"
        "            except Setback:\n                return None",
    ),
    ("test_a_full_call_is_not_too_large", "bytes_each=180", "bytes_each=90"),
    (
        "test_all_is_well",
        "talk.answer(whole(len(items), Fate.ACCEPTED), feed)",
        "talk.answer(whole(len(items), Fate.ACCEPTED))",
    ),
]


def complaints(contract: Contract, test: str) -> list[AssertionError]:
    """What a test of the contract has against the connector."""
    method: Callable[..., None] = getattr(contract, test)
    found = []
    for arguments in _arguments(method):
        try:
            method(*arguments)
        except AssertionError as complaint:
            found.append(complaint)
    return found


def _arguments(method: Any) -> list[tuple[Any, ...]]:
    for mark in getattr(method, "pytestmark", ()):
        if mark.name == "parametrize":
            return [
                each if isinstance(each, tuple) and mark.args[0] != "fault" else (each,)
                for each in mark.args[1]
            ]
    return [()]


@pytest.mark.parametrize(("test", "old", "new"), IN_THE_EXAMPLE)
def test_a_bug_in_the_example(test: str, old: str, new: str) -> None:
    assert TEXT.count(old) >= 1, "the bug has no place any more"
    module = module_of_page("a_bug", TEXT.replace(old, new, 1))
    assert complaints(module.TestKirana(), test)


@pytest.mark.parametrize(("test", "old", "new"), IN_THE_FILES)
def test_a_bug_in_the_example_of_files(test: str, old: str, new: str) -> None:
    assert TEXT.count(old) == 1, "the bug has no place any more"
    module = module_of_page("a_bug", TEXT.replace(old, new))
    assert complaints(module.TestKiranaFiles(), test)


@pytest.mark.parametrize(("test", "old", "new"), IN_WALMART)
def test_a_bug_in_a_bulk_operation(test: str, old: str, new: str) -> None:
    text = Path(walmart.__file__).read_text("utf-8")
    assert text.count(old) == 1, "the bug has no place any more"
    module = ModuleType("a_bug")
    sys.modules[module.__name__] = module
    exec(compile(text.replace(old, new), walmart.__file__, "exec"), vars(module))

    class Buggy(WalmartContract):
        connector_class = module.Walmart

    assert complaints(Buggy(), test)


@pytest.mark.parametrize(
    "contract",
    [module_of_page().TestKirana(), module_of_page().TestKiranaFiles(), WalmartContract()],
    ids=["example", "files", "walmart"],
)
def test_without_bugs_there_are_no_complaints(contract: Contract) -> None:
    tests = {test for test, *_ in [*IN_THE_EXAMPLE, *IN_THE_FILES, *IN_WALMART] if hasattr(contract, test)}
    assert {test: complaints(contract, test) for test in tests} == {test: [] for test in tests}
    assert len(FAULTS) + len(UNREADABLE) >= 20  # as the guide says
