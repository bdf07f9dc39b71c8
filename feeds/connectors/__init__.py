"""The connectors, by the name that the accounts file uses."""

from importlib import import_module

from feeds.connector import Connector

CONNECTORS = {
    "amazon": "feeds.connectors.amazon:Amazon",
    "csv": "feeds.connectors.csv_file:CsvFile",
    "ebay": "feeds.connectors.ebay:Ebay",
    "google": "feeds.connectors.google:Google",
    "mirakl": "feeds.connectors.mirakl:Mirakl",
    "shopify": "feeds.connectors.shopify:Shopify",
    "walmart": "feeds.connectors.walmart:Walmart",
    "webhook": "feeds.connectors.webhook:Webhook",
    "zalando": "feeds.connectors.zalando:Zalando",
}


def connector_class(name: str) -> type[Connector]:
    """The connector of a name, or the class that `package.module:Class` names. Raises ValueError."""
    place = name if ":" in name else CONNECTORS.get(name)
    if place is None:
        known = ", ".join(sorted(CONNECTORS))
        raise ValueError(f"there is no connector {name!r}: write one of {known}, or package.module:Class")
    module, _, of = place.partition(":")
    try:
        found = getattr(import_module(module), of)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"connector {name!r} cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Connector)):
        raise ValueError(f"connector {name!r} is no class that extends feeds.connector.Connector")
    return found
