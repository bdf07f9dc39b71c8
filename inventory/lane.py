"""A lane: everything about the skus of one partition. `Lane.step` is the only door to the engine."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from inventory import folding
from inventory.admission import BUNDLE, NEW_BUNDLE, NEW_SOURCE, Admitted, Guards, admit, admitted, home_lanes
from inventory.aliases import Alias, Aliases, Claim
from inventory.aside import explode, set_aside
from inventory.batch import (
    OWN_POS_SALES,
    Batch,
    Clock,
    Control,
    ControlKind,
    Forward,
    Marker,
    Outputs,
    Slice,
)
from inventory.bundle_numbers import compute_bundles
from inventory.bundles import BUNDLE as BUNDLE_SORT
from inventory.bundles import Told, read_told
from inventory.checked import Checked
from inventory.columns import EVENT_ID, SOURCE, Ints, Kind
from inventory.components import entries
from inventory.counting import fold_counts, measured
from inventory.demand import pass_instants, recount_demand
from inventory.drift import Drift
from inventory.effects import FOLDED, MOVED, promise_of, since
from inventory.expecting import fold_expected
from inventory.forgetting import Forgetting, Kept
from inventory.greeting import Greeting
from inventory.incidents import nested_bundle
from inventory.incomplete import may_lack_facts
from inventory.layers import LONGEST_WINDOW
from inventory.marker_records import MarkerRecords
from inventory.markers import Markers
from inventory.master_records import MasterRecords
from inventory.masters import Masters
from inventory.numbers import compute, renew_fences
from inventory.offers import Numbers
from inventory.parking import Parking
from inventory.positions import mark_moved
from inventory.recent import note_facts, with_recent
from inventory.snapshots import Snapshots
from inventory.state import Memory
from inventory.ties import Item, content_of_line, content_of_record, text_of
from inventory.versions import replace_version, tied_version
from inventory.views import Views
from inventory.watch import Watch

GENERATION_SHIFT = 44
_SHOWN_AT_ONCE = 2048
"""Skus computed in one step: some 20 ms of publishing."""

_INSTANTS_LOST = LONGEST_WINDOW + 2
"""Instants of a sku that may be gone with one record: those of a delivery."""

_FOLDS = {
    Kind.MOVEMENT: folding.fold_movements,
    Kind.CORRECTION: folding.fold_corrections,
    Kind.POS_LINE: folding.fold_pos_lines,
}


class LaneConfig(NamedTuple):
    """Horizons and bounds; all times in ms, `drift_tolerance` in units. `publish_incomplete`: where nobody has counted,
    what is left of a log that begins too late is shown."""

    clock_tolerance_ms: int = 300_000
    count_horizon_ms: int = 86_400_000
    dedupe_horizon_ms: int = 259_200_000
    reservation_memory_ms: int = 604_800_000
    confirm_grace_ms: int = 30_000
    parking_horizon_ms: int = 86_400_000
    parking_bound: int = 100_000
    exception_delay_ms: int = 30_000
    coalesce_ms: int = 200
    drift_tolerance: int = 5
    publish_incomplete: bool = False


class Lane:
    """The state of one lane. No I/O and no clock: time comes with every step.

    A lane without history first reads its master data, greets the other lanes and folds facts only when every
    lane has told its aliases (`live`).
    """

    def __init__(self, number: int, lanes: int, config: LaneConfig, generation: int, nonce: str) -> None:
        self.number = number
        self.lanes = lanes
        self.config = config
        self.generation = generation
        self.memory = Memory(config.dedupe_horizon_ms)
        self.masters = Masters(number, lanes, generation, self.memory, config.count_horizon_ms)
        self.parking = Parking(config.parking_bound, config.parking_horizon_ms)
        self.aliases = Aliases(number, lanes, self.masters, self.parking)
        self.greeting = Greeting(number, lanes, nonce, self.aliases, self.masters.bundles)
        self._records = MasterRecords(number, lanes, self.memory, self.masters, self.aliases, self.parking)
        self.drift = Drift(config.drift_tolerance)
        kept = config.count_horizon_ms + config.clock_tolerance_ms
        self.markers = Markers(lanes, kept)
        self.snapshots = Snapshots(lanes, kept, self.memory, self.masters, self)
        self.watch = Watch(
            number, config.exception_delay_ms, config.dedupe_horizon_ms, config.clock_tolerance_ms, self.memory,
            self.masters, self.snapshots, self,
        )  # fmt: skip
        self.forgetting = Forgetting(
            Kept(config.count_horizon_ms, kept, config.reservation_memory_ms),
            self.memory,
            self.masters,
            self.watch,
        )
        self._held_markers: list[Marker] = []
        self.checked = Checked(
            self.memory, self.masters, config.confirm_grace_ms, config.reservation_memory_ms, self._numbers_of,
            self.snapshots.see_versions, self.watch.see_request,
        )  # fmt: skip
        self.now = 0
        self.log_clock = 0
        self.next_offsets = {"network": 0, "policies": 0}
        self.held: list[Slice] = []
        self._shown_at = 0
        self._guards = Guards(
            config.clock_tolerance_ms, config.dedupe_horizon_ms, config.count_horizon_ms, number, lanes
        )
        self._marker_records = MarkerRecords(self._guards, self.masters, self.parking, self.markers)

    def begin(self, since: int | None, begins: Mapping[int, int]) -> None:
        """Before anything is read: of the partitions of some version slots what is below an offset is gone, and facts
        dated before `since` (ms; None: none) may be missing."""
        assert not len(self.memory.stores["skus"]), "there are skus that do not know"
        for carrier, offset in begins.items():
            self.memory.begins[carrier] = offset
        if since is not None:
            self.memory.since[0] = since
        self._withhold()

    def go_on(self, published_incomplete: bool) -> None:
        """After its state was loaded. `published_incomplete`: whether its last life showed what is left at positions
        that nobody counted. Where it does so no more, or again, every number moves without a fact."""
        self._withhold()
        self.forgetting.go_on(self.log_clock)
        if may_lack_facts(self.memory) and published_incomplete != self.config.publish_incomplete:
            self.masters.bounds_passed += 1
            self.mark_all_moved()

    def _withhold(self) -> None:
        self.memory.withholds[0] = may_lack_facts(self.memory) and not self.config.publish_incomplete

    # -- one step ------------------------------------------------------------------------------------------------

    def step(self, batch: Batch, clock: Clock) -> Outputs:
        """Fold a batch, and compute what moved. The clocks never run backwards in here."""
        out = Outputs()
        self.now = max(self.now, clock.now)
        self.log_clock = max(self.log_clock, clock.log)
        for topic, offset in batch.next_offsets.items():
            self.next_offsets[topic] = max(self.next_offsets[topic], offset)
        self._records.fold(batch.masters, batch.masters_ready or self.live, self.now, out)
        for control in batch.controls:
            self._hear(control, out)
        self.watch.see_masters(batch.masters, self.now, out.incidents)
        self._derive(out)
        if batch.masters_ready:
            self.greeting.speak(self.now, out)
        self._pass_time(out)  # the clock moves before each fold
        for told in batch.decisions:
            self.checked.hear(told, self.now, out)
        slices = batch.slices
        if self.live and self.held:
            slices, self.held = self.held + slices, []
        for part in slices:
            if self.live:
                self._fold(part, out)
            else:
                self.held.append(part)
        self._held_markers += batch.markers
        if self.live:
            self._fold_batches(out)
            self.checked.decide(self.now, self.log_clock, batch.publish, out)  # after all facts of the batch
        if batch.publish and self.live:
            self.masters.components.tell_nature(out)
            self._show(batch.caught_up, out)
        self.watch.pass_time(self.now, self.log_clock, out.incidents)  # all of that log time is folded now
        if self.live:
            self.forgetting.pass_time(self.log_clock)
        if out.incidents:
            out.incidents = self.watch.adopt(out.incidents, self.now)
        out.parked = len(self.parking)
        out.waiting = self.memory.moved().size
        return out

    def _pass_time(self, out: Outputs) -> None:
        pass_instants(self.memory.state(), self.now)
        if self.masters.pass_bounds(self.now):
            self.mark_all_moved()
        out.dead_letters += self.parking.expire(self.log_clock)
        self.markers.tick(self.now, self.log_clock, out)

    # -- master data and the other lanes -------------------------------------------------------------------------

    @property
    def live(self) -> bool:
        """Whether the lane knows what it must before it folds facts."""
        return self.greeting.live

    def _hear(self, control: Control, out: Outputs) -> None:
        if control.kind is ControlKind.ITEMS:
            source, name = control.payload["source"], control.payload["batch"]
            self.markers.book(source, name, self.now, self.log_clock).hear(control.payload)
            self.markers.settle(source, name, self.now, out)
        elif control.kind is ControlKind.COMPLETE:
            self.snapshots.hear(control)
        elif control.kind is ControlKind.HELLO:
            self.greeting.hear_hello(control)
        elif control.kind is ControlKind.MARKER:
            self.greeting.hear_marker(control)
        elif control.kind is ControlKind.CLAIMS:
            claims = [Claim(since, Alias(*alias)) for since, *alias in control.payload["claims"]]
            self.aliases.hear_claims(claims, self.now, out)
        elif control.kind is ControlKind.SUBSCRIBE:
            for part, bundle, each, together in control.payload["parts"]:
                self._wait_for(self.masters.components.hear(part, bundle, each, together))
        elif control.kind is ControlKind.COMPONENTS:
            for part, *told in control.payload["rows"]:
                self._hear_component(part, read_told(told), control, out)
        else:
            bound = [Alias(*alias) for alias in control.payload["aliases"]]
            self.aliases.hear_bound(bound, self.now, out)

    def _wait_for(self, row: int) -> None:
        if row >= 0:
            mark_moved(self.memory.state(), row)

    def _hear_component(self, part: str, told: Told, control: Control, out: Outputs) -> None:
        for row in self.masters.bundles.hear(part, told, control.carrier, control.offset):
            self.memory.raise_offset(row, control.carrier, control.offset)
            self._wait_for(row)
            if told.sort == BUNDLE_SORT:
                out.incidents.append(nested_bundle(self.sku(row), part, self.now))

    def _derive(self, out: Outputs) -> None:
        """After master data: what every sku's numbers rest on."""
        if not self.masters.refresh():
            return
        self.watch.see_network(self.now, out.incidents)
        deleted = self.masters.deleted_locations()
        before = self.memory.location_deleted
        self.memory.set_locations(deleted)
        known = min(before.size, deleted.size)
        if (before[:known] != deleted[:known]).any():
            # Demand at a place that is gone is unsourced; each line may need a row for it.
            self.memory.stores["unsourced"].reserve(len(self.memory.stores["lines"]))
            self.memory.stores["positions"].reserve(len(self.memory.stores["lines"]))
            self.memory.stores["dated"].reserve(len(self.memory.stores["lines"]))
            self.memory.invalidate()
            recount_demand(self.memory.state(), self.now)
        self.mark_all_moved()

    def mark_all_moved(self) -> None:
        """Compute and publish every sku again."""
        self.memory.move_all()

    # -- facts ---------------------------------------------------------------------------------------------------

    def _fold(self, part: Slice, out: Outputs) -> None:
        n = part.columns.start.size
        if part.carried.carrier == OWN_POS_SALES:
            lanes = np.zeros(n, np.int32)
            home_lanes(part.columns, self._guards, self.masters.dictionaries(), lanes)
            out.forwards.append(Forward(part, np.arange(n), lanes))
            return
        memory = self.memory
        self._make_room(part, n)
        verdict, too_late = self._admit(part, out)
        state = memory.state()
        now = folding.Now(self.now, memory.ids.bucket(self.log_clock))
        found = folding.notes(n)
        if part.kind is Kind.RESERVATION:
            self.checked.take(part, verdict, self.sku)
            self._fold_reservations(part, verdict, now, found)
            self.snapshots.see_versions(verdict)
        elif part.kind is Kind.SUPPLY:
            fold_expected(memory, self.masters.network, part, verdict, now, found)
        elif part.kind is Kind.COUNT:
            self._fold_counts(part, verdict, found, out)
        else:
            _FOLDS[part.kind](state, part.columns, verdict, part.carried, now, found)
        note_facts(memory, part, verdict, found.effect)
        out.duplicates += int(found.head[1])
        name = part.kind.name.lower()
        out.folded[name] = out.folded.get(name, 0) + n
        self.watch.see_facts(part, verdict, found, too_late, self.now, out.incidents)

    def _fold_counts(self, part: Slice, verdict: Admitted, found: folding.Notes, out: Outputs) -> None:
        m = measured(part.columns.start.size)
        self.snapshots.before_counts(part, verdict)
        fold_counts(self.memory.state(), part.columns, verdict, part.carried, found, m)
        out.incidents += self.drift.observe(part, verdict, m, self, self.now)
        told = slice(int(found.head[0]))
        too_late = set(found.record[told][found.code[told] == folding.COUNT_TOO_LATE].tolist())
        self.snapshots.see_counts(part, verdict, too_late, self, out)

    def _fold_batches(self, out: Outputs) -> None:
        """Snapshot batches, after the facts of the step."""
        markers, self._held_markers = self._held_markers, []
        for marker in markers:
            self._marker_records.fold(marker, self.now, self.log_clock, out)
        self.snapshots.settle(self.log_clock)
        self.watch.see_batches(self.now, out.incidents)

    def _make_room(self, part: Slice, n: int) -> None:
        memory = self.memory
        if not memory.has_room(n):
            self.forgetting.make_room(n)
        memory.reserve(n, self.log_clock)
        if part.kind is Kind.COUNT:
            longest = int(part.columns.text_len[EVENT_ID].max(initial=0))
            memory.reserve_anchors(n * (1 + longest // 40))

    def forget(self) -> None:
        """Let go of all that no record can ask for any more, whether or not there is room."""
        self.forgetting.everything(self.log_clock)

    def _admit(self, part: Slice, out: Outputs) -> tuple[Admitted, list[int]]:
        """What is to be folded, and the counts that came too late."""
        too_late: list[int] = []
        verdict = admitted(part.columns.start.size)
        while admit(
            part.columns, int(part.kind), part.origin.log_time, part.origin.flags, self._guards,
            self.masters.dictionaries(), verdict,
        ):  # fmt: skip
            if not self._intern(part, verdict):
                explode(part, verdict, self.masters.bundles, self.lanes, out)
                too_late = set_aside(part, verdict, self.parking, self.log_clock, out)
                break
        return verdict, too_late

    def _intern(self, part: Slice, verdict: Admitted) -> bool:
        """Number the sources and bundles seen for the first time; True if there were any."""
        new = {
            outcome: {
                text_of(part.columns, field, i) or b""
                for i in np.flatnonzero(verdict.outcome == outcome).tolist()
            }
            for outcome, field in ((NEW_SOURCE, SOURCE), (NEW_BUNDLE, BUNDLE))
        }
        for name in sorted(new[NEW_SOURCE]):
            self.memory.intern_source(name)
        for name in sorted(new[NEW_BUNDLE]):
            self.memory.bundle_names.intern(name)
        return any(new.values())

    def _fold_reservations(
        self, part: Slice, verdict: Admitted, now: folding.Now, found: folding.Notes
    ) -> None:
        state, c, first = self.memory.state(), part.columns, 0
        while True:
            first = folding.fold_reservations(state, c, verdict, part.carried, now, found, first)
            if first >= c.start.size:
                return
            row = folding.line_row(state, c, first, int(verdict.sku[first]))
            past = tied_version(state, row, c, first)
            held = self.memory.stores["lines" if past < 0 else "versions"].table.rows[
                row if past < 0 else past
            ]
            sku = self.sku(int(verdict.sku[first])).encode()
            if content_of_record(c, first, sku, self._sent) > self._content_of(held, sku):
                before = promise_of(state, row)
                if past < 0:
                    found.effect[first] = FOLDED | MOVED
                    folding.apply_version(state, row, c, first, verdict, now.clock)
                    folding.note_line(state, row, found, first)
                else:
                    replace_version(state, row, past, c, first, verdict)
                found.effect[first] |= since(state, row, before)
            first += 1

    def _content_of(self, line: Any, sku: bytes) -> bytes:
        network = self.masters.network
        location, bundle = int(line["location"]), int(line["bundle"])
        return content_of_line(
            line, sku, network.id_of_channel(int(line["channel"])).encode(),
            network.id_of_location(location).encode() if location >= 0 else None,
            self.memory.bundle_names.text(bundle) if bundle >= 0 else None, self._sent,
        )  # fmt: skip

    def _sent(self, item: Item) -> Item:
        """What a component row was before it was exploded: all components must hold the same version."""
        if item.bundle is None:
            return item
        each = self.masters.components.units(item.sku.decode(), item.bundle.decode(errors="replace"))
        return item if each is None else Item(item.bundle, item.quantity // each, None)

    # -- numbers -------------------------------------------------------------------------------------------------

    def _show(self, caught_up: bool, out: Outputs) -> None:
        """Compute what moved: at once when nothing is waiting, else at most every `coalesce_ms`."""
        waiting = self.memory.moved().size
        if waiting == 0 or not (caught_up or self.now - self._shown_at >= self.config.coalesce_ms):
            return
        skus = self.memory.take_moved(_SHOWN_AT_ONCE)
        if skus.size == waiting:
            self._shown_at = self.now
        masters = self.masters
        if masters.bundles:
            skus = masters.bundles.shown(skus)
            if not skus.size:
                return
        out.views = with_recent(self._views(skus), self.memory, skus)
        rules = masters.in_force(self.now)
        masters.components.tell(self.memory, out.views, skus, rules, self.now, out)
        self.watch.see_numbers(out.views, skus, rules, self.now, out.incidents)

    def _views(self, skus: Ints) -> Views:
        memory, masters = self.memory, self.masters
        rules = masters.in_force(self.now)
        renew_fences(memory, skus, rules)
        views = compute(
            memory.state(), memory.sku_names.d.buf, skus, rules, self.version_base(), self.now,
            withholds=bool(memory.withholds[0]),
        )  # fmt: skip
        if masters.bundles and masters.bundles.shown(skus).size == skus.size:
            views = compute_bundles(memory.state(), masters.bundles, skus, rules.terms, rules.reach, views)
        return views

    def _numbers_of(self, sku: int) -> Numbers:
        """What a sku's numbers are at this moment of the step."""
        views = self._views(np.array([sku], np.int32))
        kits = entries(self.memory, self.masters.components.kits(self.sku(sku)))
        return Numbers(sku, views, self.masters.in_force(self.now), self.memory, self.now, kits)

    def version_base(self) -> int:
        """The terms of a version that all skus of the lane share."""
        shared = self.next_offsets["network"] + self.next_offsets["policies"] + self.masters.bounds_passed
        lost = int(self.memory.begins.sum()) * _INSTANTS_LOST
        return (self.generation << GENERATION_SHIFT) + shared + lost

    def sku(self, row: int) -> str:
        """The canonical identifier of a row of the sku table."""
        r = self.memory.stores["skus"].table.rows[row]
        at = int(r["name_at"])
        return self.memory.sku_names.d.buf[at : at + int(r["name_length"])].tobytes().decode()

    def place(self, ordinal: int) -> str:
        """The canonical identifier of a location."""
        return self.masters.network.id_of_location(ordinal)

    def source(self, number: int) -> str:
        """The name of a source."""
        return self.memory.source_names.text(number).decode(errors="replace")
