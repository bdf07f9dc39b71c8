"""What a connector needs to be told of its account."""

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
