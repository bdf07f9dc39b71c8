"""The matrix for people and for programs: Markdown, HTML, JSON.

What came of a run is an entry here: what `reports/chaos.json` keeps of it, and a process that makes runs for another
tells.
"""

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from loadtest.chaos.fault import Fault
from loadtest.chaos.run import Options, Result
from loadtest.peak.html import html_table
from loadtest.reporting import markdown_table

JSON = Path("reports/chaos.json")
_HEAD = ("fault", "what happens", "runs", "wrong numbers", "backward views", "lost", "else",
         "fresh again, s (median, worst)", "memory, MB")  # fmt: skip
_SHOWN = 20


Entry = Mapping[str, Any]
"""A run, as it stands in `reports/chaos.json`."""


def entry_of(result: Result) -> dict[str, Any]:
    """What is told of a run."""
    judged, account, differences = result.judged, result.judged.account, result.differences()
    return {
        "fault": result.fault, "seed": result.seed, "right": result.right, "moment_s": round(result.moment_s, 3),
        "struck_s": round(result.struck_s, 3), "fresh_s": result.fresh_s,
        "wrong_numbers": len(judged.wrong), "backward_views": len(judged.back), "lost": account.lost,
        "compared": judged.compared, "messages": result.messages, "looks": result.looks, "changes": result.changes,
        "facts": account.facts, "parked": account.parked, "dead_letters": account.letters,
        "memory_bytes": result.memory, "seconds": round(result.seconds, 1), "logs": str(result.kept),
        "differences": differences[:_SHOWN], "differences_in_all": len(differences),
    }  # fmt: skip


def line_of(entry: Entry) -> str:
    """One line for a run."""
    fresh = "never fresh" if entry["fresh_s"] is None else f"fresh after {entry['fresh_s']:.1f} s"
    return (
        f"{entry['fault']} seed {entry['seed']}: {'right' if entry['right'] else 'WRONG'}; {entry['wrong_numbers']} "
        f"wrong, {entry['backward_views']} backward, {entry['lost']} lost; struck at {entry['moment_s']:.1f} s for "
        f"{entry['struck_s']:.1f} s, {fresh}; {entry['compared']:,} numbers of {entry['messages']:,} messages, "
        f"{entry['looks']:,} looks ({entry['seconds']:.0f} s)"
    )


def told(entry: Entry) -> list[str]:
    """What a run that failed says: how to have it again, the first differences, where its logs are."""
    lines = [f"  again: python -m loadtest chaos --fault {entry['fault']} --seed {entry['seed']}"]
    lines += [f"  {line}" for line in entry["differences"]]
    if (more := entry["differences_in_all"] - len(entry["differences"])) > 0:
        lines.append(f"  and {more:,} more")
    return [*lines, f"  logs: {entry['logs']}"]


def document(entries: Sequence[Entry], skipped: Mapping[str, str], options: Options) -> dict[str, Any]:
    """Everything, for programs."""
    by_fault: dict[str, list[Entry]] = {}
    for entry in entries:
        by_fault.setdefault(entry["fault"], []).append(entry)
    return {
        "runs": len(entries),
        "faults": len(by_fault),
        **_sums(entries),
        "skipped": dict(skipped),
        "by_fault": {
            name: {"runs": len(some), **_sums(some), **_times(some)} for name, some in by_fault.items()
        },
        "options": vars(options),
        "results": list(entries),
    }


_COLUMNS = ("wrong_numbers", "backward_views", "lost")


def _sums(entries: Sequence[Entry]) -> dict[str, int]:
    otherwise = sum(not each["right"] and not any(each[name] for name in _COLUMNS) for each in entries)
    return {name: sum(each[name] for each in entries) for name in _COLUMNS} | {"failed_otherwise": otherwise}


def _times(entries: Sequence[Entry]) -> dict[str, Any]:
    fresh = [each["fresh_s"] for each in entries if each["fresh_s"] is not None]
    memory = [most for each in entries for most in each["memory_bytes"].values()]
    return {
        "fresh_s": {"median": round(median(fresh), 2), "worst": round(max(fresh), 2)} if fresh else None,
        "memory_bytes": max(memory, default=0),
    }


def rows_of(found: Mapping[str, Any], faults: Mapping[str, Fault]) -> list[tuple[str, ...]]:
    """The table, a row a fault; what was skipped is in it, and says why."""
    rows = []
    for name, fault in faults.items():
        if name in found["skipped"]:
            rows.append((name, fault.about, "skipped", *[""] * 4, found["skipped"][name], ""))
        elif name in found["by_fault"]:
            of = found["by_fault"][name]
            fresh = (
                "never"
                if of["fresh_s"] is None
                else f"{of['fresh_s']['median']:g}, {of['fresh_s']['worst']:g}"
            )
            counts = (
                of["runs"],
                of["wrong_numbers"],
                of["backward_views"],
                of["lost"],
                of["failed_otherwise"],
            )
            rows.append((name, fault.about, *map(str, counts), fresh, f"{of['memory_bytes'] >> 20}"))
    return rows


def markdown(found: Mapping[str, Any], faults: Mapping[str, Fault]) -> str:
    """The table in Markdown."""
    return f"# The fault matrix\n\n{summary(found)}\n\n{markdown_table(_HEAD, rows_of(found, faults))}\n"


def page(found: Mapping[str, Any], faults: Mapping[str, Fault]) -> str:
    """The table as a page."""
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>The fault matrix</title>"
        "<style>body{font:15px sans-serif;margin:2em}"
        "td,th{padding:.3em .8em;text-align:left;border-bottom:1px solid #ccc}"
        f"</style><h1>The fault matrix</h1><p>{html.escape(summary(found))}</p>\n"
        f"{html_table(_HEAD, rows_of(found, faults))}</html>\n"
    )


def summary(found: Mapping[str, Any]) -> str:
    """One line."""
    return (
        f"{found['runs']} runs of {found['faults']} faults: {found['wrong_numbers']} wrong numbers, "
        f"{found['backward_views']} views that moved backwards, {found['lost']} messages lost, "
        f"{found['failed_otherwise']} runs that failed otherwise; {len(found['skipped'])} faults skipped"
    )


def kept() -> list[Entry]:
    """The runs of the last report; none where there is none."""
    return list(json.loads(JSON.read_text())["results"]) if JSON.exists() else []


def write(found: Mapping[str, Any], faults: Mapping[str, Fault]) -> None:
    """All three files."""
    JSON.parent.mkdir(exist_ok=True)
    JSON.write_text(json.dumps(found, indent=1))
    JSON.with_suffix(".md").write_text(markdown(found, faults))
    JSON.with_suffix(".html").write_text(page(found, faults))
