"""What a line was before: kept so that its open demand can be told as of an instant that has passed.

A line's row holds its greatest version and the sums of all that was released and consumed. Beside it stand
`versions`, those that a greater version dated later has replaced, and `uses`, what was released or consumed and when.
Told as of an instant, a line is the greatest version dated by then, less the sums without the uses dated after it.
Most lines have one version and are used once, so the common case is one short row a line.
"""

from inventory.columns import NULL
from inventory.jit import kernel
from inventory.state import BEGINNING, NO_LINE_YET, State
from inventory.tables import give_back, take, touch

_CANCEL = 5
_SOFT = 0
_CURRENT, _NOT_YET = -1, -2


@kernel
def keep_use(s: State, row: int, quantity: int, release: bool, occurred_at: int, logged_at: int) -> None:
    """Note when a part of a line's sums was used."""
    use = take(s.uses)
    u = s.uses.rows
    u["occurred_at"][use] = occurred_at
    u["logged_at"][use] = logged_at
    u["quantity"][use] = quantity
    u["release"][use] = 1 if release else 0
    u["next"][use] = s.lines.rows["use"][row]
    s.lines.rows["use"][row] = use
    touch(s.lines, row)


@kernel
def new_version(s: State, row: int) -> int:
    """A row of `versions`, linked to its line; the caller sets every other column."""
    past = take(s.versions)
    s.versions.rows["next"][past] = s.lines.rows["past"][row]
    s.lines.rows["past"][row] = past
    touch(s.lines, row)
    return past


@kernel
def keep_current(s: State, row: int) -> None:
    """Keep what the line is now, before a greater version that is dated later takes its place."""
    lines = s.lines.rows
    past = new_version(s, row)
    v = s.versions.rows
    v["version"][past] = lines["version"][row]
    v["quantity"][past] = lines["quantity"][row]
    v["expires_at"][past] = lines["expires_at"][row]
    v["needed_at"][past] = lines["needed_at"][row]
    v["occurred_at"][past] = lines["occurred_at"][row]
    v["recorded_at"][past] = lines["recorded_at"][row]
    v["logged_at"][past] = lines["logged_at"][row]
    v["location"][past] = lines["location"][row]
    v["channel"][past] = lines["channel"][row]
    v["bundle"][past] = lines["bundle"][row]
    v["action"][past] = lines["action"][row]
    v["commitment"][past] = lines["commitment"][row]
    v["mode"][past] = lines["mode"][row]
    v["allow_partial"][past] = lines["allow_partial"][row]


@kernel
def order_of(s: State, past: int, version: int, occurred_at: int, recorded_at: int) -> int:
    """-1, 0 or 1: whether a kept version is less than, tied with or greater than another one of its line."""
    v = s.versions.rows
    if v["version"][past] != version:
        return 1 if v["version"][past] > version else -1
    if v["occurred_at"][past] != occurred_at:
        return 1 if v["occurred_at"][past] > occurred_at else -1
    if v["recorded_at"][past] != recorded_at:
        return 1 if v["recorded_at"][past] > recorded_at else -1
    return 0


@kernel
def greatest_by(s: State, row: int, at: int) -> int:
    """The row of `versions` that the line was as of `at`; _CURRENT if its own, _NOT_YET if there was none."""
    lines = s.lines.rows
    if lines["version"][row] == NO_LINE_YET:
        return _NOT_YET
    if lines["occurred_at"][row] <= at:
        return _CURRENT
    v = s.versions.rows
    best = _NOT_YET
    past = lines["past"][row]
    while past >= 0:
        if v["occurred_at"][past] <= at and (
            best < 0
            or order_of(s, past, v["version"][best], v["occurred_at"][best], v["recorded_at"][best]) > 0
        ):
            best = past
        past = v["next"][past]
    return best


@kernel
def used_after(s: State, row: int, release: int, at: int) -> int:
    """What the line released (1) or consumed (0) after `at`."""
    u = s.uses.rows
    total = 0
    use = s.lines.rows["use"][row]
    while use >= 0:
        if u["occurred_at"][use] > at and u["release"][use] == release:
            total += u["quantity"][use]
        use = u["next"][use]
    return total


@kernel
def open_at(s: State, row: int, location: int, at: int, soft: int) -> int:
    """Units of the line that were open at `location` as the facts dated at or before `at` have it.

    `soft` 0: only if the line was HARD then. (It is `net_of` of a count.)
    """
    past = greatest_by(s, row, at)
    if past == _NOT_YET:
        return 0
    lines = s.lines.rows
    if past == _CURRENT:
        place, action, commitment = lines["location"][row], lines["action"][row], lines["commitment"][row]
        quantity, expires_at = lines["quantity"][row], lines["expires_at"][row]
    else:
        v = s.versions.rows
        place, action, commitment = v["location"][past], v["action"][past], v["commitment"][past]
        quantity, expires_at = v["quantity"][past], v["expires_at"][past]
    if place != location or action == _CANCEL:
        return 0
    if commitment == _SOFT and (soft == 0 or (expires_at != NULL and at > expires_at)):
        return 0
    released = lines["released"][row] - used_after(s, row, 1, at)
    consumed = lines["consumed"][row] - used_after(s, row, 0, at)
    return max(0, quantity - released - max(0, consumed))


