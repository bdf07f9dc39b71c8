"""The peers as processes: what each is called, how it is started, and that it is built."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from deploy.server import ServiceError
from loadtest.errors import ProcessEnded
from loadtest.peers.given import Given
from loadtest.processes import Running, environment
from loadtest.world import delete_topics
from runtime.children import spawn
from runtime.settings import Settings

_ROOT = Path(__file__).resolve().parents[2]
_STREAMS = Path(__file__).with_name("kafka_streams") / "target"
_QUIX_PYTHON = _ROOT / ".local" / "peers" / "quix" / "bin" / "python"
_STOP_WITHIN_S = 5.0
_WARNINGS_ONLY = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"


@dataclass(frozen=True)
class Peer:
    """`name` in reports, `title` for people; `command` starts it. `guarantee`, `parallel`: as in `Given`."""

    name: str
    title: str
    command: Callable[[], list[str]]
    guarantee: str = "at_least_once"
    parallel: int = 1


def _kafka_streams() -> list[str]:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java") or (home and shutil.which(f"{home}/bin/java"))
    if not java:
        raise ServiceError("Kafka Streams needs Java 17 or newer: install the package default-jre-headless")
    path = f"{_STREAMS}/*{os.pathsep}{_STREAMS}/lib/*"
    return [java, "-cp", path, _WARNINGS_ONLY, "stocktide.peers.Main"]


def _quix() -> list[str]:
    return [str(_QUIX_PYTHON), "-m", "loadtest.peers.quix_app"]


def _bytewax() -> list[str]:
    return [sys.executable, "-m", "loadtest.peers.bytewax_cluster"]


KAFKA_STREAMS = Peer("kafka_streams", "Kafka Streams", _kafka_streams, parallel=2)
KAFKA_STREAMS_EOS = Peer(
    "kafka_streams_eos", "Kafka Streams, exactly once", _kafka_streams, "exactly_once_v2", parallel=2
)
QUIX = Peer("quix", "Quix Streams", _quix)
BYTEWAX = Peer("bytewax", "Bytewax, stock", _bytewax, parallel=2)

PEERS = {peer.name: peer for peer in (KAFKA_STREAMS, KAFKA_STREAMS_EOS, QUIX, BYTEWAX)}
"""All of them, in the order of the tables."""


def build() -> None:
    """Build what has not been built: instant when nothing is to do. Raises ProcessEnded with what `make` says."""
    done = subprocess.run(
        ["make", "--no-print-directory", "peers"], cwd=_ROOT, capture_output=True, check=False
    )
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace").strip()
        raise ProcessEnded(f"`make peers` ended with exit code {done.returncode}:\n{said}")


@contextmanager
def launched(
    peer: Peer, settings: Settings, script: str, publish_every_ms: int, folder: Path
) -> Iterator[Running]:
    """The peer, from nothing, until the block ends. Its topics and its state go with it; its views stay."""
    application = f"{settings.topic_prefix}{peer.name}-{secrets.token_hex(4)}"
    given = Given(
        bootstrap=settings.kafka_bootstrap,
        redis_url=settings.redis_url,
        redis_prefix=settings.redis_prefix,
        script=script,
        topic_prefix=settings.topic_prefix,
        application=application,
        state=mkdtemp(dir=folder),
        schemas=str(_ROOT / "avro"),
        publish_every_ms=publish_every_ms,
        guarantee=peer.guarantee,
        parallel=peer.parallel,
    )
    log = folder / f"{peer.name}.log"
    with log.open("wb") as out:
        process = spawn(
            peer.command(),
            env=environment(given.environment()),
            cwd=_ROOT,
            stdout=out.fileno(),
            stderr=out.fileno(),
        )
    try:
        yield Running(peer.name, process, log)
    finally:
        _end(process)
        shutil.rmtree(given.state, ignore_errors=True)
        # Each library names its changelogs in its own way; all of them have the application in it.
        delete_topics(settings, lambda name: application in name)


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the process and its children, which are a session of their own; then SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_WITHIN_S)
