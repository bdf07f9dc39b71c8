"""What takes minutes at a first start is said: before and after, and to whoever asks the API meanwhile."""

import fcntl
import logging
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from numba.core import event
from redis import Redis

from dataflows import compiling
from dataflows.compiling import compile_kernels
from deploy.redis_server import RedisServer
from runtime.children import spawn
from runtime.settings import Settings
from tests.dataflows.house import ROOT
from wire.viewkeys import compiling_key


class Work:
    """In place of the kernels: what Redis says while they are compiled."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.kernels = 2
        self._redis = Redis.from_url(settings.redis_url)
        self._key = compiling_key(settings.redis_prefix.encode())
        self.compiled = False
        self.fails = False
        self.told: list[bool] = []
        self.seconds_left = 0

    def says(self) -> bool:
        return bool(self._redis.exists(self._key))

    def __call__(self, *, from_the_end: bool = False) -> float:
        if not self.compiled:
            with ExitStack() as kernels:
                for _ in range(self.kernels):
                    kernels.enter_context(event.trigger_event("numba:compile"))
                self._watch()
        self.told.append(self.says())
        self.seconds_left = int(self._redis.ttl(self._key))
        if self.fails:
            raise RuntimeError("no room for kernels")
        self.compiled = True
        return 1.0

    def _watch(self) -> None:
        for _ in range(200):
            if self.says():
                break


@pytest.fixture
def work(
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> Work:
    made = Work(Settings(redis_url=redis_server.url, redis_prefix="compiling:"))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    monkeypatch.setattr(compiling, "warm", made)
    monkeypatch.setattr(compiling, "spawn", lambda _: spawn([sys.executable, "-c", ""]))
    caplog.set_level(logging.INFO)
    return made


def test_a_first_start_says_that_it_compiles(
    work: Work, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(redis_url=redis_server.url, redis_prefix="compiling:")
    compile_kernels(settings)
    assert work.told == [True]
    assert 0 < work.seconds_left <= 20  # an engine that is killed says nothing for long
    assert not work.says()
    said = [record.message for record in caplog.records]
    assert said == ["compiling kernels: about 2 minutes, once per version and host", "kernels are compiled"]
    compile_kernels(settings)
    assert work.told == [True, False]
    assert len(caplog.records) == 2


def test_what_was_broken_off_is_said_again(
    work: Work, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(redis_url=redis_server.url, redis_prefix="compiling:")
    work.fails = True
    with pytest.raises(RuntimeError):
        compile_kernels(settings)
    assert not work.says()
    work.fails = False
    compile_kernels(settings)
    assert work.told == [True, True]
    assert [record.message[:9] for record in caplog.records].count("compiling") == 2


def test_a_redis_that_is_away_holds_nothing_up(work: Work) -> None:
    compile_kernels(Settings(redis_url="redis://127.0.0.1:1/0"))
    assert work.told == [False]


def test_one_process_compiles_and_another_waits_for_it(
    work: Work, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    helpers: list[object] = []
    monkeypatch.setattr(compiling, "spawn", helpers.append)
    with (tmp_path / "lock").open("wb") as other, ThreadPoolExecutor(1) as thread:
        fcntl.flock(other, fcntl.LOCK_EX)
        work.kernels = 1
        waiting = thread.submit(compile_kernels, work.settings)
        while not work.says():
            assert not waiting.done(), waiting.result()
        fcntl.flock(other, fcntl.LOCK_UN)
        waiting.result(timeout=10)
    assert [record.message for record in caplog.records] == [
        "another process compiles the kernels: waiting for it"
    ]
    assert not helpers  # it compiled the one for which it waited


_ONE_KERNEL = """
import sys
from unittest.mock import MagicMock, patch

sys.modules["dataflows.warm"] = MagicMock()  # all the others take seconds

from dataflows import compiling
from kernels_of_this_test import twice

with patch.object(compiling, "warm", lambda: twice(1) / 1.0), patch.object(compiling, "_log") as log:
    with patch.object(compiling, "spawn") as spawn:
        spawn.return_value.wait.return_value = 0
        compiling.compile_kernels()
print(len(log.info.mock_calls), spawn.call_count)
"""


def test_what_was_kept_for_another_folder_is_not_taken_for_compiled(tmp_path: Path) -> None:
    source = tmp_path / "here" / "kernels_of_this_test.py"
    source.parent.mkdir()
    source.write_text(
        "from inventory.jit import kernel\n\n\n@kernel\ndef twice(n: int) -> int:\n    return 2 * n\n"
    )

    def start(folder: Path) -> str:
        env = {name: value for name, value in os.environ.items() if name != "NUMBA_DISABLE_JIT"}
        env |= {
            "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        }
        done = subprocess.run([sys.executable, "-c", _ONE_KERNEL], env=env, capture_output=True, text=True)
        return done.stdout or done.stderr

    assert start(source.parent) == "2 1\n"
    assert start(source.parent) == "0 0\n"
    moved = tmp_path / "moved"
    shutil.copytree(source.parent, moved)
    assert start(moved) == "2 1\n"
    assert start(source.parent) == "0 0\n"
