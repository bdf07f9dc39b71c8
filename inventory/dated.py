"""Open demand that is not needed yet: units by (sku, day, place). What is needed now stands in the sums alone."""

from inventory.jit import kernel
from inventory.state import State
from inventory.tables import give_back, take, touch

DAY = 86_400_000


@kernel
def add_dated(s: State, sku: int, needed_at: int, place: int, quantity: int) -> None:
    """Add open units that are needed by the end of the UTC day of `needed_at`. `place`: a location ordinal, or
    -1 - channel where the demand is not sourced."""
    day = needed_at // DAY
    d = s.dated.rows
    before = -1
    row = s.skus.rows["dated"][sku]
    while row >= 0 and (d["day"][row] != day or d["place"][row] != place):
        before = row
        row = d["next"][row]
    if row < 0:
        row = take(s.dated)
        d["day"][row] = day
        d["place"][row] = place
        d["quantity"][row] = quantity
        d["next"][row] = s.skus.rows["dated"][sku]
        s.skus.rows["dated"][sku] = row
        touch(s.skus, sku)
        return
    d["quantity"][row] += quantity
    if d["quantity"][row] != 0:
        touch(s.dated, row)
    elif before >= 0:
        d["next"][before] = d["next"][row]
        touch(s.dated, before)
        give_back(s.dated, row)
    else:
        s.skus.rows["dated"][sku] = d["next"][row]
        touch(s.skus, sku)
        give_back(s.dated, row)


@kernel
def clear_dated(s: State) -> None:
    """Forget all of it, before all lines are added up again."""
    for sku in range(s.skus.head[0]):
        row = s.skus.rows["dated"][sku]
        if row < 0:
            continue
        while row >= 0:
            following = s.dated.rows["next"][row]
            give_back(s.dated, row)
            row = following
        s.skus.rows["dated"][sku] = -1
        touch(s.skus, sku)
