"""A real Kafka and a real Redis for the whole session, and settings that keep each test to itself."""

import fcntl
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings

from deploy.kafka_server import KafkaServer
from deploy.redis_server import RedisServer
from deploy.services import run_folder
from runtime import kafka as kafka_clients
from runtime import redis as redis_clients
from runtime.settings import CONFIG_VARIABLE, PREFIX, Settings
from tests.tally import pytest_runtest_call, pytest_terminal_summary

__all__ = ["pytest_runtest_call", "pytest_terminal_summary"]

ROOT = Path(__file__).resolve().parents[1]

# Tests see the defaults, whatever the shell that starts them exports or the folder holds.
_KEPT = {PREFIX + "KERNEL_CACHE"}
for _name in [name for name in os.environ if name.startswith(PREFIX) and name not in _KEPT]:
    del os.environ[_name]
os.environ[CONFIG_VARIABLE] = os.devnull

# The first example may compile a kernel: a time limit for each would say nothing. Without `Phase.explain`, which runs a
# world that fails many times more.
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
# `make test` draws the same few examples of each property every time, so that a failure is the change's own;
# `make test-deep` explores. `make mutants` runs few of the properties: each is tried the more.
_house = hypothesis_settings(deadline=None, derandomize=True, max_examples=40, phases=_PHASES)
hypothesis_settings.register_profile("house", _house)
hypothesis_settings.register_profile("mutants", _house, max_examples=200)
hypothesis_settings.register_profile("deep", deadline=None, max_examples=2000, phases=_PHASES)
hypothesis_settings.load_profile("house")


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test's time limits have to allow for a compiler: one worker compiles what is not there, the others wait."""
    of_all_workers = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        of_all_workers = of_all_workers.parent
    with (of_all_workers / "compiled").open("a+") as done:
        fcntl.flock(done, fcntl.LOCK_EX)
        if not os.fstat(done.fileno()).st_size:
            subprocess.run([sys.executable, "-m", "dataflows", "warm"], cwd=ROOT, check=True)
            done.write("yes")


@pytest.fixture(scope="session")
def services_folder() -> Iterator[Path]:
    """A folder for the data of servers, gone with the session."""
    with run_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def kafka(services_folder: Path) -> Iterator[KafkaServer]:
    """A real broker for the session. A test that stops it starts it again."""
    server = KafkaServer(services_folder / "kafka")
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def redis_server(services_folder: Path) -> Iterator[RedisServer]:
    """A real Redis for the session. A test that stops it starts it again."""
    server = RedisServer(services_folder / "redis")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def settings(kafka: KafkaServer, redis_server: RedisServer, tmp_path: Path) -> Iterator[Settings]:
    """Settings for both servers with topics, keys and state of the test's own, which are removed after it."""
    with own_settings(kafka, redis_server, tmp_path) as mine:
        yield mine


@contextmanager
def own_settings(kafka: KafkaServer, redis_server: RedisServer, folder: Path) -> Iterator[Settings]:
    """The same for a module's tests together, with state in a folder."""
    own = uuid.uuid4().hex[:8]
    mine = Settings(
        kafka_bootstrap=kafka.bootstrap,
        redis_url=redis_server.url,
        topic_prefix=f"t{own}-",
        redis_prefix=f"t{own}:",
        partitions=4,
        state_dir=folder / "state",
    )
    yield mine
    _delete_topics(mine)
    _delete_keys(mine)


def _delete_topics(settings: Settings) -> None:
    admin = kafka_clients.admin(settings)
    names = [name for name in admin.list_topics(timeout=30).topics if name.startswith(settings.topic_prefix)]
    if names:
        for future in admin.delete_topics(names).values():
            future.result()


def _delete_keys(settings: Settings) -> None:
    with redis_clients.client(settings) as client:
        for key in client.scan_iter(match=settings.redis_prefix + "*", count=1000):
            client.unlink(key)
