"""What the reports of all measurements share: when and on what they were made, and lines that tell the time."""

import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

REPORTS = Path(__file__).resolve().parent.parent / "reports"

Say = Callable[[str], None]


def timed(console: Console) -> Say:
    """Prints lines for people, each with the time of day."""

    def say(text: str) -> None:
        console.print(f"[dim]{time.strftime('%H:%M:%S')}[/dim] {text}", highlight=False, soft_wrap=True)

    return say


def made() -> dict[str, Any]:
    """Now, and what this runs on."""
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.platform(),
        },
    }


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: bool = False) -> str:
    """A table of texts; `numbers`: all but the first column stand to the right."""
    rule = ["---", *(["---:" if numbers else "---"] * (len(heads) - 1))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows))


def leave(document: Mapping[str, Any], json_file: Path, markdown: str, markdown_file: Path) -> None:
    """Write a report, for programs and for people."""
    REPORTS.mkdir(exist_ok=True)
    json_file.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    markdown_file.write_text(markdown, "utf-8")
