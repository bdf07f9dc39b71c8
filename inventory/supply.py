"""Expected supply: a version is an anchor, receipts that name it and came after it take from it."""

import numpy as np

from inventory.columns import NULL
from inventory.fences import Fences
from inventory.hashing import mix
from inventory.instants import add_delivery
from inventory.jit import kernel
from inventory.state import NO_LINE_YET, State
from inventory.tables import give_back, link, take, touch

DAY = 86_400_000
PURCHASE_ORDER, TRANSFER, ASN = range(3)
OPEN, CANCELLED, CLOSED = range(3)
_WHOLE = 10_000


@kernel
def supply_of(s: State, key: int, check: int, sku: int) -> int:
    """The row of an expected line, made empty (no version yet) where there is none."""
    rows = s.supply.rows
    mask = s.supply.slots.size - 1
    slot = mix(key) & mask
    while s.supply.slots[slot] >= 0:
        row = s.supply.slots[slot]
        if rows["key"][row] == key and rows["check"][row] == check:
            return row
        slot = (slot + 1) & mask
    row = take(s.supply)
    rows["check"][row] = check
    rows["version"][row] = NO_LINE_YET
    rows["quantity"][row] = 0
    rows["open"][row] = 0
    rows["sent"][row] = 0
    rows["received"][row] = 0
    rows["expected_at"][row] = NULL
    rows["occurred_at"][row] = NO_LINE_YET
    rows["recorded_at"][row] = NO_LINE_YET
    rows["logged_at"][row] = 0
    rows["sku"][row] = sku
    rows["location"][row] = -1
    rows["kind"][row] = 0
    rows["status"][row] = CLOSED
    rows["contradicted"][row] = 0
    rows["receipt"][row] = -1
    rows["listed"][row] = 0
    rows["next"][row] = -1
    link(s.supply, row, key)
    return row


@kernel
def received_since(s: State, row: int) -> int:
    """What was received after the date of the line's version."""
    at = s.supply.rows["occurred_at"][row]
    total = np.int64(0)
    receipt = s.supply.rows["receipt"][row]
    while receipt >= 0:
        if s.receipts.rows["occurred_at"][receipt] > at:
            total += s.receipts.rows["quantity"][receipt]
        receipt = s.receipts.rows["next"][receipt]
    return total


@kernel
def _outstanding(s: State, row: int) -> int:
    rows = s.supply.rows
    if rows["version"][row] == NO_LINE_YET or rows["status"][row] != OPEN:
        return 0
    return max(np.int64(0), rows["quantity"][row] - received_since(s, row))


@kernel
def _open_quantity(s: State, row: int) -> int:
    rows = s.supply.rows
    left = _outstanding(s, row)
    if rows["kind"][row] == TRANSFER:
        left = min(left, max(np.int64(0), rows["sent"][row] - rows["received"][row]))
    return left


@kernel
def settle_supply(s: State, row: int) -> None:
    """Make what the line has open, and the sku's list of open lines, agree with its facts."""
    rows = s.supply.rows
    sku = rows["sku"][row]
    rows["open"][row] = _open_quantity(s, row)
    touch(s.supply, row)
    if rows["open"][row] > 0 and rows["listed"][row] == 0:
        rows["listed"][row] = 1
        rows["next"][row] = s.skus.rows["supply"][sku]
        s.skus.rows["supply"][sku] = row
        touch(s.skus, sku)
    elif rows["open"][row] == 0 and rows["listed"][row] == 1:
        _unlist(s, row, sku)


@kernel
def _unlist(s: State, row: int, sku: int) -> None:
    rows = s.supply.rows
    rows["listed"][row] = 0
    before = -1
    at = s.skus.rows["supply"][sku]
    while at != row:
        before = at
        at = rows["next"][at]
    if before < 0:
        s.skus.rows["supply"][sku] = rows["next"][row]
        touch(s.skus, sku)
    else:
        rows["next"][before] = rows["next"][row]
        touch(s.supply, before)
    rows["next"][row] = -1


@kernel
def receive(s: State, row: int, occurred_at: int, quantity: int, logged_at: int) -> None:
    """Note a receipt that names the line."""
    receipt = take(s.receipts)
    s.receipts.rows["occurred_at"][receipt] = occurred_at
    s.receipts.rows["logged_at"][receipt] = logged_at
    s.receipts.rows["quantity"][receipt] = quantity
    s.receipts.rows["next"][receipt] = s.supply.rows["receipt"][row]
    s.supply.rows["receipt"][row] = receipt
    s.supply.rows["received"][row] += quantity
    s.supply.rows["logged_at"][row] = max(s.supply.rows["logged_at"][row], logged_at)
    settle_supply(s, row)


@kernel
def send(s: State, row: int, quantity: int, logged_at: int) -> None:
    """Note that units of a transfer have left."""
    s.supply.rows["sent"][row] += quantity
    s.supply.rows["logged_at"][row] = max(s.supply.rows["logged_at"][row], logged_at)
    settle_supply(s, row)


@kernel
def over_received(s: State, row: int) -> bool:
    """Whether more came than the line promised; one that is closed promises nothing."""
    rows = s.supply.rows
    if rows["version"][row] == NO_LINE_YET:
        return False
    promised = rows["quantity"][row] if rows["status"][row] == OPEN else np.int64(0)
    return received_since(s, row) > promised


@kernel
def note_delivery(s: State, sku: int, expected_at: int, now: int) -> None:
    """Count the instants of a version's delivery that have passed, and wait for the next."""
    s.skus.rows["instants"][sku] += add_delivery(s, expected_at, sku, now)
    touch(s.skus, sku)


@kernel
def counted(s: State, row: int, profile: int, channel: int, f: Fences, now: int) -> int:
    """What of an open line the channel counts as supply at `now`."""
    location = s.supply.rows["location"][row]
    confidence = f.transit_confidence[profile, channel, location]
    if confidence == 0 or not f.sells[channel, location]:
        return 0
    expected_at = s.supply.rows["expected_at"][row]
    if expected_at < now or expected_at > now + f.transit_days[profile, channel, location] * DAY:
        return 0
    return s.supply.rows["open"][row] * confidence // _WHOLE


@kernel
def forget_supply(s: State, logged_before: int) -> int:
    """Free lines with nothing outstanding whose last fact is older than an instant, and receipts that no version can
    need any more. Re-index the table afterwards. Returns how many rows of either sort were freed."""
    rows = s.supply.rows
    freed = 0
    for row in range(s.supply.head[0]):
        if rows["key"][row] < 0:
            continue
        gone = rows["logged_at"][row] < logged_before and _outstanding(s, row) == 0
        before = -1
        receipt = rows["receipt"][row]
        while receipt >= 0:
            following = s.receipts.rows["next"][receipt]
            absorbed = s.receipts.rows["occurred_at"][receipt] <= rows["occurred_at"][row]
            if gone or (absorbed and s.receipts.rows["logged_at"][receipt] < logged_before):
                if before < 0:
                    rows["receipt"][row] = following
                    touch(s.supply, row)
                else:
                    s.receipts.rows["next"][before] = following
                    touch(s.receipts, before)
                give_back(s.receipts, receipt)
                freed += 1
            else:
                before = receipt
            receipt = following
        if gone:
            rows["key"][row] = -1
            give_back(s.supply, row)
            freed += 1
    return freed
