"""Canonical identifiers, and what each source calls them."""


class Names:
    """The identifiers of one kind: skus, locations or channels."""

    def __init__(self) -> None:
        self._canonical: dict[str, str] = {}
        self._aliases: dict[tuple[str, str], str] = {}

    def learn(self, identifier: str) -> None:
        """From its master record on an identifier is known, for ever."""
        self._canonical.setdefault(identifier, identifier)

    def bind(self, source: str, identifier: str, canonical: str) -> bool:
        """Give `canonical` an alias. An alias stays with its first owner: False if that is another."""
        return self._aliases.setdefault((source, identifier), canonical) == canonical

    def resolve(self, source: str, identifier: str) -> str | None:
        """What `source` means by `identifier`; its own aliases go before canonical identifiers."""
        alias = self._aliases.get((source, identifier))
        return self._canonical.get(identifier) if alias is None else alias
