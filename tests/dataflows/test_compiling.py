"""What takes minutes at a first start is said: before and after, and to whoever asks the API meanwhile."""

import logging
import os
import sys
from pathlib import Path

import pytest
from redis import Redis

from dataflows import compiling
from dataflows.compiling import compile_kernels
from deploy.redis_server import RedisServer
from runtime.children import spawn
from runtime.settings import Settings
from wire.viewkeys import compiling_key


class Work:
    """In place of the kernels: what Redis says while they are compiled."""

    def __init__(self, settings: Settings) -> None:
        self._redis = Redis.from_url(settings.redis_url)
        self._key = compiling_key(settings.redis_prefix.encode())
        self.fails = False
        self.told: list[bool] = []
        self.seconds_left = 0

    def says(self) -> bool:
        return bool(self._redis.exists(self._key))

    def __call__(self, *, from_the_end: bool = False) -> float:
        for _ in range(200):
            if self.says():
                break
        self.told.append(self.says())
        self.seconds_left = int(self._redis.ttl(self._key))
        if self.fails:
            raise RuntimeError("no room for kernels")
        return 1.0


@pytest.fixture
def work(
    redis_server: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> Work:
    made = Work(Settings(redis_url=redis_server.url, redis_prefix="compiling:"))
    monkeypatch.setattr(compiling, "warm", made)
    monkeypatch.setattr(compiling, "COMPILES", True)
    monkeypatch.setattr(compiling, "spawn", lambda _: spawn([sys.executable, "-c", ""]))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
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
    assert said == ["compiling kernels: about 2 minutes, once per version", "kernels are compiled"]
    compile_kernels(settings)
    assert work.told == [True, False]
    assert len(caplog.records) == 2


def test_what_was_broken_off_is_said_again(
    work: Work, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(redis_url=redis_server.url, redis_prefix="compiling:")
    Path(os.environ["NUMBA_CACHE_DIR"], "half.nbi").touch()
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
