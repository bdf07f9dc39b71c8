"""A lane: everything about the skus of one partition. `Lane.step` is the only door to the engine."""

from typing import NamedTuple

import numpy as np

from inventory import folding
from inventory.admission import BUNDLE, NEW_BUNDLE, NEW_SOURCE, Admitted, Guards, admit, admitted, home_lanes
from inventory.aliases import Alias, Aliases, Claim
from inventory.aside import pos_line, set_aside
from inventory.batch import (
    OWN_POS_SALES,
    Batch,
    Clock,
    Control,
    ControlKind,
    Forward,
    Incident,
    Outputs,
    Slice,
)
from inventory.checked import Checked
from inventory.columns import CORRELATION_ID, EVENT_ID, LOCATION, SOURCE, Ints, Kind
from inventory.demand import forget_lines, pass_instants, recount_demand
from inventory.draws import forget_sales
from inventory.expecting import fold_expected
from inventory.greeting import Greeting
from inventory.incidents import Watch, as_incident
from inventory.master_records import MasterRecords
from inventory.masters import Masters
from inventory.numbers import compute, renew_fences
from inventory.offers import Numbers
from inventory.parking import Parking
from inventory.positions import forget_deltas
from inventory.state import NEVER, Memory
from inventory.supply import forget_supply
from inventory.ties import content_of_line, content_of_record, text_of
from inventory.views import Views

GENERATION_SHIFT = 44
_SHOWN_AT_ONCE = 2048
"""Skus computed in one step: some 20 ms of publishing."""

_FOLDS = {
    Kind.MOVEMENT: folding.fold_movements,
    Kind.COUNT: folding.fold_counts,
    Kind.CORRECTION: folding.fold_corrections,
    Kind.POS_LINE: folding.fold_pos_lines,
}


