"""`python -m feeds status`: what the running publisher says of each channel, as text; read from its metrics."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import httpx
from prometheus_client.parser import text_string_to_metric_families

from feeds.slots import Harm
from runtime.exit import ExitCode, Refusal
from runtime.settings import Settings

_PREFIX = "stocktide_feeds_"
_WITHIN_S = 15.0


class NotRunning(Refusal):
    """No publisher answers."""

    code = ExitCode.TRY_AGAIN


class Told(NamedTuple):
    """A sample."""

    labels: Mapping[str, str]
    value: float


class Said:
    """All samples of a publisher, by name without what all names begin with."""

    def __init__(self, text: str) -> None:
        self._told: dict[str, list[Told]] = defaultdict(list)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                name = sample.name.removeprefix(_PREFIX).removesuffix("_total")
                self._told[name].append(Told(sample.labels, sample.value))

    def all(self, name: str, **labels: str) -> list[Told]:
        """The samples of that name that have these labels."""
        return [told for told in self._told[name] if labels.items() <= told.labels.items()]

    def one(self, name: str, **labels: str) -> float:
        """The sum of them; 0 where there is none."""
        return sum(told.value for told in self.all(name, **labels))

    def accounts(self) -> list[Mapping[str, str]]:
        """The labels of each account."""
        return [told.labels for told in self.all("account")]

    def which(self, name: str, label: str, **labels: str) -> str:
        """The label of the one that is 1."""
        return next((told.labels[label] for told in self.all(name, **labels) if told.value), "")


class Line(NamedTuple):
    """A thing that is told of an account, and what."""

    what: str
    said: str


def ask(settings: Settings, port: int | None = None) -> Said:
    """What the publisher on this machine says. Raises NotRunning."""
    at = settings.feeds_metrics_port if port is None else port
    if not at:
        raise Refusal(
            "STOCKTIDE_FEEDS_METRICS_PORT not set: write the port that `python -m feeds run` was given, or --port"
        )
    try:
        answer = httpx.get(
            f"http://127.0.0.1:{at}/metrics", timeout=_WITHIN_S, trust_env=False
        ).raise_for_status()
    except httpx.HTTPError as error:
        raise NotRunning(
            f"no publisher answers on port {at} ({type(error).__name__}): start `python -m feeds run`, with "
            f"STOCKTIDE_FEEDS_METRICS_PORT={at}"
        ) from None
    return Said(answer.text)


def lines_of(said: Said, account: str) -> Iterator[Line]:
    """What is to be told of one account."""
    own = {"account": account}
    stage = said.which("stage", "stage", **own)
    failures = said.one("failures", **own)
    yield Line("state", stage + (f"; began again {failures:.0f} times" if failures else ""))
    if stage != "feeding":
        return
    stopped = "; STOPPED: nothing is sold, since it is too late" if said.one("stopped", **own) else ""
    yield Line("listings", f"{said.one('slots', **own):.0f}")
    oldest, late = said.one("oldest_change_seconds", **own), said.one("late_seconds", **own)
    yield Line("oldest unpublished change", f"{_time(oldest)}; the channel is {_time(late)} late{stopped}")
    yield Line(
        "waiting", _each({harm.name: said.one("waiting", **own, **{"class": harm.name}) for harm in Harm})
    )
    for harm in Harm:
        yield Line(f"published, {harm.name}", _times(said, "publish_seconds", **own, **{"class": harm.name}))
    yield Line("time to zero", _times(said, "zero_seconds", **own))
    changes, coalesced = said.one("changes", **own), said.one("coalesced", **own)
    share = f" ({coalesced / changes:.0%})" if changes else ""
    yield Line(
        "changes", f"{changes:.0f}, of which {coalesced:.0f} replaced one that was not sent yet{share}"
    )
    for told in said.all("quota_used", **own):
        bucket = told.labels["bucket"]
        plan = said.one("quota", **own, bucket=bucket)
        yield Line(f"quota, {bucket}", f"{told.value:.0f} of {plan:.0f} planned ({told.value / plan:.0%})")
    yield Line("requests", _each({told.labels["group"]: told.value for told in said.all("requests", **own)}))
    yield Line("items", _each({told.labels["fate"]: told.value for told in said.all("items", **own)}))
    troubles = {told.labels["trouble"]: told.value for told in said.all("troubles", **own)}
    yield Line("troubles", _each({word: many for word, many in troubles.items() if word != "none"}))
    yield Line("rejects", _each({told.labels["reason"]: told.value for told in said.all("rejects", **own)}))
    repaired = (
        f"{said.one('drifts', **own):.0f}; {said.one('again', **own):.0f} sent again after a late submission"
    )
    yield Line("drifts", repaired)
    operations = dict.fromkeys(told.labels["operation"] for told in said.all("breaker", **own))
    for name in operations:
        state = said.which("breaker", "state", **own, operation=name)
        opened = said.one("breaker_opened", **own, operation=name)
        yield Line(f"breaker, {name}", f"{state}; opened {opened:.0f} times")
    yield Line("open submissions", f"{said.one('submissions', **own):.0f}")
    for told in said.all("trouble_seconds", **own):
        labels = told.labels
        words = (
            f"{labels['trouble'].upper()} for {_time(told.value)}: {labels['reason'] or 'no reason given'}"
        )
        yield Line(f"trouble, {labels['asked']}", words)


def text(said: Said) -> str:
    """The page for a terminal."""
    parts = [_process(said)]
    for labels in said.accounts():
        lines = list(lines_of(said, labels["account"]))
        parts.append(f"\n{title(labels)}")
        width = max(len(line.what) for line in lines)
        parts += [f"  {line.what:<{width}}  {line.said}" for line in lines]
    return "\n".join(parts)


def title(labels: Mapping[str, str]) -> str:
    """An account in a line."""
    return f"{labels['account']}: channel {labels['channel']}, {labels['connector']}, {labels['mode']}"


def _process(said: Said) -> str:
    reading = "" if said.one("caught_up") else "; still reading what was there at the start"
    unreadable = said.one("unreadable")
    passed = f"; {unreadable:.0f} records could not be read" if unreadable else ""
    waiting = said.one("ledger_waiting")
    ledger = f"; {waiting:.0f} writes to the ledger wait for Kafka" if waiting else ""
    return f"{said.one('skus'):.0f} skus published{reading}{passed}{ledger}"


def _times(said: Said, name: str, **labels: str) -> str:
    many = said.one(f"{name}_count", **labels)
    if not many:
        return "none"
    p50, p99 = (said.one(name, **labels, quantile=quantile) for quantile in ("0.5", "0.99"))
    return f"{many:.0f}, p50 {_time(p50)}, p99 {_time(p99)}"


def _each(counts: Mapping[str, float]) -> str:
    return ", ".join(f"{word} {many:.0f}" for word, many in counts.items()) or "none"


def _time(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 36_000 else f"{seconds / 3600:.1f} h"


def rows_of(said: Said) -> Sequence[tuple[Mapping[str, str], Sequence[Line]]]:
    """All accounts with what is told of each."""
    return [(labels, list(lines_of(said, labels["account"]))) for labels in said.accounts()]
