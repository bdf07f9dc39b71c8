"""A lane: everything about the skus of one partition. `Lane.step` is the only door to the engine."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from inventory import folding
from inventory.admission import (
    BUNDLE,
    DEAD,
    DEAD_LETTER_CODES,
    FORWARD,
    NEW_BUNDLE,
    NEW_SOURCE,
    NOT_COMPUTED,
    OK,
    PARK_CHANNEL,
    PARK_LOCATION,
    PARK_SKU,
    TOO_LATE,
    Admitted,
    Guards,
    admit,
    admitted,
    home_lanes,
)  # fmt: skip
from inventory.batch import (
    OWN_POS_SALES,
    Batch,
    Clock,
    Control,
    ControlKind,
    DeadLetter,
    Forward,
    Incident,
    Master,
    Message,
    Outputs,
    Slice,
)  # fmt: skip
from inventory.columns import CORRELATION_ID, EVENT_ID, LOCATION, SKU, SOURCE, Kind
from inventory.demand import forget_lines, pass_instants, recount_demand
from inventory.incidents import Watch, as_incident
from inventory.masters import MasterError, Masters
from inventory.murmur import shard_of
from inventory.network import AliasConflict, NetworkError
from inventory.numbers import compute
from inventory.parking import Parked, Parking
from inventory.policies import RuleError, UncomputedLayer
from inventory.positions import forget_deltas, mark_moved
from inventory.reasons import REASONS
from inventory.state import Memory
from inventory.ties import content_of_line, content_of_record, text_of

GENERATION_SHIFT = 44
_SHOWN_AT_ONCE = 2048
"""Skus computed in one step: some 20 ms of publishing."""

_FOLDS = {
    Kind.MOVEMENT: folding.fold_movements,
    Kind.COUNT: folding.fold_counts,
    Kind.CORRECTION: folding.fold_corrections,
    Kind.POS_LINE: folding.fold_pos_lines,
}
_PARK = {PARK_SKU: ("sku", SKU), PARK_LOCATION: ("location", LOCATION), PARK_CHANNEL: ("channel", 5)}
_LINE_FIELD = 10


class LaneConfig(NamedTuple):
    """Horizons and bounds; all times in ms."""

    clock_tolerance_ms: int = 300_000
    count_horizon_ms: int = 86_400_000
    dedupe_horizon_ms: int = 259_200_000
    reservation_memory_ms: int = 604_800_000
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
        self.nonce = nonce
        self.memory = Memory(config.dedupe_horizon_ms)
        self.masters = Masters(number, lanes, self.memory)
        self.parking = Parking(config.parking_bound, config.parking_horizon_ms)
        self.watch = Watch(config.exception_delay_ms)
        self.now = 0
        self.log_clock = 0
        self.next_offsets = {"network": 0, "policies": 0}
        self.live = False
        self.held: list[Slice] = []
        self._greeted = False
        self._markers: set[int] = set()
        self.unanswered: list[Control] = []
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
            self._fold_master(master, batch.masters_ready or self.live, out)
        for control in batch.controls:
            self._hear(control, out)
        self._derive(out)
        if batch.masters_ready:
            self._greet(out)
        self._pass_time(out)  # the clock moves before each fold
        slices = batch.slices
        if self.live and self.held:
            slices, self.held = self.held + slices, []
        for part in slices:
            if self.live:
                self._fold(part, out)
            else:
                self.held.append(part)
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

    def _fold_master(self, master: Master, tell: bool, out: Outputs) -> None:
        value = master.value
        try:
            if master.record in ("Location", "Channel"):
                sort = master.record.lower()
                place = master.key.removeprefix(f"{sort}:")
                conflicts = self.masters.put_place(sort, place, value)
                out.incidents += [self._alias_conflict(c, place) for c in conflicts]
                out.network_changed = True
                self._release(sort, place, value, out)
            elif master.record == "Policy":
                self.masters.put_policy(master.key, value, self.now)
            else:
                self._fold_item(master, value, tell, out)
        except (NetworkError, RuleError, UncomputedLayer, MasterError) as error:
            # Every lane reads the topics of one partition: one of them tells.
            if self.number == 0 or master.record == "CatalogItem":
                out.dead_letters.append(DeadLetter("invalid_event", str(error), master.message))

    def _fold_item(self, master: Master, value: Mapping[str, Any] | None, tell: bool, out: Outputs) -> None:
        sku = master.key if value is None else str(value["sku"])
        home = shard_of(sku) % self.lanes
        if home != self.number and value is None:  # without a value there is no row to send
            out.controls.append((home, Control(ControlKind.RETIRED, {"sku": sku})))
            return
        if home != self.number:
            out.released.append((home, master.message))
            return
        row = self.masters.retire_item(sku) if value is None else self.masters.put_item(value)
        if row < 0:
            return  # the tombstone of a sku that was never known
        table = self.memory.stores["skus"].table
        column = f"offset_{master.carrier}"
        table.rows[column][row] = max(int(table.rows[column][row]), master.carrier_offset + 1)
        mark_moved(self.memory.state(), row)
        out.folded["CatalogItem"] = out.folded.get("CatalogItem", 0) + 1
        if value is not None:
            self._release("sku", sku, None, out)
            self._bind_aliases(sku, value.get("aliases") or [], tell, out)

    def _bind_aliases(self, sku: str, claims: list[Mapping[str, Any]], tell: bool, out: Outputs) -> None:
        aliases = []
        for claim in claims:
            source, identifier = str(claim["source"]), str(claim["identifier"])
            if not self.masters.put_alias(source, identifier, sku):
                known = self.masters.documents.get(f"alias:{source}\x00{identifier}", "")
                conflict = AliasConflict(source, identifier, sku, str(known))
                out.incidents.append(self._alias_conflict(conflict, None))
                continue
            aliases.append([source, identifier, sku])
            self._release("sku", identifier, None, out)
        if tell and aliases:
            others = (lane for lane in range(self.lanes) if lane != self.number)
            out.controls += [(lane, Control(ControlKind.ALIASES, {"aliases": aliases})) for lane in others]

    def _release(self, what: str, identifier: str, record: object, out: Outputs) -> None:
        """Send what waited for an identifier through `routed` again, to be judged anew."""
        identifiers = [identifier]
        if isinstance(record, dict) and what != "sku":
            place = self.masters.documents.get(f"{what}:{identifier}") or {}
            identifiers += [a["identifier"] for a in _definition(place).get("aliases", [])]
        for each in identifiers:
            out.released += [(self.number, message) for message in self.parking.release(what, each)]

    def _greet(self, out: Outputs) -> None:
        if not self._greeted and not self.live:
            hello = Control(ControlKind.HELLO, {"lane": self.number, "nonce": self.nonce})
            out.controls += [(lane, hello) for lane in range(self.lanes)]
        self._greeted = True
        for hello in self.unanswered:
            asker = int(hello.payload["lane"])
            own = [list(alias) for alias in self.masters.own_aliases()]
            for first in range(0, len(own), 5000):
                words = Control(ControlKind.ALIASES, {"aliases": own[first : first + 5000]})
                out.controls.append((asker, words))
            marker = {"lane": self.number, "nonce": hello.payload["nonce"]}
            out.controls.append((asker, Control(ControlKind.MARKER, marker)))
        self.unanswered = []

    def _hear(self, control: Control, out: Outputs) -> None:
        if control.kind is ControlKind.HELLO:
            self.unanswered.append(control)
        elif control.kind is ControlKind.MARKER:
            if control.payload["nonce"] == self.nonce:
                self._markers.add(int(control.payload["lane"]))
                self.live = self.live or len(self._markers) == self.lanes
        else:
            for source, identifier, sku in control.payload["aliases"]:
                if self.masters.put_alias(source, identifier, sku):
                    self._release("sku", identifier, None, out)
                else:
                    known = str(self.masters.documents.get(f"alias:{source}\x00{identifier}", ""))
                    out.incidents.append(
                        self._alias_conflict(AliasConflict(source, identifier, sku, known), None)
                    )

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
            self._fold_reservations(part, verdict, now, found)
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
        for name, rows, forget in (("lines", n, self._forget_lines), ("deltas", 3 * n, self._forget_deltas)):
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
        if forget_lines(self.memory.state(), before):
            self.memory.stores["lines"].reindex()

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
                self._set_aside(part, verdict, out)
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

    def _set_aside(self, part: Slice, verdict: Admitted, out: Outputs) -> None:
        """Everything that is not folded: forwarded, parked, refused or dead."""
        forwarded = np.flatnonzero(verdict.outcome == FORWARD)
        if forwarded.size:
            out.forwards.append(Forward(part, forwarded, verdict.detail[forwarded]))
        for i in np.flatnonzero((verdict.outcome != OK) & (verdict.outcome != FORWARD)).tolist():
            outcome = int(verdict.outcome[i])
            line = _pos_line(part, i)
            if outcome in _PARK:
                what, field = _PARK[outcome]
                identifier = (text_of(part.columns, field, i) or b"").decode(errors="replace")
                parked = Parked(what, identifier, self.log_clock, line, _message(part, i))
                dead = self.parking.put(parked)
                out.dead_letters += [dead] if dead else []
            elif outcome == TOO_LATE:
                out.incidents.append(self._noted("count_too_late", part, verdict, i))
            else:
                code = "invalid_event" if outcome == NOT_COMPUTED else DEAD_LETTER_CODES[outcome - DEAD]
                reason = REASONS["not_computed" if outcome == NOT_COMPUTED else code]
                out.dead_letters.append(DeadLetter(code, reason, _message(part, i), line))

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
        memory, masters = self.memory, self.masters
        out.views = compute(
            memory.state(), memory.stores["skus"].table.rows, memory.sku_names.d.buf, skus,
            masters.terms(self.now), masters.reach(), self.version_base(), self.now,
        )  # fmt: skip
        for key, opened_at in self.watch.observe(out.views, skus, self.now):
            out.incidents.append(self._as_incident(key, opened_at, self.now))

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

    def _alias_conflict(self, conflict: AliasConflict, location: str | None) -> Incident:
        return Incident(
            "alias_conflict", conflict.claimant if location is None else None, location,
            f"{conflict.source}:{conflict.identifier}", self.now, source=conflict.source,
            detail={"identifier": conflict.identifier, "owner": conflict.owner, "claimant": conflict.claimant},
        )  # fmt: skip

    def _noted(self, code: str, part: Slice, verdict: Admitted, i: int) -> Incident:
        c = part.columns
        texts = {f: text_of(c, f, i) for f in (EVENT_ID, SOURCE, CORRELATION_ID, LOCATION)}
        readable = {f: None if t is None else t.decode(errors="replace") for f, t in texts.items()}
        event = readable[EVENT_ID] or ""
        line = _pos_line(part, i)
        return Incident(
            code, self.sku(int(verdict.sku[i])), readable[LOCATION], event if line is None else f"{event}/{line}",
            self.now, source=readable[SOURCE], correlation_id=readable[CORRELATION_ID], events=(event,),
        )  # fmt: skip


def _definition(place: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = json.loads(str(place.get("definition") or "{}"))
    return found


def _pos_line(part: Slice, i: int) -> str | None:
    if part.kind is not Kind.POS_LINE:
        return None
    return (text_of(part.columns, _LINE_FIELD, i) or b"").decode(errors="replace")


def _message(part: Slice, i: int) -> Message:
    records, origin = part.records, part.origin
    key = text_of(part.columns, LOCATION if part.kind is Kind.POS_LINE else SKU, i)
    value = records.buf[int(records.start[i]) : int(records.end[i])].tobytes()
    return Message(
        int(origin.topic[i]), int(origin.partition[i]), int(origin.offset[i]), int(origin.log_time[i]),
        int(origin.flags[i]), value, key,
    )  # fmt: skip
