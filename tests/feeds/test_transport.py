"""Requests over real connections: what came back, and of those that failed whether they may have arrived."""

import asyncio
import logging
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from deploy.ports import free_port
from feeds.exchange import Lost, Reply, Request, Unsent
from feeds.transport import Transport

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

SECRET = Request("POST", "/token", headers={"authorization": "hunter2"}, body=b"hunter3", secret=True)


async def _ask(behaviour: Behaviour, request: Request, answer_s: float = 5.0, secure: bool = False) -> Reply:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behaviour(reader, writer)
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Transport(f"http://127.0.0.1:{port}/base", secure=secure, answer_s=answer_s) as transport:
            return await transport.send(request)


async def _heard(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return head + (await reader.readexactly(int(length[0].split(b":")[1])) if length else b"")


def test_a_request_arrives_as_it_is() -> None:
    seen = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await _heard(reader))
        writer.write(b"HTTP/1.1 429 Slow\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\nno")

    request = Request(
        "PATCH",
        "/items/with%20%2F%20and%20%C3%BC",
        query={"ids": "A,B c"},
        headers={"x-token": "t"},
        body=b"{}",
    )
    reply = asyncio.run(_ask(answer, request))
    assert (reply.status, reply.headers["retry-after"], reply.body) == (429, "3", b"no")
    assert seen[0].startswith(b"PATCH /base/items/with%20%2F%20and%20%C3%BC?ids=A%2CB%20c HTTP/1.1\r\n")
    assert b"x-token: t\r\n" in seen[0]
    assert seen[0].endswith(b"\r\n\r\n{}")


def test_a_redirect_is_a_reply() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _heard(reader)
        writer.write(b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n")

    assert asyncio.run(_ask(answer, SECRET)).status == 307


def test_a_connection_that_breaks_may_have_brought_it() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _heard(reader)

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _heard(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1)

    for behaviour in (hang_up, half, silence):
        with pytest.raises(Lost):
            asyncio.run(_ask(behaviour, Request("GET", "/"), answer_s=0.2))


def test_where_nobody_listens_nothing_arrives() -> None:
    async def ask(url: str) -> None:
        async with Transport(url, secure=False, connect_s=0.2) as transport:
            await transport.send(SECRET)

    for url in (f"http://127.0.0.1:{free_port()}", "http://nowhere.invalid"):
        with pytest.raises(Unsent) as caught:
            asyncio.run(ask(url))
        assert "hunter" not in str(caught.value)


def test_a_header_that_cannot_be_sent_is_not_repeated() -> None:
    """A token with a line break in it."""
    seen = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read())

    async def ask(value: str) -> None:
        await _ask(listen, Request("GET", "/", headers={"authorization": value}))
        await asyncio.sleep(0)

    for value in ("hunter2\r\nx: y", "hunter2\n", "hünter2", "\0hunter2"):
        with pytest.raises(Unsent) as caught:
            asyncio.run(ask(value))
        assert "unter2" not in f"{caught.value} {caught.value.__cause__}"
    assert not [each for each in seen if each]


def test_nothing_is_sent_to_an_insecure_address_that_was_named() -> None:
    async def nobody(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError

    with pytest.raises(Unsent, match="is not https") as caught:
        asyncio.run(_ask(nobody, Request("PUT", "http://127.0.0.1:9/x?signature=hunter2"), secure=True))
    assert "hunter2" not in str(caught.value)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    pem = tmp_path / "own.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-keyout", str(pem), "-out", str(tmp_path / "cert.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "cert.pem", pem)

    async def ask() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            async with Transport(f"https://localhost:{port}", secure=True) as transport:
                await transport.send(SECRET)

    with pytest.raises(Unsent, match="CERTIFICATE_VERIFY_FAILED"):
        asyncio.run(ask())


def test_no_request_leaves_a_trace_in_the_logs(caplog: pytest.LogCaptureFixture) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _heard(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with caplog.at_level(logging.DEBUG):
        logging.getLogger("httpx").setLevel(logging.WARNING)
        asyncio.run(_ask(answer, SECRET))
    assert "hunter" not in caplog.text