class LaneConfig(NamedTuple):
    """Horizons and bounds; all times in ms."""

    clock_tolerance_ms: int = 300_000
    count_horizon_ms: int = 86_400_000
    dedupe_horizon_ms: int = 259_200_000
    reservation_memory_ms: int = 604_800_000
    confirm_grace_ms: int = 30_000
    parking_horizon_ms: int = 86_400_000
    parking_bound: int = 100_000
    exception_delay_ms: int = 30_000
    coalesce_ms: int = 200


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
        self.masters = Masters(number, lanes, self.memory, config.count_horizon_ms)
        self.parking = Parking(config.parking_bound, config.parking_horizon_ms)
        self.aliases = Aliases(number, lanes, self.masters, self.parking)
        self.greeting = Greeting(number, lanes, nonce, self.aliases)
        self._records = MasterRecords(number, lanes, self.memory, self.masters, self.aliases, self.parking)
        self.watch = Watch(config.exception_delay_ms)
        self.checked = Checked(
            self.memory, self.masters, config.confirm_grace_ms, config.reservation_memory_ms, self._numbers_of
        )
        self.now = 0
        self.log_clock = 0
        self.next_offsets = {"network": 0, "policies": 0}
        self.held: list[Slice] = []
        self._shown_at = 0
        self._guards = Guards(
            config.clock_tolerance_ms, config.dedupe_horizon_ms, config.count_horizon_ms, number, lanes
        )

    # -- one step ------------------------------------------------------------------------------------------------

    def step(self, batch: Batch, clock: Clock) -> Outputs:
        """Fold a batch, and compute what moved. The clocks never run backwards in here."""
        out = Outputs()
        self.now = max(self.now, clock.now)
        self.log_clock = max(self.log_clock, clock.log)
        for topic, offset in batch.next_offsets.items():
            self.next_offsets[topic] = max(self.next_offsets[topic], offset)
        for master in batch.masters:
            self._records.fold(master, batch.masters_ready or self.live, self.now, out)
        for control in batch.controls:
            self._hear(control, out)
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
        if self.live:  # after all facts of the batch
            self.checked.decide(self.now, self.log_clock, batch.publish, out)
        if batch.publish and self.live:
            self._show(batch.caught_up, out)
        out.parked = len(self.parking)
        out.waiting = self.memory.moved().size
        return out

    def _pass_time(self, out: Outputs) -> None:
        pass_instants(self.memory.state(), self.now)
        if self.masters.pass_bounds(self.now):
            self.mark_all_moved()
        out.dead_letters += self.parking.expire(self.log_clock)
        for key, since in self.watch.due(self.now):
            out.incidents.append(self._as_incident(key, since, None))

    # -- master data and the other lanes -------------------------------------------------------------------------

    @property
    def live(self) -> bool:
        """Whether the lane knows what it must before it folds facts."""
        return self.greeting.live

    def _hear(self, control: Control, out: Outputs) -> None:
        if control.kind is ControlKind.HELLO:
            self.greeting.hear_hello(control)
        elif control.kind is ControlKind.MARKER:
            self.greeting.hear_marker(control)
        elif control.kind is ControlKind.CLAIMS:
            claims = [Claim(since, Alias(*alias)) for since, *alias in control.payload["claims"]]
            self.aliases.hear_claims(claims, self.now, out)
        else:
            bound = [Alias(*alias) for alias in control.payload["aliases"]]
            self.aliases.hear_bound(bound, self.now, out)

    def _derive(self, out: Outputs) -> None:
        """After master data: what every sku's numbers rest on."""
        if not self.masters.refresh():
            return
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
        verdict = self._admit(part, out)
        state = memory.state()
        now = folding.Now(self.now, memory.ids.bucket(self.log_clock))
        found = folding.notes(n)
        if part.kind is Kind.RESERVATION:
            self.checked.take(part, verdict, self.sku)
            self._fold_reservations(part, verdict, now, found)
        elif part.kind is Kind.SUPPLY:
            fold_expected(memory, self.masters.network, part, verdict, now, found)
        else:
            _FOLDS[part.kind](state, part.columns, verdict, part.carried, now, found)
        out.duplicates += int(found.head[1])
        name = part.kind.name.lower()
        out.folded[name] = out.folded.get(name, 0) + n
        for j in range(int(found.head[0])):
            code = folding.NOTE_CODES[int(found.code[j])]
            out.incidents.append(self._noted(code, part, verdict, int(found.record[j])))

    def _make_room(self, part: Slice, n: int) -> None:
        memory = self.memory
        for name, rows, forget in (
            ("lines", n, self._forget_lines),
            ("deltas", 3 * n, self._forget_deltas),
            ("sales", n, self._forget_sales),
            ("supply", n, self._forget_supply),
            ("receipts", n, self._forget_supply),
        ):
            store = memory.stores[name]
            if store.room() < rows:
                forget()
                # Forgetting reads the whole table: what it yields must last a while, or the table grows.
                if store.reserve(rows + store.table.rows.size // 4):
                    memory.invalidate()
        memory.reserve(n, self.log_clock)
        if part.kind is Kind.COUNT:
            longest = int(part.columns.text_len[EVENT_ID].max(initial=0))
            memory.reserve_anchors(n * (1 + longest // 40))

    def _forget_lines(self) -> None:
        before = self.log_clock - self.config.reservation_memory_ms
        bounds = self.masters.fences_since()
        if bounds.size:  # what a line consumed becomes a sale
            self._forget_sales()
            for name in ("draws", "sales"):
                self.memory.stores[name].reserve(len(self.memory.stores["lines"]))
            self.memory.invalidate()
        least = int(bounds[0]) if bounds.size else NEVER
        if forget_lines(self.memory.state(), before, least):
            self.memory.stores["lines"].reindex()

    def _forget_sales(self) -> None:
        kept = self.config.count_horizon_ms + self.config.clock_tolerance_ms
        forget_sales(self.memory.state(), self.log_clock - kept, self.masters.fences_since())

    def _forget_supply(self) -> None:
        if forget_supply(self.memory.state(), self.log_clock - self.config.reservation_memory_ms):
            self.memory.stores["supply"].reindex()

    def _forget_deltas(self) -> None:
        kept = self.config.count_horizon_ms + self.config.clock_tolerance_ms
        forget_deltas(self.memory.state(), self.log_clock - kept)

    def _admit(self, part: Slice, out: Outputs) -> Admitted:
        verdict = admitted(part.columns.start.size)
        while admit(
            part.columns, int(part.kind), part.origin.log_time, part.origin.flags, self._guards,
            self.masters.dictionaries(), verdict,
        ):  # fmt: skip
            if not self._intern(part, verdict):
                for i in set_aside(part, verdict, self.parking, self.log_clock, out):
                    out.incidents.append(self._noted("count_too_late", part, verdict, i))
                break
        return verdict

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
            if content_of_record(c, first) > self._line_content(row):
                folding.apply_version(state, row, c, first, verdict, now.clock)
            first += 1

    def _line_content(self, row: int) -> bytes:
        line = self.memory.stores["lines"].table.rows[row]
        network = self.masters.network
        location, bundle = int(line["location"]), int(line["bundle"])
        return content_of_line(
            line, network.id_of_channel(int(line["channel"])).encode(),
            network.id_of_location(location).encode() if location >= 0 else None,
            self.memory.bundle_names.text(bundle) if bundle >= 0 else None,
        )  # fmt: skip

    # -- numbers -------------------------------------------------------------------------------------------------

    def _show(self, caught_up: bool, out: Outputs) -> None:
        """Compute what moved: at once when nothing is waiting, else at most every `coalesce_ms`."""
        waiting = self.memory.moved().size
        if waiting == 0 or not (caught_up or self.now - self._shown_at >= self.config.coalesce_ms):
            return
        skus = self.memory.take_moved(_SHOWN_AT_ONCE)
        if skus.size == waiting:
            self._shown_at = self.now
        out.views = self._views(skus)
        for key, opened_at in self.watch.observe(out.views, skus, self.now):
            out.incidents.append(self._as_incident(key, opened_at, self.now))

    def _views(self, skus: Ints) -> Views:
        memory, masters = self.memory, self.masters
        terms, reach = masters.terms(self.now), masters.reach()
        extras = masters.rules.extras
        renew_fences(memory, skus, terms, extras, reach)
        return compute(
            memory.state(), memory.stores["skus"].table.rows, memory.sku_names.d.buf, skus, terms, extras, reach,
            self.version_base(), self.now,
        )  # fmt: skip

    def _numbers_of(self, sku: int) -> Numbers:
        """What a sku's numbers are at this moment of the step."""
        views = self._views(np.array([sku], np.int32))
        return Numbers(views, self.masters.terms(self.now), self.masters.reach())

    def version_base(self) -> int:
        """The terms of a version that all skus of the lane share."""
        shared = self.next_offsets["network"] + self.next_offsets["policies"] + self.masters.bounds_passed
        return (self.generation << GENERATION_SHIFT) + shared

    def sku(self, row: int) -> str:
        """The canonical identifier of a row of the sku table."""
        r = self.memory.stores["skus"].table.rows[row]
        at = int(r["name_at"])
        return self.memory.sku_names.d.buf[at : at + int(r["name_length"])].tobytes().decode()

    # -- incidents -----------------------------------------------------------------------------------------------

    def _as_incident(self, key: tuple[str, int, int], opened_at: int, closed_at: int | None) -> Incident:
        return as_incident(
            key, self.sku(key[1]), self.masters.network.id_of_location(key[2]), opened_at, closed_at
        )

    def _noted(self, code: str, part: Slice, verdict: Admitted, i: int) -> Incident:
        c = part.columns
        texts = {f: text_of(c, f, i) for f in (EVENT_ID, SOURCE, CORRELATION_ID, LOCATION)}
        readable = {f: None if t is None else t.decode(errors="replace") for f, t in texts.items()}
        event = readable[EVENT_ID] or ""
        line = pos_line(part, i)
        return Incident(
            code, self.sku(int(verdict.sku[i])), readable[LOCATION], event if line is None else f"{event}/{line}",
            self.now, source=readable[SOURCE], correlation_id=readable[CORRELATION_ID], events=(event,),
        )  # fmt: skip
