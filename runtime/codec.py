"""The codec that the settings ask for: with a schema registry where one is named."""

from runtime.settings import Settings
from wire.codec import Codec


def codec_of(settings: Settings) -> Codec:
    """A codec; Confluent framing where `schema_registry_url` is set, else single-object encoding."""
    if not settings.schema_registry_url:
        return Codec()
    from confluent_kafka.schema_registry import SchemaRegistryClient

    return Codec(registry=SchemaRegistryClient({"url": settings.schema_registry_url}))
