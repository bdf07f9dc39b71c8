"""The model: records in, numbers out."""

from collections.abc import Mapping
from typing import Any

from inventory.reference.bundles import bundle_numbers
from inventory.reference.causes import Cause, causes
from inventory.reference.deficit import deficit, oversold
from inventory.reference.demand import NO_DEMAND, open_quantity
from inventory.reference.drift import Drift, Suspicion, alarms, suspicions
from inventory.reference.effects import Effect, Sum, effects, sum_of
from inventory.reference.errors import UnknownIdentifier
from inventory.reference.explanation import Explanation, of_bundle, of_sku
from inventory.reference.facts import LineFacts, LineId, SkuFacts
from inventory.reference.fences import resolved
from inventory.reference.guards import Config
from inventory.reference.incidents import Incident, standing
from inventory.reference.instants import instants
from inventory.reference.intake import Intake, Noted
from inventory.reference.numbering import SkuNumbers, node_of, sku_numbers
from inventory.reference.numbers import ChannelNumbers, NodeNumbers
from inventory.reference.pool import node_numbers
from inventory.reference.positions import Counters
from inventory.reference.projected import projected
from inventory.reference.reservations import Decision, Request, answer
from inventory.reference.shelves import to_show

DEFAULTS = Config()
NO_FACTS = SkuFacts()


