"""What limits mean, without any cleverness: lists of what was admitted when, and every window looked at."""

from fractions import Fraction

from feeds.buckets import Bucket, Kind


def exact(number: float) -> Fraction:
    return Fraction(str(number))


class Judge:
    """One bucket. Times are ms; `free` is how many units more fit at a time."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.units, self.per = exact(bucket.units), exact(bucket.per_s) * 1000
        self.capacity = exact(bucket.capacity)
        self.events: list[tuple[int, Fraction, object]] = []
        self.begins: tuple[Fraction, Fraction] | None = (
            None  # a token bucket's level at a time, by a correction
        )
        self.closed = Fraction(-1)
        self.corrections = 0

    def take(self, now: int, units: int, ticket: object) -> None:
        self.events.append((now, Fraction(units), ticket))

    def remove(self, ticket: object) -> None:
        self.events = [event for event in self.events if event[2] is not ticket]

    def open_free(self, now: Fraction) -> Fraction:
        """Free units, if it were not closed."""
        if self.bucket.kind is Kind.TOKEN:
            rate = self.units / self.per
            fits = [self.capacity]
            for since, _, _ in self.events:
                spent = sum(units for time, units, _ in self.events if time >= since)
                fits.append(self.capacity + rate * (now - since) - spent)
            if self.begins is not None:
                since_then = self.begins[1] + rate * max(Fraction(0), now - self.begins[0])
                fits.append(since_then - sum(units for _, units, _ in self.events))
            return min(fits)
        if self.bucket.kind is Kind.FIXED:
            window = now // self.per
            used = (units for time, units, _ in self.events if time // self.per == window)
            return self.units - sum(used)
        if self.bucket.kind is Kind.SLIDING:
            return self.units - sum(units for time, units, _ in self.events if time > now - self.per)
        return Fraction(int(all(time <= now - self.per for time, _, _ in self.events)))

    def free(self, now: Fraction) -> Fraction:
        return Fraction(0) if now < self.closed else self.open_free(now)

    def most(self) -> Fraction:
        return {Kind.TOKEN: self.capacity, Kind.INTERVAL: Fraction(1)}.get(self.bucket.kind, self.units)

    def correct(self, now: int, left: int, later: Fraction | None, at: int | None) -> None:
        """So many are left, says an answer to a call of the time `at`, after which so many were admitted."""
        time = Fraction(now)
        if self.begins is not None:
            time = max(time, self.begins[0])  # while it is closed, what is said is of its end
        here = self.open_free(time)
        if self.bucket.kind is Kind.FIXED and at is not None and at // self.per != now // self.per:
            return
        self.corrections += 1
        target = min(here, Fraction(left)) if later is None else Fraction(left) - later
        target = min(self.most(), max(Fraction(0), target))
        if self.bucket.kind is Kind.TOKEN:
            self.events, self.begins = [], (time, target)
        elif self.bucket.kind is Kind.FIXED:
            window = now // self.per
            self.events = [event for event in self.events if event[0] // self.per != window]
            self.events.append((now, self.units - target, None))
        elif target < here:
            self.events.append((now, here - target, None))
        else:
            excess = target - here
            events, self.events = self.events, []
            for each, units, ticket in events:
                out = min(excess, units) if each > now - self.per else Fraction(0)
                excess -= out
                if units > out:
                    self.events.append((each, units - out, ticket))

    def close(self, now: int, wait_ms: int) -> None:
        if now + wait_ms > self.closed:
            self.closed = Fraction(now + wait_ms)
            if self.bucket.kind is Kind.TOKEN:
                self.events, self.begins = [], (self.closed, Fraction(1))

    def change(self, now: int, rate: float) -> None:
        if self.bucket.kind is Kind.TOKEN:
            level = self.open_free(Fraction(now))
            begins = Fraction(now) if self.begins is None else max(Fraction(now), self.begins[0])
            self.events, self.begins = [], (begins, level)
            self.units, self.per = exact(rate), Fraction(1000)
        else:
            self.units = Fraction(int(exact(rate) * self.per / 1000))
