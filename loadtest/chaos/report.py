"""The matrix for people and for programs: Markdown, HTML, JSON."""

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from loadtest.chaos.fault import Fault
from loadtest.chaos.run import Options, Result
from loadtest.peak_html import html_table
from loadtest.reporting import markdown_table

JSON = Path("reports/chaos.json")
_HEAD = ("fault", "what happens", "runs", "wrong numbers", "backward views", "lost", "else",
         "fresh again, s (median, worst)", "memory, MB")  # fmt: skip
_SHOWN = 20


def line_of(result: Result) -> str:
    """One line for a run."""
    judged = result.judged
    fresh = "never fresh" if result.fresh_s is None else f"fresh after {result.fresh_s:.1f} s"
    verdict = "right" if result.right else "WRONG"
    return (
        f"{result.fault} seed {result.seed}: {verdict}; {len(judged.wrong)} wrong, {len(judged.back)} backward, "
        f"{judged.account.lost} lost; struck at {result.moment_s:.1f} s for {result.struck_s:.1f} s, {fresh}; "
        f"{judged.compared:,} numbers of {result.messages:,} messages, {result.looks:,} looks ({result.seconds:.0f} s)"
    )


def told(result: Result) -> list[str]:
    """What a run that failed says: how to have it again, the first differences, where its logs are."""
    found = result.differences()
    lines = [f"  again: python -m loadtest chaos --fault {result.fault} --seed {result.seed}"]
    lines += [f"  {line}" for line in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"  and {len(found) - _SHOWN:,} more")
    return [*lines, f"  logs: {result.kept}"]


def document(results: Sequence[Result], skipped: Mapping[str, str], options: Options) -> dict[str, Any]:
    """Everything, for programs."""
    by_fault: dict[str, list[Result]] = {}
    for result in results:
        by_fault.setdefault(result.fault, []).append(result)
    return {
        "runs": len(results),
        "faults": len(by_fault),
        **_sums(results),
        "skipped": dict(skipped),
        "by_fault": {
            name: {"runs": len(some), **_sums(some), **_times(some)} for name, some in by_fault.items()
        },
        "options": vars(options),
        "results": [_result(result) for result in results],
    }


def _sums(results: Sequence[Result]) -> dict[str, int]:
    return {
        "wrong_numbers": sum(len(each.judged.wrong) for each in results),
        "backward_views": sum(len(each.judged.back) for each in results),
        "lost": sum(each.judged.account.lost for each in results),
        "failed_otherwise": sum(not each.right and not _named(each) for each in results),
    }


def _named(result: Result) -> bool:
    """Whether what is wrong with a run stands in one of the three columns."""
    return bool(result.judged.wrong or result.judged.back or result.judged.account.lost)


def _times(results: Sequence[Result]) -> dict[str, Any]:
    fresh = [each.fresh_s for each in results if each.fresh_s is not None]
    memory = [most for each in results for most in each.memory.values()]
    return {
        "fresh_s": {"median": round(median(fresh), 2), "worst": round(max(fresh), 2)} if fresh else None,
        "memory_bytes": max(memory, default=0),
    }


def _result(result: Result) -> dict[str, Any]:
    judged, account = result.judged, result.judged.account
    return {
        "fault": result.fault, "seed": result.seed, "right": result.right, "moment_s": round(result.moment_s, 3),
        "struck_s": round(result.struck_s, 3), "fresh_s": result.fresh_s,
        "wrong_numbers": len(judged.wrong), "backward_views": len(judged.back), "lost": account.lost,
        "compared": judged.compared, "messages": result.messages, "looks": result.looks, "changes": result.changes,
        "facts": account.facts, "parked": account.parked, "dead_letters": account.letters,
        "memory_bytes": result.memory, "seconds": round(result.seconds, 1),
        "differences": result.differences()[:_SHOWN],
    }  # fmt: skip


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


def write(found: Mapping[str, Any], faults: Mapping[str, Fault]) -> None:
    """All three files."""
    JSON.parent.mkdir(exist_ok=True)
    JSON.write_text(json.dumps(found, indent=1))
    JSON.with_suffix(".md").write_text(markdown(found, faults))
    JSON.with_suffix(".html").write_text(page(found, faults))
