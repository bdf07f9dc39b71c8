"""A state folder as an engine leaves it, of lanes that ran without Kafka."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dataflows.journal import Journal
from runtime.settings import Settings
from tests.inventory.simulation import Cluster

STORE = "the recovery store"
DISK = ThreadPoolExecutor(1)


def settings_of(cluster: Cluster, folder: Path) -> Settings:
    """Settings that find the state of a cluster's lanes in a folder."""
    return Settings(partitions=cluster.lanes, generation=cluster.generation, state_dir=folder)


def keep(cluster: Cluster, folder: Path, *, final: bool = False) -> None:
    """Commit every lane to the folder and let it go. `final`: all of it, as a base;
    else what changed since the last time, which must be everything the first time."""
    for running in cluster.running:
        journal = Journal(folder, running.number, STORE, DISK)
        journal.begin()
        journal.commit(running.lane, final=final)
        journal.close()