# -- forgetting --------------------------------------------------------------------------------------------------


@kernel
def _net_between(s: State, row: int, first: int, last: int) -> bool:
    """Whether a NET anchor of the line's sku is as of an instant in [first, last)."""
    net = s.skus.rows["net"][s.lines.rows["sku"][row]]
    while net >= 0:
        if first <= s.nets.rows["demand_as_of"][net] < last:
            return True
        net = s.nets.rows["next"][net]
    return False


@kernel
def _kept_like(s: State, row: int, end: int, logged_before: int) -> int:
    """An old use before `end` in the line's list that no NET anchor needs to be told apart from it, or -1."""
    u = s.uses.rows
    use = s.lines.rows["use"][row]
    while use != end:
        if u["release"][use] == u["release"][end] and u["logged_at"][use] < logged_before:
            first = min(u["occurred_at"][use], u["occurred_at"][end])
            last = max(u["occurred_at"][use], u["occurred_at"][end])
            if not _net_between(s, row, first, last):
                return use
        use = u["next"][use]
    return -1


@kernel
def _forget_uses(s: State, row: int, logged_before: int) -> None:
    """Old uses: dropped where no NET anchor is older, else added up between the anchors' instants."""
    u = s.uses.rows
    newer = -1
    use = s.lines.rows["use"][row]
    while use >= 0:
        following = u["next"][use]
        drop = False
        if u["logged_at"][use] < logged_before:
            drop = not _net_between(s, row, BEGINNING, u["occurred_at"][use])
            if not drop:
                like = _kept_like(s, row, use, logged_before)
                if like >= 0:
                    u["quantity"][like] += u["quantity"][use]
                    u["occurred_at"][like] = max(u["occurred_at"][like], u["occurred_at"][use])
                    touch(s.uses, like)
                    drop = True
        if drop:
            if newer < 0:
                s.lines.rows["use"][row] = following
                touch(s.lines, row)
            else:
                u["next"][newer] = following
                touch(s.uses, newer)
            give_back(s.uses, use)
        else:
            newer = use
        use = following


@kernel
def _outdone(s: State, row: int, past: int, at: int) -> bool:
    """Whether a greater version than `past` was dated at or before `at`."""
    if s.lines.rows["occurred_at"][row] <= at:
        return True
    v = s.versions.rows
    other = s.lines.rows["past"][row]
    while other >= 0:
        if (
            v["occurred_at"][other] <= at
            and order_of(s, other, v["version"][past], v["occurred_at"][past], v["recorded_at"][past]) > 0
        ):
            return True
        other = v["next"][other]
    return False


@kernel
def _is_told(s: State, row: int, past: int, dated_before: int) -> bool:
    """Whether a kept version is still what some NET anchor, or one to come, sees."""
    occurred_at = s.versions.rows["occurred_at"][past]
    if not _outdone(s, row, past, max(occurred_at, dated_before)):
        return True
    net = s.skus.rows["net"][s.lines.rows["sku"][row]]
    while net >= 0:
        at = s.nets.rows["demand_as_of"][net]
        if at >= occurred_at and not _outdone(s, row, past, at):
            return True
        net = s.nets.rows["next"][net]
    return False


@kernel
def _forget_versions(s: State, row: int, logged_before: int, dated_before: int) -> None:
    v = s.versions.rows
    newer = -1
    past = s.lines.rows["past"][row]
    while past >= 0:
        following = v["next"][past]
        if v["logged_at"][past] < logged_before and not _is_told(s, row, past, dated_before):
            if newer < 0:
                s.lines.rows["past"][row] = following
                touch(s.lines, row)
            else:
                v["next"][newer] = following
                touch(s.versions, newer)
            give_back(s.versions, past)
        else:
            newer = past
        past = following


@kernel
def forget_history(s: State, logged_before: int, dated_before: int) -> None:
    """Drop what no NET anchor tells apart, of facts logged before an instant.

    `dated_before`: no count to come may be as of an earlier instant; those facts are dated at or before it.
    """
    s.demand_since[0] = max(s.demand_since[0], dated_before)
    for row in range(s.lines.head[0]):
        if s.lines.rows["key"][row] < 0:
            continue
        if s.lines.rows["use"][row] >= 0:
            _forget_uses(s, row, logged_before)
        if s.lines.rows["past"][row] >= 0:
            _forget_versions(s, row, logged_before, dated_before)


@kernel
def drop_history(s: State, row: int) -> None:
    """Give back everything kept beside a line that is forgotten."""
    use = s.lines.rows["use"][row]
    while use >= 0:
        following = s.uses.rows["next"][use]
        give_back(s.uses, use)
        use = following
    past = s.lines.rows["past"][row]
    while past >= 0:
        following = s.versions.rows["next"][past]
        give_back(s.versions, past)
        past = following
    s.lines.rows["use"][row] = -1
    s.lines.rows["past"][row] = -1
