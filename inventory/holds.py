"""What a checked line holds: kernels over its row.

A checked version is kept as what it may have: its quantity is what was granted, its end that of the grace. What was
asked, and the grace, stand beside, for the day on which a fact takes the line over.
"""

from inventory.columns import NULL, Longs
from inventory.demand import note_expiry, settle, withdraw
from inventory.draws import note_placed
from inventory.jit import kernel
from inventory.nets import shift_nets
from inventory.positions import mark_moved
from inventory.state import State
from inventory.tables import touch

NOT_ASKED = -1
"""`asked` of a line whose version is a fact."""

CONTENT = (
    "version", "quantity", "expires_at", "needed_at", "occurred_at", "recorded_at", "asked", "grace", "location",
    "channel", "bundle", "action", "commitment", "mode", "allow_partial", "placed_at",
)  # fmt: skip
"""The columns that a version sets, in the order in which `restore` takes them."""


@kernel
def take_over(s: State, row: int, now: int) -> None:
    """A fact speaks of the line: neither grant nor grace bounds it from now on."""
    lines = s.lines.rows
    lines["fact"][row] = 1
    if lines["asked"][row] == NOT_ASKED:
        return
    occurred_at = lines["occurred_at"][row]
    shift_nets(s, row, occurred_at, -1)
    lines["quantity"][row] = lines["asked"][row]
    lines["asked"][row] = NOT_ASKED
    if lines["expires_at"][row] != NULL:
        lines["expires_at"][row] -= lines["grace"][row]
    lines["grace"][row] = 0
    shift_nets(s, row, occurred_at, 1)
    settle(s, row, now)


@kernel
def hold(s: State, row: int, asked: int, grace: int, occurred_at: int, now: int) -> None:
    """Note what was asked by the version that the line has just been given, and when it ends."""
    lines = s.lines.rows
    lines["asked"][row] = asked
    lines["grace"][row] = grace
    note_placed(s, row, occurred_at)
    expires_at = lines["expires_at"][row]
    if expires_at != NULL:
        note_expiry(s, row, lines["commitment"][row], expires_at - grace, now)
        note_expiry(s, row, lines["commitment"][row], expires_at, now)
    sku = lines["sku"][row]
    s.skus.rows["as_of"][sku] = max(s.skus.rows["as_of"][sku], occurred_at)
    touch(s.skus, sku)
    touch(s.lines, row)
    mark_moved(s, sku)


@kernel
def decide_version(s: State, row: int, version: int, logged_at: int) -> None:
    """The line's version that was decided last, whatever was decided."""
    s.lines.rows["decided"][row] = version
    s.lines.rows["logged_at"][row] = max(s.lines.rows["logged_at"][row], logged_at)
    touch(s.lines, row)


@kernel
def contradict(s: State, row: int) -> None:
    """The line's version was told with another content."""
    s.lines.rows["contradicted"][row] = 1
    touch(s.lines, row)


@kernel
def content(s: State, row: int, out: Longs) -> None:
    """Read the columns of `CONTENT`."""
    lines = s.lines.rows
    out[0] = lines["version"][row]
    out[1] = lines["quantity"][row]
    out[2] = lines["expires_at"][row]
    out[3] = lines["needed_at"][row]
    out[4] = lines["occurred_at"][row]
    out[5] = lines["recorded_at"][row]
    out[6] = lines["asked"][row]
    out[7] = lines["grace"][row]
    out[8] = lines["location"][row]
    out[9] = lines["channel"][row]
    out[10] = lines["bundle"][row]
    out[11] = lines["action"][row]
    out[12] = lines["commitment"][row]
    out[13] = lines["mode"][row]
    out[14] = lines["allow_partial"][row]
    out[15] = lines["placed_at"][row]


@kernel
def restore(s: State, row: int, before: Longs, now: int) -> None:
    """Give the line back the version that it had."""
    withdraw(s, row)
    lines = s.lines.rows
    least = min(lines["occurred_at"][row], before[4])
    shift_nets(s, row, least, -1)
    lines["version"][row] = before[0]
    lines["quantity"][row] = before[1]
    lines["expires_at"][row] = before[2]
    lines["needed_at"][row] = before[3]
    lines["occurred_at"][row] = before[4]
    lines["recorded_at"][row] = before[5]
    lines["asked"][row] = before[6]
    lines["grace"][row] = before[7]
    lines["location"][row] = before[8]
    lines["channel"][row] = before[9]
    lines["bundle"][row] = before[10]
    lines["action"][row] = before[11]
    lines["commitment"][row] = before[12]
    lines["mode"][row] = before[13]
    lines["allow_partial"][row] = before[14]
    lines["placed_at"][row] = before[15]
    shift_nets(s, row, least, 1)
    settle(s, row, now)
    mark_moved(s, lines["sku"][row])
