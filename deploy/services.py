"""`with local_services(settings) as endpoints:` starts what the settings do not name; nothing is left behind.

The servers end with the block: at its end, on an exception, Ctrl-C and SIGTERM; where the process is killed
the kernel ends them, and the next start removes the folder that was left.
"""

import fcntl
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from deploy.kafka_server import KafkaServer
from deploy.redis_server import RedisServer
from deploy.server import ServiceError
from runtime.settings import Settings

RUN_FOLDER = Path(__file__).resolve().parent.parent / ".local" / "run"
"""Where the data of local services lives while they run; git-ignored."""

_LOCK = "lock"


@dataclass(frozen=True)
class Endpoints:
    """Where the services are. A server is None where the settings named one that was there already."""

    settings: Settings
    """The settings given, with the addresses of what was started."""
    kafka: KafkaServer | None
    redis: RedisServer | None

    def environment(self) -> dict[str, str]:
        """Variables that lead a child process to the same services, and to the same settings."""
        return self.settings.environment()


@contextmanager
def local_services(
    settings: Settings, *, kafka: bool = True, redis: bool = True, lasting: bool = False
) -> Iterator[Endpoints]:
    """Start Kafka and Redis where `settings` name none (and where asked for), and stop them with the block.
    `lasting`: they are to run for minutes.

    Raises `ServiceError` with what to install.
    """
    with ExitStack() as stack:
        stack.enter_context(_unwind_on_sigterm())
        start_kafka = kafka and not settings.kafka_bootstrap
        start_redis = redis and not settings.redis_url
        folder = stack.enter_context(run_folder()) if start_kafka or start_redis else RUN_FOLDER
        broker = KafkaServer(folder / "kafka", lasting=lasting) if start_kafka else None
        store = RedisServer(folder / "redis") if start_redis else None
        for server in (store, broker):
            if server is not None:
                stack.callback(server.kill)  # the data goes too: there is nothing to save
                server.start()
        found = {}
        if broker is not None:
            found["kafka_bootstrap"] = broker.bootstrap
        if store is not None:
            found["redis_url"] = store.url
        yield Endpoints(settings.replace(**found), broker, store)


@contextmanager
def run_folder() -> Iterator[Path]:
    """A new folder for this process, removed at the end; what killed processes left is removed first."""
    try:
        RUN_FOLDER.mkdir(parents=True, exist_ok=True)
        all_folders = (RUN_FOLDER / _LOCK).open("wb")
    except OSError as error:
        raise ServiceError(
            f"local services keep their data in {RUN_FOLDER}, which cannot be written ({error.strerror}); "
            "make it writable, or name services by STOCKTIDE_KAFKA_BOOTSTRAP and STOCKTIDE_REDIS_URL"
        ) from None
    with all_folders:  # nobody sweeps a folder that is not locked yet
        fcntl.flock(all_folders, fcntl.LOCK_EX)
        _sweep()
        folder = Path(tempfile.mkdtemp(dir=RUN_FOLDER))
        lock = (folder / _LOCK).open("wb")
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


def _sweep() -> None:
    """Remove the folders whose owners are dead: their locks can be had."""
    for lock_file in RUN_FOLDER.glob(f"*/{_LOCK}"):
        try:
            with lock_file.open("rb") as lock:
                if _lock_at_once(lock):
                    shutil.rmtree(lock_file.parent, ignore_errors=True)
        except FileNotFoundError:
            continue  # its owner has just removed it


def _lock_at_once(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _unwind_on_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind the stack as Ctrl-C does, unless the command handles it by itself."""
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _leave(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second one must not cut the clean-up short
    raise SystemExit(128 + number)
