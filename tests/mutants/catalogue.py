"""Bugs that somebody could make, each as one replacement in the engine's source.

A mutant's `before` stands exactly once in its file: a test sees to it, so that this list follows the code.
"""

from typing import NamedTuple


class Mutant(NamedTuple):
    """`before` in the file `path` becomes `after`; the name says what is wrong then."""

    name: str
    path: str
    before: str
    after: str


_POSITIONS, _FOLDING, _DEMAND = "inventory/positions.py", "inventory/folding.py", "inventory/demand.py"
_NUMBERS, _ADMISSION = "inventory/numbers.py", "inventory/admission.py"
_COUNTING, _NETS, _FENCES, _SUPPLY = (
    f"inventory/{name}.py" for name in ("counting", "nets", "fences", "supply")
)
_BUNDLES = "inventory/bundles.py"
_CHECKED, _MARKERS, _SNAPSHOTS = (f"inventory/{name}.py" for name in ("checked", "markers", "snapshots"))
_BY_DATE, _REBALANCE = "availability_api/projected.py", "rules/rebalance.py"

# fmt: off
MUTANTS: tuple[Mutant, ...] = (
    # Counters
    Mutant("a movement at the instant of the count is not absorbed", _POSITIONS,
           "if occurred_at <= _anchored_at(s, position, counter):",
           "if occurred_at < _anchored_at(s, position, counter):"),
    Mutant("an absorbed movement counts", _POSITIONS,
           "    if occurred_at <= _anchored_at(s, position, counter):\n        return\n", ""),
    Mutant("a count forgets what happened after it", _POSITIONS,
           "value = quantity + sum_after(s, position, counter, counted_at)", "value = quantity"),
    Mutant("a late count takes along what happened at its instant", _POSITIONS,
           'if d["occurred_at"][row] > at and d["counter"][row] == counter:',
           'if d["occurred_at"][row] >= at and d["counter"][row] == counter:'),
    Mutant("a count mixes the counters up", _POSITIONS,
           'if d["occurred_at"][row] > at and d["counter"][row] == counter:', 'if d["occurred_at"][row] > at:'),
    Mutant("an older count replaces a newer one", _POSITIONS,
           "        if order < 0:\n            return OLDER\n", ""),
    Mutant("the sequence of a count is not looked at", _POSITIONS,
           'elif sequence != a["sequence"][row]:', "elif False:"),
    Mutant("the tie of two counts is decided by who came first", _POSITIONS,
           "            order = compare_event_id(s, row, buf, id_at, id_length)\n", "            order = -1\n"),
    Mutant("deltas that a part still needs are forgotten", _POSITIONS,
           '        at = min(at, s.parts.rows["anchored_at_1"][parts])\n', ""),
    # Movements
    Mutant("a shipment adds", _FOLDING,
           "change = quantity if arrives or movement == _ADJUST else -quantity", "change = quantity"),
    Mutant("an adjustment always takes away", _FOLDING,
           "change = quantity if arrives or movement == _ADJUST else -quantity",
           "change = quantity if arrives else -quantity"),
    Mutant("damaged goods arrive as sellable", _FOLDING,
           "        if state != 0:\n            add_delta(s, position, state, occurred_at, logged_at, change)\n"
           "        if names_line", "        if names_line"),
    Mutant("a change of state only takes", _FOLDING,
           "            if to_state != 0:\n"
           "                add_delta(s, position, to_state, occurred_at, logged_at, quantity)\n", ""),
    Mutant("goods that come back damaged at a till are sold again", _FOLDING,
           "        if quantity < 0 and to_state != 0:\n"
           "            add_delta(s, position, to_state, occurred_at, logged_at, -quantity)\n", ""),
    Mutant("a correction of another state leaves what is on hand alone", _FOLDING,
           "        add_delta(s, position, ON_HAND_COUNTER, occurred_at, at.log_time[i], quantity)\n", ""),
    # Duplicates
    Mutant("a movement told twice counts twice", _FOLDING,
           "if not _is_new(s, _fact_id(c, i, -1, sku), payload, now, notes, i):\n            continue\n"
           "        if c.text_len[5, i] >= 0 and a.channel[i] < 0:",
           "_is_new(s, _fact_id(c, i, -1, sku), payload, now, notes, i)\n"
           "        if c.text_len[5, i] >= 0 and a.channel[i] < 0:"),
    Mutant("two lines of one till transaction are one fact", _FOLDING,
           "if not _is_new(s, _fact_id(c, i, 10, sku), payload, now, notes, i):",
           "if not _is_new(s, _fact_id(c, i, -1, sku), payload, now, notes, i):"),
    Mutant("the same id of two sources is one fact", _FOLDING,
           "    h = hash_text(c.buf, c.text_at[SOURCE, i], c.text_len[SOURCE, i], sku + 1)\n",
           "    h = np.int64(sku + 1)\n"),
    Mutant("a release told twice gives back twice", _FOLDING,
           "            if _is_new(s, _fact_id(c, i, -1, sku), _payload(2000, quantity, row, 0, 0), now, notes, i):\n",
           "            if True:\n"),
    # Demand
    Mutant("the version that came last holds", _FOLDING,
           "if have != NO_LINE_YET and version < have:", "if False:"),
    Mutant("versions are compared as texts", _FOLDING,
           "if have != NO_LINE_YET and version < have:",
           "if have != NO_LINE_YET and str(version) < str(have):"),
    Mutant("a cancelled line stays open", _DEMAND,
           'lines["action"][row] == CANCEL', "False"),
    Mutant("what was shipped is not taken off the order", _FOLDING,
           "        if names_line and movement in (_SHIP, _ADJUST):", "        if names_line and movement == _ADJUST:"),
    Mutant("an adjustment cannot give back what a shipment took", _FOLDING,
           "        if names_line and movement in (_SHIP, _ADJUST):", "        if names_line and movement == _SHIP:"),
    Mutant("a return re-opens the order", _FOLDING,
           "        if names_line and movement in (_SHIP, _ADJUST):",
           "        if names_line and movement in (_SHIP, _ADJUST, _RETURN):"),
    Mutant("goods returned at a till re-open the order", _FOLDING,
           "        if names_line and quantity > 0:", "        if names_line:"),
    Mutant("a released unit stays open", _DEMAND,
           '        lines["released"][row] += quantity\n', "        pass\n"),
    Mutant("a soft line outlives its time", _DEMAND,
           "            settle(s, line, now)\n        else:", "            pass\n        else:"),
    Mutant("a hard line ends with its time", _FOLDING,
           'lines["commitment"][row] = c.longs[5, i]', 'lines["commitment"][row] = 0'),
    Mutant("demand at a deleted place is forgotten", _DEMAND,
           "sourced = location >= 0 and not s.location_deleted[location]", "sourced = location >= 0"),
    # Numbers
    Mutant("stock that cannot be sold is sold", _NUMBERS,
           "sellable = out[ON_HAND] - out[DAMAGED] - out[QUALITY_CONTROL] - out[BLOCKED]",
           "sellable = out[ON_HAND] - out[DAMAGED] - out[QUALITY_CONTROL]"),
    Mutant("a place below zero takes from the others", _NUMBERS,
           "return max(np.int64(0), sellable) - out[SOFT] - out[HARD]", "return sellable - out[SOFT] - out[HARD]"),
    Mutant("soft demand is not subtracted", _NUMBERS,
           "return max(np.int64(0), sellable) - out[SOFT] - out[HARD]",
           "return max(np.int64(0), sellable) - out[HARD]"),
    Mutant("withheld percentages round down", _NUMBERS,
           "return -_part(-max(net, 0), value)", "return _part(max(net, 0), value)"),
    Mutant("a shared percentage rounds up", _NUMBERS,
           "_part(out[SHARED], terms.share[profile, channel])",
           "-_part(-out[SHARED], terms.share[profile, channel])"),
    Mutant("a shortage stays in its own place", _NUMBERS,
           "shortage[channel] += max(np.int64(0), -net)", "shortage[channel] += 0"),
    Mutant("safety stock is withheld twice", _NUMBERS,
           "min(max(terms.network_safety[profile], withheld_nodes), max(0, supply - demand))",
           "min(terms.network_safety[profile] + withheld_nodes, max(0, supply - demand))"),
    Mutant("the threshold itself is still shown", _NUMBERS,
           "if view <= terms.threshold[profile, channel]:", "if view < terms.threshold[profile, channel]:"),
    Mutant("an inactive sku is sold", _NUMBERS,
           ' or s.skus.rows["active"][sku] == 0', ""),
    Mutant("unsourced demand of other channels is not seen", _NUMBERS,
           'if reach.shares[channel, s.unsourced.rows["channel"][row]]:',
           'if channel == s.unsourced.rows["channel"][row]:'),
    Mutant("backorder does not fall with what is unmet", _NUMBERS,
           "terms.backorder[profile, channel] - out[UNMET]", "terms.backorder[profile, channel]"),
    # Counts net of demand
    Mutant("a net count is taken for a physical one", _COUNTING, "+= b.withheld + demand", "+= b.withheld"),
    Mutant("what an available count withholds is lost", _COUNTING, "+= b.withheld + demand", "+= demand"),
    Mutant("D(T) is today's demand", _NETS,
           "total += open_at(s, row, location, at, soft)",
           "total += open_at(s, row, location, 4_000_000_000_000, soft)"),
    Mutant("a late order does not move what was counted net of it", _NETS,
           '+= sign * part', "+= 0"),
    Mutant("an order of the same instant is not in the net count", _NETS,
           'if n["demand_as_of"][net] >= occurred_at:', 'if n["demand_as_of"][net] > occurred_at:'),
    # Fences
    Mutant("a fence draws twice", _FENCES, "                ask -= taken\n", ""),
    Mutant("what a fence took the next can take again", _FENCES, "                left[k] -= taken\n", ""),
    Mutant("a fence asks anew for what was sold under it", _FENCES,
           "return max(np.int64(0), target_of(s, sku, profile, channel, f) - consumed_of(s, sku, channel))",
           "return target_of(s, sku, profile, channel, f)"),
    Mutant("another channel's fence takes where this one may not sell", _FENCES,
           "if f.sells[channel, place[k]] and f.sells[other, place[k]]:", "if f.sells[other, place[k]]:"),
    Mutant("an excluded channel's fence is granted", _FENCES,
           "if f.excluded[profile, other] or f.deleted[other]:", "if f.deleted[other]:"),
    Mutant("an order placed before the fence was set counts", "inventory/draws.py",
           ' or lines["placed_at"][line] <= since', ""),
    # Expected supply
    Mutant("an overdue delivery counts", _SUPPLY,
           "if expected_at < now or", "if"),
    Mutant("confidence rounds up", _SUPPLY,
           'return s.supply.rows["open"][row] * confidence // _WHOLE',
           'return -(-s.supply.rows["open"][row] * confidence // _WHOLE)'),
    Mutant("a transfer counts what has not left yet", _SUPPLY,
           'left = min(left, max(np.int64(0), rows["sent"][row] - rows["received"][row]))', "pass"),
    Mutant("a receipt before the version closes it", _SUPPLY,
           'rows["quantity"][row] - received_since(s, row))\n\n\n@kernel\ndef _open',
           'rows["quantity"][row] - rows["received"][row])\n\n\n@kernel\ndef _open'),
    # Guards
    Mutant("a fact from the future is folded", _ADMISSION,
           "if c.longs[OCCURRED_AT, i] > log_time + g.clock_tolerance:", "if False:"),
    Mutant("a message from long ago is booked again", _ADMISSION,
           "if c.longs[RECORDED_AT, i] < log_time - g.dedupe_horizon and", "if False and"),
    Mutant("an alias loses against another sku's own name", _ADMISSION,
           "    if aliased:\n        value = look_up(d, 1 + source, c.buf, at, length)\n"
           "        if value != ABSENT:\n            return value\n", ""),
    # Bundles
    Mutant("a component row is looked up among the source's own names", _ADMISSION,
           "aliased & 1 != 0 and flags[i] & EXPLODED == 0", "aliased & 1 != 0"),
    Mutant("a bundle in a bundle is exploded again", _ADMISSION,
           "return EXPLODE if flags & EXPLODED == 0 else _BUNDLE_SKU", "return EXPLODE"),
    Mutant("stock of a bundle is counted", _ADMISSION, "if of_kit and kind in (_COUNT, _SUPPLY):", "if False:"),
    Mutant("what is missing of a component is rounded down", _BUNDLES, "-(-missing // each)", "missing // each"),
    Mutant("the most plentiful component decides", _BUNDLES,
           "pool = np.minimum(pool, offer // each)", "pool = np.maximum(pool * (pool < _PLENTY), offer // each)"),
    Mutant("what ships together is put together anywhere", _BUNDLES,
           "            pool = np.minimum(pool, sells @ _complete(skus, sells.shape[1]))\n", "            pass\n"),
    Mutant("a late row of a component replaces a newer one", _BUNDLES,
           "return told.version > known.version", "return True"),
    Mutant("a bundle with an unknown component is sold", _BUNDLES,
           "        if len(skus) < len(parts):\n            pool[:] = 0\n", ""),
    Mutant("a row of another generation counts", _BUNDLES,
           "told.sort != UNKNOWN and told.version >> _SHIFT != self._generation", "False"),
    Mutant("the units of a component are not told to be in stock at places", "inventory/components.py",
           "nodes = _node_ats(views, i) if together else None", "nodes = None"),
    Mutant("a component that moved is not told", "inventory/components.py",
           "before is None or row._replace(version=before.version) != before", "before is None"),
    Mutant("each component holds the version that its own bytes decide", "inventory/lane.py",
           "return item if each is None else Item(item.bundle, item.quantity // each, None)", "return item"),
    # Checked reservations
    Mutant("a hold is confirmed after its end", _CHECKED,
           "if _too_late(line, request) or request.lapsed(now, self._grace):",
           "if request.lapsed(now, self._grace):"),
    Mutant("a hold has no grace", _CHECKED,
           "request.as_held(granted, self._grace)", "request.as_held(granted, 0)"),
    Mutant("what a line holds is not its own", _CHECKED, "            return held + available\n",
           "            return available\n"),
    Mutant("a grant in part holds all that was asked", _CHECKED,
           "granted = request.quantity if request.cancels else min(request.quantity, decision.quantity)",
           "granted = request.quantity"),
    Mutant("more is granted than is left", _CHECKED,
           "if max(0, request.quantity - had) <= most:", "if max(0, request.quantity - had) <= most + 1:"),
    # Snapshots
    Mutant("a batch is complete before its last item", _MARKERS,
           "self.items is not None and self.seen.size >= self.items",
           "self.items is not None and self.seen.size >= self.items - 1"),
    Mutant("a batch with items of another basis is taken", _MARKERS,
           'if basis != said["basis"] or location not in said["locations"]:', 'if location not in said["locations"]:'),
    Mutant("a FULL batch zeroes what it does not list", _SNAPSHOTS,
           'elif said["mode"] == "NONZERO":', 'if said["mode"] in ("FULL", "NONZERO"):'),
    Mutant("a PARTIAL batch zeroes what it does not list", _SNAPSHOTS,
           'elif said["mode"] == "NONZERO":', "else:"),
    # By date, and percentages
    Mutant("a day promises what a later one needs", _BY_DATE, "least = min(least, left[day])", "least = left[day]"),
    Mutant("what is overdue is promised", _BY_DATE,
           "if each.ordinal in sells_from and each.at >= now:", "if each.ordinal in sells_from:"),
    Mutant("a percentage of a pool rounds up", _REBALANCE,
           "pool * self.percent // WHOLE_PERCENT", "-(-pool * self.percent // WHOLE_PERCENT)"),
    Mutant("a percentage has no minimum", _REBALANCE,
           "max(self.minimum, pool * self.percent // WHOLE_PERCENT)", "pool * self.percent // WHOLE_PERCENT"),
)
# fmt: on
