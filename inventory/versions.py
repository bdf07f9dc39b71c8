"""Versions of a line that come late: not the greatest, but what the line was for a time."""

from inventory.admission import Admitted
from inventory.columns import OCCURRED_AT, QUANTITY, RECORDED_AT, Columns
from inventory.history import new_version, order_of
from inventory.jit import kernel
from inventory.nets import shift_nets
from inventory.state import State
from inventory.tables import touch

KEPT, OUTDONE, TIED = range(3)


@kernel
def keep_version(s: State, row: int, c: Columns, i: int, a: Admitted, logged_at: int) -> int:
    """Keep record i, less than the line's version: what the line was for a time, or what another version followed.

    Of one version told in several envelopes those are kept that were the greatest when they were dated. Returns KEPT,
    OUTDONE, or TIED: a kept version differs from it in content alone, and stands.
    """
    version, occurred_at, recorded_at = c.longs[3, i], c.longs[OCCURRED_AT, i], c.longs[RECORDED_AT, i]
    lines = s.lines.rows
    if lines["version"][row] == version and lines["occurred_at"][row] <= occurred_at:
        return OUTDONE
    past = lines["past"][row]
    while past >= 0:
        v = s.versions.rows
        if v["version"][past] == version and v["occurred_at"][past] <= occurred_at:
            order = order_of(s, past, version, occurred_at, recorded_at)
            if order > 0:
                return OUTDONE
            if order == 0:
                return OUTDONE if _same_content(s, past, c, i, a) else TIED
        past = v["next"][past]
    shift_nets(s, row, occurred_at, -1)
    past = new_version(s, row)
    s.versions.rows["logged_at"][past] = logged_at
    _set(s, past, c, i, a)
    shift_nets(s, row, occurred_at, 1)
    return KEPT


@kernel
def _same_content(s: State, past: int, c: Columns, i: int, a: Admitted) -> bool:
    v = s.versions.rows
    return (
        v["quantity"][past] == c.longs[QUANTITY, i]
        and v["action"][past] == c.longs[4, i]
        and v["commitment"][past] == c.longs[5, i]
        and v["expires_at"][past] == c.longs[6, i]
        and v["needed_at"][past] == c.longs[7, i]
        and v["mode"][past] == c.longs[8, i]
        and v["allow_partial"][past] == c.longs[9, i]
        and v["location"][past] == a.location[i]
        and v["channel"][past] == a.channel[i]
        and v["bundle"][past] == a.bundle[i]
    )


@kernel
def _set(s: State, past: int, c: Columns, i: int, a: Admitted) -> None:
    v = s.versions.rows
    v["version"][past] = c.longs[3, i]
    v["occurred_at"][past] = c.longs[OCCURRED_AT, i]
    v["recorded_at"][past] = c.longs[RECORDED_AT, i]
    v["quantity"][past] = c.longs[QUANTITY, i]
    v["action"][past] = c.longs[4, i]
    v["commitment"][past] = c.longs[5, i]
    v["expires_at"][past] = c.longs[6, i]
    v["needed_at"][past] = c.longs[7, i]
    v["mode"][past] = c.longs[8, i]
    v["allow_partial"][past] = c.longs[9, i]
    v["location"][past] = a.location[i]
    v["channel"][past] = a.channel[i]
    v["bundle"][past] = a.bundle[i]
    touch(s.versions, past)


@kernel
def tied_version(s: State, row: int, c: Columns, i: int) -> int:
    """The kept version that record i differs from in content alone; -1: it is the line's own."""
    past = s.lines.rows["past"][row]
    while past >= 0:
        if order_of(s, past, c.longs[3, i], c.longs[OCCURRED_AT, i], c.longs[RECORDED_AT, i]) == 0:
            return past
        past = s.versions.rows["next"][past]
    return -1


@kernel
def replace_version(s: State, row: int, past: int, c: Columns, i: int, a: Admitted) -> None:
    """Let record i stand in the place of the kept version that it ties with."""
    occurred_at = c.longs[OCCURRED_AT, i]
    shift_nets(s, row, occurred_at, -1)
    _set(s, past, c, i, a)
    shift_nets(s, row, occurred_at, 1)
