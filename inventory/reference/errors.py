"""What the reference model raises. A record that is merely bad is a dead letter, not an error."""


class NotModelled(Exception):
    """The input is valid but means something that this model does not compute: do not judge by it."""


class UnknownIdentifier(KeyError):
    """Asked for a sku, location or channel that is not known (a deleted channel is unknown)."""
