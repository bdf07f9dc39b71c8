"""States as the version before wrote them: a Bytewax recovery store for each cell knew where the lanes' files end, and
their offsets. Read once, at the first start of this version, which writes a base of its own.
"""

import json
import pickle
import sqlite3
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from runtime.commits import Position


class FormerCommit(NamedTuple):
    """What the recovery store knew of a lane: the end of its journal, and its offsets."""

    segment: int
    offset: int
    position: Position


class _Texts(pickle.Unpickler):
    """The store holds texts, pickled: nothing else is loaded."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        raise pickle.UnpicklingError(f"{module_name}.{global_name} is no text")


def former_commit(lane_folder: Path) -> FormerCommit | None:
    """What the store that owns a lane's folder knew of it; None where the lane had not committed anything.

    Raises ValueError, with what is wrong, where there is no such store or it cannot be read.
    """
    owner = lane_folder / "store-id"
    for identity in sorted(lane_folder.parent.glob("cell-*-of-*/store-id")):
        if owner.exists() and identity.read_text() == owner.read_text():
            return _read(identity.parent / "part-0.sqlite3", lane_folder.name)
    raise ValueError(
        "it was written by the version before, and the recovery store that knows its offsets (cell-*-of-*, the one "
        f"with the store-id of {lane_folder.name}) is not beside it"
    )


def _read(path: Path, key: str) -> FormerCommit | None:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True)) as store:
            (ends_before,) = store.execute(
                "SELECT max(exs.resume_epoch, coalesce(fronts.worker_frontier, 0)) FROM exs "
                "LEFT JOIN fronts USING (ex_num) ORDER BY ex_num DESC LIMIT 1"
            ).fetchone() or (0,)
            texts = {step: _last(store, f"stocktide.{step}", key, ends_before) for step in ("source", "step")}
    except (sqlite3.Error, pickle.UnpicklingError, EOFError) as error:
        raise ValueError(
            f"the recovery store {path} of the version before cannot be read ({error})"
        ) from error
    if not texts["step"]:
        return None  # it was never live
    token, told = json.loads(texts["step"]), json.loads(texts["source"] or "{}")
    position = Position(told.get("next", {}), told.get("topics", {}))
    return FormerCommit(int(token["segment"]), int(token["offset"]), position)


def _last(store: sqlite3.Connection, step: str, key: str, ends_before: int) -> str:
    found = store.execute(
        "SELECT ser_change FROM snaps WHERE step_id = ? AND state_key = ? AND snap_epoch < ? "
        "ORDER BY snap_epoch DESC LIMIT 1",
        (step, key, ends_before),
    ).fetchone()
    return str(_Texts(BytesIO(found[0])).load()) if found and found[0] is not None else ""
