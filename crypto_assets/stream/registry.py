"""The Confluent frame: a zero byte and the schema's id in a registry, four bytes, before the Avro of a value.

Readers need no registry: `avro.decode` steps over the frame, as no value begins with a zero byte without one, and
takes the schema by the fingerprint in the header, which framed messages carry as well.
"""

from __future__ import annotations

import struct

from crypto_assets.access import registry_options
from crypto_assets.errors import ServiceUnavailable
from crypto_assets.stream.avro import schema_json
from crypto_assets.stream.topics import Topic


class RegistryUnavailable(ServiceUnavailable):
    """Raised when the schema registry does not take a schema."""


def frame(schema_id: int) -> bytes:
    """What goes before a value written with the schema of this id."""
    return struct.pack(">bI", 0, schema_id)


def register(url: str, topic: Topic, exchange: str) -> bytes:
    """Register the schema of a topic's values under `<topic>-value`; the frame of values written with it.

    Registering the same schema again gives the same id. Raises RegistryUnavailable.
    """
    from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
    from confluent_kafka.schema_registry.error import SchemaRegistryError
    from httpx2 import HTTPError  # with which that client asks

    client = SchemaRegistryClient(registry_options(url))
    try:
        return frame(client.register_schema(f"{topic.of(exchange)}-value", Schema(schema_json(topic.name), "AVRO")))
    except (SchemaRegistryError, HTTPError, OSError) as error:
        raise RegistryUnavailable(f"The schema registry at {url} does not take {topic.name}: {error}") from error
