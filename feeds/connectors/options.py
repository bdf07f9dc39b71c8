"""What a connector needs to be told of its account."""

from collections.abc import Sequence

from feeds.connector import Identity


def option(identity: Identity, name: str, meaning: str) -> str:
    """An option that must be there. Raises ValueError."""
    found = identity.options.get(name)
    if found is None or found == "":
        raise ValueError(f"account {identity.account}: give it the option {name}, {meaning}")
    return str(found)


def secret(identity: Identity, name: str) -> str:
    """A secret that must be there. Raises ValueError."""
    found = identity.secrets.get(name)
    if not found:
        raise ValueError(f"account {identity.account}: give it the secret {name}")
    return found


def whole_number(identity: Identity, name: str, default: int, least: int, most: int) -> int:
    """An option that is a whole number. Raises ValueError."""
    found = identity.options.get(name, default)
    if isinstance(found, bool) or not isinstance(found, int) or not least <= found <= most:
        wanted = f"write a whole number from {least:,} to {most:,}"
        raise ValueError(f"account {identity.account}: option {name}: {found!r}: {wanted}")
    return found


def amount(identity: Identity, name: str, default: float, least: float, most: float) -> float:
    """An option that is a number. Raises ValueError."""
    found = identity.options.get(name, default)
    if isinstance(found, bool) or not isinstance(found, int | float) or not least <= found <= most:
        wanted = f"write a number from {least:g} to {most:g}"
        raise ValueError(f"account {identity.account}: option {name}: {found!r}: {wanted}")
    return found


def choice(identity: Identity, name: str, default: str, there: Sequence[str]) -> str:
    """An option that is one of a few words. Raises ValueError."""
    found = identity.options.get(name, default)
    if found not in there:
        told = ", ".join(map(repr, there))
        raise ValueError(f"account {identity.account}: option {name}: {found!r}: write one of {told}")
    return str(found)


def flag(identity: Identity, name: str, default: bool) -> bool:
    """An option that is true or false. Raises ValueError."""
    found = identity.options.get(name, default)
    if not isinstance(found, bool):
        raise ValueError(f"account {identity.account}: option {name}: {found!r}: write true or false")
    return found
