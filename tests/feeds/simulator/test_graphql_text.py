import pytest

from feeds.simulator.graphql_text import SyntaxFault, Variable, parse, resolved


def test_an_operation_is_read() -> None:
    read = parse(
        """# a comment
        mutation Do($a: [Int!]! = [1, 2], $b: In!) @whole(x: true) {
          other: field(a: $a, b: {c: null, d: "q\\"u", e: [ENUM, -2.5]}) @one(key: "k") { id ... on T { n } }
        }"""
    )
    assert (read.kind, read.name, read.defaults) == ("mutation", "Do", {"a": [1, 2]})
    assert read.directives == {"whole": {"x": True}}
    (field,) = read.selections
    assert (field.name, field.alias) == ("field", "other")
    assert field.arguments == {"a": Variable("a"), "b": {"c": None, "d": 'q"u', "e": ["ENUM", -2.5]}}
    assert field.directives == {"one": {"key": "k"}}
    assert [(each.name, each.only_on) for each in field.selections] == [("id", None), ("...", "T")]
    assert parse("{ a }").kind == "query"


def test_variables_are_filled_in_and_those_not_given_leave_no_trace_in_an_object() -> None:
    value = {"a": Variable("x"), "b": [Variable("x"), {"c": Variable("gone")}]}
    assert resolved(value, {"x": 1}) == {"a": 1, "b": [1, {}]}
    assert resolved(Variable("gone"), {}) is None


@pytest.mark.parametrize(
    "text", ["", "{", "{}", "{ a", "query { a } { b }", "subscription { a }", "{ a(b) }", "{ ...F }", "{ ? }"]
)
def test_what_is_no_operation_is_refused(text: str) -> None:
    with pytest.raises(SyntaxFault, match="syntax error"):
        parse(text)
