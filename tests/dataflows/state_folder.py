"""A state folder as an engine leaves it, of lanes that ran without Kafka."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dataflows.bases import Turns
from dataflows.journal import Journal
from runtime.commits import Position
from runtime.settings import Settings
from tests.inventory.simulation import Cluster

DISK = ThreadPoolExecutor(1)
POSITION = Position({"stock-movements": 7}, {"stock-movements": "an id"})


def journal_in(folder: Path, lane: int = 0, lanes: int = 1) -> Journal:
    """The journal of a lane that has no neighbours."""
    return Journal(folder, lane, lanes, DISK, Turns())


def settings_of(cluster: Cluster, folder: Path) -> Settings:
    """Settings that find the state of a cluster's lanes in a folder."""
    return Settings(partitions=cluster.lanes, generation=cluster.generation, state_dir=folder)


def keep(cluster: Cluster, folder: Path, *, final: bool = False) -> None:
    """Commit every lane to the folder and let it go. `final`: all of it, as a base;
    else what changed since the last time, which must be everything the first time."""
    for running in cluster.running:
        journal = journal_in(folder, running.number, cluster.lanes)
        journal.open(running.lane)
        journal.commit(running.lane, POSITION, final=final)
        journal.settle()
        journal.close()


def at_hand(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state of a cluster's lanes in a folder that commands find by the environment; they run in `tmp_path`."""
    folder = tmp_path / "state"
    keep(cluster, folder)
    for name, value in settings_of(cluster, folder).environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return folder
