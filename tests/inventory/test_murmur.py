import numpy as np
import pytest

from inventory.murmur import murmur2, shard_of, shards_of

# What Kafka's own tests of its hash expect.
KAFKA = {
    "21": -973932308,
    "abc": 479470107,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
}


@pytest.mark.parametrize(("text", "expected"), KAFKA.items())
def test_it_is_the_hash_of_the_java_clients(text: str, expected: int) -> None:
    data = np.frombuffer(text.encode(), np.uint8)
    assert murmur2(data, 0, data.size) == expected & 0x7FFFFFFF


def test_it_hashes_a_slice_of_a_buffer() -> None:
    data = np.frombuffer(b"xxfoobaryy", np.uint8)
    assert murmur2(data, 2, 6) == KAFKA["foobar"] & 0x7FFFFFFF


def test_a_shard_is_the_hash_modulo_256_of_the_bytes() -> None:
    assert shard_of("foobar") == (KAFKA["foobar"] & 0x7FFFFFFF) % 256
    assert shard_of("étui") == shard_of("étui".encode())
    assert {shard_of(f"SKU-{i}") for i in range(5000)} == set(range(256))


def test_shards_of_many_are_those_of_each() -> None:
    skus = ["foobar", "", "étui", "SKU-1", "abc"]
    assert shards_of([sku.encode() for sku in skus]).tolist() == [shard_of(sku) for sku in skus]
    assert shards_of([]).size == 0
