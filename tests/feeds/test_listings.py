"""Which listing is of which sku, whatever the order of the catalog's records."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from feeds.listings import Listing, Listings, Move


def _aliases(*names: str) -> list[Mapping[str, str]]:
    return [{"source": name.split(":")[0], "identifier": name.split(":")[1]} for name in names]


def test_aliases_of_accounts_are_listings() -> None:
    listings = Listings(["acme", "zed"])
    moves = listings.take("SKU", _aliases("acme:A", "acme:B", "zed:A", "till:99"))
    assert {move.listing for move in moves} == {
        Listing("acme", "A"),
        Listing("acme", "B"),
        Listing("zed", "A"),
    }
    assert listings.of_account("acme") == {"A": "SKU", "B": "SKU"}
    assert listings.take("SKU", _aliases("till:99", "zed:A", "acme:B", "acme:A")) == []
    assert listings.of_account("zed") == {"A": "SKU"}


def test_an_alias_that_disappears_and_a_sku_that_is_deleted() -> None:
    listings = Listings(["acme"])
    listings.take("SKU", _aliases("acme:A", "acme:B"))
    assert listings.take("SKU", _aliases("acme:B")) == [Move(Listing("acme", "A"), "SKU", None)]
    assert listings.take("SKU", ()) == [Move(Listing("acme", "B"), "SKU", None)]
    assert listings.take("SKU", ()) == ()
    assert listings.of_account("acme") == {}


def test_an_alias_moves_once_it_is_let_go() -> None:
    listings = Listings(["acme"])
    listings.take("OLD", _aliases("acme:A"))
    assert listings.take("NEW", _aliases("acme:A")) == []
    assert listings.of_account("acme") == {"A": "OLD"}
    assert listings.take("OLD", ()) == [Move(Listing("acme", "A"), "OLD", "NEW")]


def test_the_ledger_says_who_had_a_contested_listing() -> None:
    listings = Listings(["acme"])
    listings.take("X", _aliases("acme:A"))
    listings.take("Y", _aliases("acme:A"))
    assert listings.prefer("acme", {"A": "Z"}) == []
    assert listings.prefer("acme", {"A": "Y"}) == [Move(Listing("acme", "A"), "X", "Y")]
    assert listings.take("X", ()) == []
    assert listings.of_account("acme") == {"A": "Y"}


@given(st.lists(st.tuples(st.sampled_from("XYZ"), st.sets(st.sampled_from("ABC"))), max_size=20))
def test_each_claimed_listing_is_of_one_who_claims_it(steps: list[tuple[str, set[str]]]) -> None:
    listings = Listings(["acme"])
    claims: dict[str, set[str]] = {}
    told: dict[str, str] = {}
    for sku, names in steps:
        claims[sku] = names
        for move in listings.take(sku, _aliases(*(f"acme:{name}" for name in names))):
            assert told.pop(move.listing.id, None) == move.before
            if move.after is not None:
                told[move.listing.id] = move.after
    assert told == listings.of_account("acme")
    assert set(told) == set().union(*claims.values())
    assert all(name in claims[sku] for name, sku in told.items())
