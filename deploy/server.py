"""What both embedded servers share: start until ready, stop, kill and restart on the same port and data."""

import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

from deploy.ports import HERE, Place, free_port
from runtime.children import spawn, stop
from runtime.exit import Refusal

_START_ATTEMPTS = 5
_LOG_LINES = 8


class ServiceError(Refusal):
    """A local service cannot be had; the message says what to install or where its log is."""


class LocalServer(ABC):
    """One server process with its own folder, on loopback unless another place is given.

    The first `start` chooses free ports; later ones keep them, as they keep the data.
    """

    name: str
    _taken: str
    """What the server's log says when its port is taken."""
    _ports_needed = 1

    def __init__(self, folder: Path, place: Place = HERE) -> None:
        self.place = place
        self.folder = folder.resolve()
        self.log_file = self.folder / "server.log"
        self._ports: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """The port for clients; known after the first start."""
        return self._ports[0]

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process id; None where it was not started or was stopped."""
        return self._process.pid if self._process is not None else None

    def start(self, timeout_s: float = 60.0) -> None:
        """Start and return when clients are served. Raises `ServiceError`."""
        if self.running:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        keep_ports = bool(self._ports)
        for _ in range(_START_ATTEMPTS):
            if not keep_ports:
                self._ports = [free_port() for _ in range(self._ports_needed)]
            command = [*self.place.enter, *self._prepare()]
            with self.log_file.open("wb") as log:
                self._process = spawn(command, cwd=self.folder, stdout=log, stderr=subprocess.STDOUT)
            if self._wait(timeout_s):
                return
            if self._taken not in self._log():
                break
            time.sleep(0.2)  # between our look and its bind another process took the port
        raise ServiceError(f"{self.name} did not start; {self._end_of_log()}")

    def stop(self, grace_s: float = 20.0) -> None:
        """End in order: what was acknowledged is on disk."""
        if self._process is not None:
            stop(self._process, grace_s)
            self._process = None

    def kill(self) -> None:
        """End at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self, timeout_s: float = 60.0) -> None:
        """Stop in order and start again on the same port and data."""
        self.stop()
        self.start(timeout_s)

    @abstractmethod
    def _prepare(self) -> list[str]:
        """Write the configuration for the chosen ports; the command to run. Raises `ServiceError`."""

    @abstractmethod
    def _ready(self) -> bool:
        """Whether clients are served."""

    def _wait(self, timeout_s: float) -> bool:
        """Whether the server became ready; if not, its process is gone."""
        deadline = time.monotonic() + timeout_s
        while self.running:
            if self._ready() and self.running:
                return True
            if time.monotonic() >= deadline:
                self.kill()
                raise ServiceError(f"{self.name} was not ready within {timeout_s:g} s; {self._end_of_log()}")
            time.sleep(0.05)
        self._process = None
        return False

    def _log(self) -> str:
        return self.log_file.read_text("utf-8", "replace") if self.log_file.exists() else ""

    def _end_of_log(self) -> str:
        lines = self._log().splitlines()[-_LOG_LINES:] or ["(empty)"]
        return "\n".join([f"the end of its log ({self.log_file}):", *lines])
