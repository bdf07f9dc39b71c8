"""What docs/rules.md shows is true."""

import json
import re
from pathlib import Path

from inventory.network import Network
from inventory.policies import RuleBook
from rules.current import Current
from rules.plan import plan_changes
from rules.validate import read_document

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "rules.md").read_text()
FRAME, *EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
IN_2026, IN_2027 = 1_790_000_000_000, 1_799_000_000_000


def applied(text: str) -> tuple[RuleBook, Network]:
    document, problems = read_document(text)
    assert document is not None
    assert problems == []
    current, book = Current(), RuleBook()
    for change in plan_changes(document, current, "a", "b", 0).changes:
        current.take(change.topic, change.key, change.name, change.record)
    for rule_id, record in current.policies.items():
        book.put(rule_id, record)
    return book, current.network


def test_every_example_can_be_applied() -> None:
    assert len(EXAMPLES) == 4
    for example in EXAMPLES:
        applied(FRAME + example)


def test_the_table_of_winners() -> None:
    book, network = applied(FRAME + EXAMPLES[2])
    rows = re.findall(r"^\| (a hat|a shoe|the shoe SKU-1, in \d+) \|(.*)\|$", PAGE, re.MULTILINE)
    assert len(rows) == 4
    for row, cells in rows:
        category, sku = ("hats" if row == "a hat" else "shoes"), ("SKU-1" if "SKU-1" in row else "X")
        profile = book.profile(book.item_class(category, None, {}), sku)
        terms = book.terms(IN_2027 if "2027" in row else IN_2026, network)
        shown = [int(value) for value in re.findall(r"`ss-\d`: (\d)", cells)]
        assert [int(value) for value in terms.safety_value[profile]] == shown


def test_the_other_numbers_of_the_page() -> None:
    book, network = applied(FRAME + EXAMPLES[0])
    book.profile(book.item_class(None, None, {}), "X")
    terms, amazon = book.terms(0, network), network.channel_ordinal["amazon"]
    shown = 41 * int(terms.share[0, amazon]) // 1_000_000
    buffered = shown - int(terms.buffer[0, amazon])
    assert (shown, buffered, min(buffered, int(terms.cap[0, amazon]))) == (20, 19, 15)
    assert json.loads(network.to_json(0))["channels"]["pickup"]["locations"] == ["S001", "S002"]
