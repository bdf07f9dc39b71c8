"""A TCP proxy on loopback that misbehaves on demand: slow, narrow, standing still, or closing what comes.

Standing still is what a network that is cut looks like from both ends: nothing arrives, and nobody is told.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine
from typing import Any

from deploy.ports import HOST, free_port

_CHUNK = 1 << 14
_MOST_UNDELIVERED = 64
"""Chunks on the way in one direction: beyond that the sender feels it."""
_STARTS_WITHIN_S = 10.0


class Proxy:
    """Leads from `port` to a port that `lead` names. Give it back with `close`.

    It runs in a thread of its own; every method may be called from any other.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self._to = HOST, 0
        self._latency_s = 0.0
        self._bytes_per_s = 0.0
        self._connections: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._open.set()
        self._refusing = False
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: asyncio.Server = self._run(asyncio.start_server(self._accept, HOST, self.port))

    def lead(self, port: int, address: str = HOST) -> None:
        """Where new connections go."""
        self._to = address, port

    def slow(self, latency_s: float, bytes_per_s: float = 0.0) -> None:
        """Everything arrives so much later in each direction; 0 bytes a second: as many as come."""
        self._latency_s, self._bytes_per_s = latency_s, bytes_per_s

    def stall(self) -> None:
        """Nothing is forwarded, nothing is closed; new connections are taken, and stand still too."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def refuse(self) -> None:
        """Every connection is reset, and every new one at once."""
        self._refusing = True
        self.reset()

    def reset(self) -> None:
        """Every connection that there is now is reset."""
        self._run(self._abort())

    def heal(self) -> None:
        """Forward everything again, at once; what stood still goes on where it stood."""
        self.slow(0.0)
        self._refusing = False
        self._loop.call_soon_threadsafe(self._open.set)

    def close(self) -> None:
        """End, with all connections."""
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(_STARTS_WITHIN_S)

    async def _abort(self) -> None:
        for writer in list(self._connections):
            _reset(writer)

    async def _end(self) -> None:
        self._server.close()
        await self._abort()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            await self._open.wait()
            if self._refusing:
                _reset(writer)
                return
            far_reader, far_writer = await asyncio.open_connection(*self._to)
        except OSError:
            _reset(writer)
            return
        finally:
            self._connections.discard(writer)
        await asyncio.gather(self._forward(reader, far_writer), self._forward(far_reader, writer))

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One direction. What is read is kept until it is due, so that latency does not cost bandwidth."""
        self._connections.add(writer)
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_MOST_UNDELIVERED)
        delivering = asyncio.create_task(self._deliver(on_the_way, writer))
        try:
            while data := await reader.read(_CHUNK):
                await on_the_way.put((self._loop.time() + self._latency_s, data))
            await on_the_way.put((0.0, b""))
            await delivering
        except OSError:
            _reset(writer)
        finally:
            delivering.cancel()
            self._connections.discard(writer)

    async def _deliver(self, due: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while True:
                at, data = await due.get()
                await asyncio.sleep(max(0.0, at - self._loop.time()))
                await self._open.wait()
                if not data:
                    writer.close()
                    return
                if self._bytes_per_s:
                    await asyncio.sleep(len(data) / self._bytes_per_s)
                writer.write(data)
                await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Let the other side see a reset, not an orderly end."""
    found = writer.get_extra_info("socket")
    if found is not None:
        with contextlib.suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    writer.transport.abort()
