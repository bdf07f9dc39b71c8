"""The state folder and the log: a full disk, torn and damaged journals, lost records."""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import TopicPartition

from inventory.murmur import shard_of
from loadtest.chaos.fault import Fault
from loadtest.chaos.site import Site
from loadtest.retail.drafts import Draft
from runtime import kafka
from runtime.exit import ExitCode
from runtime.readback import end_offsets

_DISK = "256m"
_FULL_S = (4.0, 7.0)
_GARBAGE = 5_000
_EXPECTED = "expected-supply"


# -- a full disk ----------------------------------------------------------------------------------------------


def no_tmpfs() -> str | None:
    """Why there can be no small disk."""
    return None if os.geteuid() == 0 else "a small tmpfs can be mounted by root alone"


@contextmanager
def small_disk(site: Site) -> Iterator[None]:
    """The state folder is a small file system of its own."""
    folder = site.settings.state_dir
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "chaos", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def disk_full(site: Site) -> None:
    """Not a byte is left for state, then somebody cleans up."""
    filler = site.settings.state_dir / "filler"
    try:
        _fill(filler)
        site.rest(*_FULL_S)
    finally:
        filler.unlink()


def _fill(filler: Path) -> None:
    """Write until there is no room for another byte."""
    with filler.open("wb", buffering=0) as file:
        for piece in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(piece))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


# -- journals -------------------------------------------------------------------------------------------------


def torn(site: Site) -> None:
    """SIGKILL in the middle of a write: behind the last commit lies a part of the next one, and garbage."""
    site.engine.kill()
    for journal in _journals(site):
        data = journal.read_bytes()
        half = data[-min(len(data), site.dice.randrange(20, 2_000)) :]
        with journal.open("ab") as file:
            file.write(half[: site.dice.randrange(1, len(half))])
            file.write(site.dice.randbytes(site.dice.randrange(_GARBAGE)))
    site.engine.start()


def damaged(site: Site) -> None:
    """A byte before the last commit is another one: the engine names the file and ends; the state is rebuilt."""
    site.engine.kill()
    journal = _journals(site)[0]
    with journal.open("r+b") as file:
        at = site.dice.randrange(20, 60)  # in the first frame, which every commit is behind
        file.seek(at)
        was = file.read(1)[0]
        file.seek(at)
        file.write(bytes([was ^ 0xFF]))
    site.engine.start()
    site.expect("a damaged journal ends the engine", site.engine.ends(), int(ExitCode.NEEDS_PERSON))
    site.expect("the message names the file", site.engine.said(str(journal)) > 0, True)
    shutil.move(site.settings.state_dir, site.folder / "damaged")
    site.engine.start()


def _journals(site: Site) -> list[Path]:
    """The last one of each lane."""
    lanes = sorted(site.engine.settings.state_dir.glob("lane-*"))
    return [max(lane.glob("journal-*"), key=lambda path: int(path.name.split("-")[1])) for lane in lanes]


# -- the log --------------------------------------------------------------------------------------------------


def offset_gone(site: Site) -> None:
    """Retention removes what a stopped lane has not read: it says so, and the documented repair helps."""
    site.expect("SIGTERM drains", site.engine.stop(), int(ExitCode.DRAINED))
    sku = site.traffic.probes[0]
    lane = shard_of(sku) % site.settings.partitions
    name = site.settings.topic_prefix + _EXPECTED
    site.traffic.send(site.traffic.drafted(_deliveries(sku, site.dice.randrange(3, 9))))
    end = end_offsets(site.settings, [_EXPECTED])[_EXPECTED, lane]
    doomed = [TopicPartition(name, lane, end - 1)]
    admin = kafka.admin(site.settings)
    for future in admin.delete_records(doomed).values():
        future.result()
    site.engine.start()
    site.expect("an offset that is gone ends the engine", site.engine.ends(), int(ExitCode.NEEDS_PERSON))
    site.expect("it names the topic", site.engine.said(f"of {name} is gone") > 0, True)
    following = site.engine.settings.generation + 1
    site.expect("it says how to go on", site.engine.said(f"STOCKTIDE_GENERATION={following}") > 0, True)
    shutil.move(site.settings.state_dir, site.folder / "stopped")
    site.start_engine(site.engine.settings.replace(generation=following))


def _deliveries(sku: str, many: int) -> Iterator[Draft]:
    for number in range(many):
        yield Draft(0, "expected", _EXPECTED, sku, "ExpectedSupply", {
            "event_id": f"chaos-expected-{number}", "source": "erp", "occurred_at": 0, "recorded_at": 0,
            "reference": f"chaos-{number}", "kind": "PURCHASE_ORDER", "sku": sku, "location": "DC1", "version": 1,
            "quantity": 5, "expected_at": 3_600_000, "status": "OPEN",
        })  # fmt: skip


FAULTS = (
    Fault("disk-full", "no room for state", disk_full, prepared=small_disk, why_not=no_tmpfs, tears=True),
    Fault("journal-torn", "SIGKILL, half a commit and garbage behind the last one", torn, tears=True),
    Fault("journal-damaged", "damage before the last commit, and a rebuild", damaged, tears=True),
    Fault("offset-gone", "records removed before they were read, and a rebuild", offset_gone, tears=True),
)  # fmt: skip
