"""`python -m dataflows reconcile`: a system's own stock list against the engine, for dual running beside an old system.

The lanes are read as they were at their last commit, without a lock: the engine may run or stand.
"""

import argparse
import time
from pathlib import Path

from dataflows.causes import Cause, time_of
from dataflows.comparing import Comparison, compare
from dataflows.findings import Findings, judged
from dataflows.reports import Heading, write_csv, write_html
from dataflows.stock_list import Listed, read_list
from inventory.counting import NET_OF_HARD, NET_OF_SOFT_AND_HARD
from runtime.codec import codec_of
from runtime.exit import ExitCode, Refusal
from runtime.settings import Settings
from runtime.states import look_at_lanes

NET_OF = {"HARD": NET_OF_HARD, "SOFT_AND_HARD": NET_OF_SOFT_AND_HARD}


def reconcile(settings: Settings, options: argparse.Namespace) -> int:
    """The command; its exit code."""
    at = _written_at(options.file) if options.as_of is None else options.as_of
    rows = read_list(options.file, options.columns, options.basis, at)
    comparison = compare(
        rows, (lane for lane, _ in look_at_lanes(settings)), codec_of(settings), options.source,
        net_of=NET_OF[options.net_of], partial=options.partial,
    )  # fmt: skip
    findings = judged(comparison, options.window_s * 1000)
    heading = Heading(
        options.file.name, options.source, int(time.time() * 1000),
        _notes(rows, comparison, findings, None if options.as_of is not None else at,
               options.partial),
    )  # fmt: skip
    paths = [Path(f"{options.report}.{kind}") for kind in ("csv", "html")]
    try:
        with paths[0].open("w", encoding="utf-8", newline="") as file:
            write_csv(findings, file)
        with paths[1].open("w", encoding="utf-8") as file:
            write_html(findings, heading, file)
    except OSError as error:
        raise Refusal(
            f"{error.filename}: {error.strerror}; write a --report PREFIX that you may write"
        ) from None
    for note in heading.notes:
        print(f"note: {note}")
    print(f"{comparison.places} places compared, {findings.agreeing} agree")
    for cause, (n, units) in findings.by_cause().items():
        print(f"{n} {cause}: {units} units")
    print(f"written: {', '.join(map(str, paths))}")
    return ExitCode.DIFFERENT if findings.to_act_on else ExitCode.DRAINED


def _notes(
    rows: list[Listed], comparison: Comparison, findings: Findings, written_at: int | None, partial: bool
) -> list[str]:
    notes = []
    if written_at is not None and any(row.at == written_at for row in rows):
        notes.append(
            f"the list is taken as of {time_of(written_at)}, when the file was last written; say --as-of if it "
            "was earlier"
        )
    nowhere = sum(bool(row.fault) and not (row.sku and row.location) for row in rows)
    if nowhere and not partial:
        notes.append(
            f"of {nowhere} unreadable {'row' if nowhere == 1 else 'rows'} not even the place can be read: what is "
            f"{Cause.NOT_LISTED} may be there"
        )
    newest = max((row.at for row in rows), default=0)
    if newest > comparison.until:
        notes.append(
            f"the engine had read everything up to {time_of(comparison.until)} only, and the list is of "
            f"{time_of(newest)}: what came between looks like a difference; compare again later"
        )
    if findings.basis is not None:
        notes.append(
            f"most places with open demand differ as if the numbers were {findings.basis}: compare again with "
            "the basis that is right, and look at what the system's counts declare"
        )
    return notes


def _written_at(path: Path) -> int:
    try:
        return int(path.stat().st_mtime * 1000)
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}; write the path of a list that you may read") from None