class ReferenceModel:
    """What is available after a set of facts, under the master data as it was last told.

    Numbers are computed from all facts of a sku when they are asked for, and kept until it has another.
    """

    def __init__(self, config: Config = DEFAULTS) -> None:
        self._intake = Intake(config)
        self._master = self._intake.master
        self._numbers: dict[str, tuple[tuple[int, ...], SkuNumbers]] = {}

    def fold(
        self,
        record_name: str,
        value: Mapping[str, Any] | None,
        *,
        log_time: int,
        key: str = "",
        accept_beyond_horizon: bool = False,
    ) -> str | None:
        """Fold one record: fields by their Avro names, times in milliseconds, missing ones as their default.

        `log_time` (ms) is the record's own. `key` is that of the message; it tells what a tombstone
        (`value` None) ends. `accept_beyond_horizon` switches off the guard of that name alone.
        Returns the code of the dead letter that the whole record became, or None: it was folded, is a
        duplicate, waits for an identifier, or is an exception (see `exceptions`). Refused lines of a POS
        transaction are found in `dead_letters` alone.
        Raises NotModelled for what the model does not compute.
        """
        return self._intake.fold(record_name, value, log_time, key, accept_beyond_horizon)

    def decide(self, now: int) -> list[Decision]:
        """Decide all checked reservations that were folded since, at `now` (ms), in the order they came.

        To be called when a batch of records has been folded: facts go before requests of the same batch. Each
        decision changes what is left for the next. To one that was published before, by whoever, feed the
        record of it (`ReservationDecision`) before the request: the first one stands.
        """
        requests, self._intake.requests = self._intake.requests, []
        return [self._answer(request, now) for request in requests]

    def _answer(self, request: Request, now: int) -> Decision:
        facts, decisions = self._facts_of(request.sku), self._intake.decisions
        made, number = decisions.made(request), request.version.version
        if number in made:
            return made[number]
        line = facts.lines.get(request.line_id, LineFacts())
        numbers = self._numbers_of(request.sku, now)
        is_bundle = bool(self._master.components(request.sku))
        decision = answer(request, decisions, line, numbers, self._master.network, now, is_bundle=is_bundle)
        if decision.reason != "conflict":
            made[number] = decision
        if decision.outcome != "REFUSED":
            granted = request.version._replace(granted=decision.quantity)
            self._intake.grant(request, granted)
        return decision

    def decisions(self, sku: str) -> list[Decision]:
        """What was decided of checked lines of a sku, refusals too."""
        return self._intake.decisions.of(sku)

    def node(self, sku: str, location: str, now: int) -> NodeNumbers:
        """One position at `now` (ms), also where nothing ever happened. UnknownIdentifier if not known."""
        numbers, master = self._numbers_of(sku, now), self._master
        if location in numbers.nodes:
            return numbers.nodes[location]
        if location not in master.network.locations:
            raise UnknownIdentifier(location)
        if master.components(sku):  # it is nowhere: its components are
            return node_numbers(location, Counters(), 0, 0, None)
        return node_of(
            location, NO_FACTS, NO_DEMAND, master.network, master.rules, numbers.rules, withholds=False
        )

    def channel(self, sku: str, channel: str, now: int) -> ChannelNumbers:
        """What a channel is told at `now` (ms). UnknownIdentifier if sku or channel is not known."""
        channels = self._numbers_of(sku, now).channels
        if channel not in channels:
            raise UnknownIdentifier(channel)
        return channels[channel]

    def available_at(self, sku: str, channel: str, location: str, now: int) -> int:
        """`available` of the locations route, for one of the channel's locations."""
        numbers = self._numbers_of(sku, now)
        return min(to_show(location, channel, numbers.shelf), numbers.channels[channel].available)

    def explain(self, sku: str, channel: str, now: int) -> Explanation:
        """Every term of what a channel is told at `now` (ms). UnknownIdentifier if sku or channel is not known."""
        numbers, master = self._numbers_of(sku, now), self._master
        if channel not in numbers.channels:
            raise UnknownIdentifier(channel)
        if master.components(sku):
            return of_bundle(sku, channel, numbers, self._sound_parts(sku, now), master)
        return of_sku(sku, channel, self._facts_of(sku), numbers, master, now)

    def projected(self, sku: str, channel: str, now: int, days: int) -> list[int]:
        """What is available by the end of each of `days` days (UTC), of which today is the first; signed.

        Of an inactive sku, or a bundle that cannot be sold, 0. UnknownIdentifier if sku or channel is not known.
        """
        numbers, master = self._numbers_of(sku, now), self._master
        if channel not in numbers.channels:
            raise UnknownIdentifier(channel)
        if not master.is_sellable(sku):
            return [0] * days
        if parts := master.components(sku):
            entries = {part: self.projected(part, channel, now, days) for part in parts}
            return [min(entries[part][day] // each for part, each in parts.items()) for day in range(days)]
        return projected(self._facts_of(sku), numbers.nodes, master.network, channel, now, days)

    def rebalanced(self, sku: str, now: int) -> dict[str, int]:
        """What each percentage fence of a sku comes to in units at `now` (ms), by its id: what to allocate.

        A bundle has no fences.
        """
        numbers, units = self._numbers_of(sku, now), dict[str, int]()
        if self._master.components(sku):
            return units
        for channel, told in numbers.channels.items():
            rule = numbers.rules.of_channel(channel)["ring_fence"]
            if rule is not None and rule.percent is not None:
                units[rule.id] = resolved(rule, told.pool)
        return units

    def instants(self, sku: str) -> list[int]:
        """When the numbers of a sku may move while no record comes (ms), sorted; they only become more."""
        ever = self._master.rules.ever
        return sorted(
            instant for each in self._made_of(sku) for instant in instants(self._facts_of(each), ever)
        )

    def version(self, sku: str, now: int) -> int:
        """Grows with every fact of the sku, every record of master data or of a batch, and every instant passed at
        `now` (ms).

        It is this model's own: one that reads partitions counts records. Of a bundle it adds its components'.
        """
        facts = sum(self._facts_of(each).revision for each in self._made_of(sku))
        passed = sum(instant <= now for instant in self.instants(sku))
        return self._master.revision + self._intake.counting.snapshots.revision + facts + passed

    def additive_facts(self, sku: str) -> int:
        """How many facts that are told apart by their ids were folded for a sku. UnknownIdentifier if it is unknown."""
        return len(self._facts_of(sku).additive)

    def skus(self) -> list[str]:
        """All skus that the catalog ever named."""
        return sorted(self._master.items)

    def channels(self) -> list[str]:
        """All channels that are not deleted."""
        return list(self._master.network.live_channels())

    def locations(self) -> list[str]:
        """All locations that are not deleted."""
        locations = self._master.network.locations.values()
        return sorted(location.id for location in locations if not location.deleted)

    def locations_of(self, sku: str) -> list[str]:
        """The locations, not deleted, where a fact of the sku was folded or a line of it belongs."""
        facts = self._facts_of(sku)
        lasts = (line.last() for line in facts.lines.values())
        lines = {last.location for last in lasts if last is not None and last.location is not None}
        return sorted(
            place
            for place in {*facts.positions, *facts.completions(), *lines}
            if not self._master.network.is_deleted(place)
        )

    def open_lines(self, sku: str, now: int) -> dict[LineId, int]:
        """Open units of each reservation line that has some at `now` (ms)."""
        quantities = {
            line_id: open_quantity(line, now) for line_id, line in self._facts_of(sku).lines.items()
        }
        return {line_id: units for line_id, units in quantities.items() if units}

    def incidents(self, sku: str, now: int) -> set[Incident]:
        """The exceptions that the facts of a sku show at `now` (ms); of a bundle, its catalog record."""
        if parts := self._master.components(sku):
            return {Incident("nested_bundle", part) for part in parts if self._master.components(part)}
        facts = self._facts_of(sku)
        return {
            *standing(facts, self._numbers_of(sku, now), self._master.network, now),
            *self._intake.counting.snapshots.missing(sku, facts),
            *self._intake.counting.recounts(sku),
        }

    def deficit(self, sku: str, now: int) -> int:
        """The units promised of a sku at `now` (ms) that cannot be sent, from whatever place they are sent."""
        return deficit(self._numbers_of(sku, now).promised)

    def oversold(self, sku: str, now: int) -> dict[str, int]:
        """By channel that is oversold at `now` (ms): the units that it promised too much without a place."""
        return oversold(self._numbers_of(sku, now).promised)

    def oversell_causes(self, sku: str, now: int) -> dict[str, list[Cause]]:
        """By location or channel that is oversold at `now` (ms): the facts that did it, in the order of the log.

        As for the exceptions themselves: what a channel promised too much without a place, shortage at a
        location. A bundle is never oversold: its components are.
        """
        intake = self._intake

        def short(facts: SkuFacts) -> dict[str, int]:
            numbers = self._numbers_with(facts, sku, now)
            shortages = {place: node.shortage for place, node in numbers.nodes.items()}
            return oversold(numbers.promised) | shortages

        self._facts_of(sku)
        tolerance, counting = intake.config.clock_tolerance_ms, intake.counting
        return causes(counting.journal[sku], sku, counting.snapshots, short, tolerance)

    def effects(self, sku: str, now: int) -> list[Effect]:
        """Of each fact of a sku, in the order of the log, whether it moved anything when it came.

        A fact that a count has absorbed, and that uses up no line, fence or expected supply, moved nothing.
        """

        def summed(facts: SkuFacts) -> Sum:
            told = self._numbers_with(facts, sku, now).fences
            fences = {fence.id: fence.consumed for fence in told if fence.target}
            return sum_of(facts, fences, now)

        self._facts_of(sku)
        counting = self._intake.counting
        return effects(counting.journal[sku], sku, counting.snapshots, summed)

    def _numbers_with(self, facts: SkuFacts, sku: str, now: int) -> SkuNumbers:
        """A sku's numbers if these were its facts."""
        master = self._master
        allocated = master.allocations.get(sku, {})
        together = master.together_with(sku)
        return sku_numbers(
            facts,
            master.items[sku],
            master.network,
            master.rules,
            allocated,
            together,
            now,
            withholds=self._intake.config.withholds,
        )

    def snapshot_incidents(self, now: int) -> set[Incident]:
        """The exceptions of whole batches at `now` (ms). The subject is SOURCE/BATCH_ID."""
        return set(self._intake.counting.snapshots.incidents(now))

    def drifts(self, sku: str) -> list[Drift]:
        """What the counts of a sku differed by from what was expected when they came, in that order."""
        return list(self._intake.counting.drifts.get(sku, ()))

    def suspicions(self, sku: str) -> list[Suspicion]:
        """The sources that seem to declare a wrong basis, with the evidence."""
        return list(suspicions(self.drifts(sku), self._intake.config))

    def alarms(self, sku: str) -> set[Incident]:
        """The exceptions of a sku that depend on the order in which its counts came.

        The subject of a `basis_suspect` is LOCATION/SOURCE.
        """
        return set(alarms(self.drifts(sku), self._intake.config))

    @property
    def dead_letters(self) -> list[Noted]:
        """What was refused, in the order it came: nothing of it was applied."""
        return self._intake.dead_letters

    @property
    def exceptions(self) -> list[Noted]:
        """What was noted while folding, each once, in the order it was found."""
        return list(self._intake.exceptions)

    @property
    def waiting(self) -> int:
        """Records (of POS transactions: lines) that wait for an identifier."""
        return sum(map(len, self._intake.waiting.values()))

    def _facts_of(self, sku: str) -> SkuFacts:
        if sku not in self._master.items:
            raise UnknownIdentifier(sku)
        return self._intake.facts[sku]

    def _sound_parts(self, sku: str, now: int) -> dict[str, SkuNumbers]:
        """The numbers of the components of a bundle that are known and no bundles."""
        master = self._master
        return {part: self._numbers_of(part, now) for part in master.components(sku) if master.is_sound(part)}

    def _made_of(self, sku: str) -> list[str]:
        """The skus whose facts its numbers come from: its own, and those of the components of a bundle."""
        return [sku, *(part for part in self._master.components(sku) if self._master.is_sound(part))]

    def _numbers_of(self, sku: str, now: int) -> SkuNumbers:
        facts, master = self._facts_of(sku), self._master
        parts = master.components(sku)
        revision = sum(self._facts_of(each).revision for each in self._made_of(sku))
        state = (now, revision, master.revision, self._intake.counting.snapshots.revision)
        known = self._numbers.get(sku)
        if known is not None and known[0] == state:
            return known[1]
        if parts:
            sound = self._sound_parts(sku, now)
            sellable = master.is_sellable(sku)
            numbers = bundle_numbers(
                master.items[sku], parts, sound, sellable, master.network, master.rules, now
            )
        else:
            numbers = self._numbers_with(facts, sku, now)
        self._numbers[sku] = (state, numbers)
        return numbers
