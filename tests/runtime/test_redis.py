"""Connections to a real Redis, and the word where there is none."""

import asyncio

import pytest

from deploy.ports import free_port
from deploy.redis_server import RedisServer
from runtime import redis as connections
from runtime.exit import ExitCode
from runtime.settings import Settings, SettingsError


def test_an_address_is_needed() -> None:
    with pytest.raises(SettingsError, match="STOCKTIDE_REDIS_URL not set"):
        connections.client(Settings())


def test_replies_are_bytes(redis_server: RedisServer) -> None:
    with connections.connect(Settings(redis_url=redis_server.url)) as client:
        client.set("seen", "1")
        assert client.get("seen") == b"1"


def test_replies_are_bytes_async(redis_server: RedisServer) -> None:
    async def read() -> object:
        client = await connections.connect_async(Settings(redis_url=redis_server.url))
        async with client:
            await client.set("seen", "2")
            return await client.get("seen")

    assert asyncio.run(read()) == b"2"


@pytest.mark.parametrize("change", [("/0", "/99"), ("//", "//user:hunter2@")])
def test_a_server_that_refuses_is_no_server_that_is_away(
    redis_server: RedisServer, change: tuple[str, str]
) -> None:
    settings = Settings(redis_url=redis_server.url.replace(*change))
    with pytest.raises(
        connections.RedisRefuses, match=r"answered, and refuses .* STOCKTIDE_REDIS_URL"
    ) as caught:
        connections.connect(settings)
    with pytest.raises(connections.RedisRefuses):
        asyncio.run(connections.connect_async(settings))
    assert caught.value.code == ExitCode.BAD_CONFIGURATION
    assert "hunter2" not in str(caught.value)


def test_an_absent_server_is_named_without_its_password() -> None:
    settings = Settings(redis_url=f"redis://user:hunter2@127.0.0.1:{free_port()}/0")
    with pytest.raises(connections.RedisUnavailable, match=r"did not answer within 0\.2 s") as caught:
        connections.connect(settings, 0.2)
    with pytest.raises(connections.RedisUnavailable, match="STOCKTIDE_REDIS_URL") as caught_async:
        asyncio.run(connections.connect_async(settings, 0.2))
    assert "hunter2" not in str(caught.value) + str(caught_async.value)
