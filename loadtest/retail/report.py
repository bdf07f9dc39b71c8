"""What a replay sent, for people."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from loadtest.retail.replay import Report


def replay_table(report: Report) -> RenderableType:
    """Kinds of messages with their numbers, and the rates."""
    table = Table(
        "kind of message", "sent", "kind of message", "sent", title="Replayed", title_justify="left"
    )
    rows = [(kind, f"{many:,}") for kind, many in report.kinds.most_common()]
    half = (len(rows) + 1) // 2
    for left, right in zip(rows[:half], [*rows[half:], ("", "")], strict=False):
        table.add_row(*left, *right)
    said = [
        f"{report.lines:,} real till lines ({report.left_out:,} of the year left out: quantity 0, coupons)",
        f"{report.messages:,} messages, {report.misplaced:,} of them with a misplaced key",
    ]
    if report.live_s:
        said.append(
            f"live part: {report.live_messages:,} messages in {report.live_s:.1f} s, "
            f"{report.live_messages / report.live_s:,.0f} a second, at worst {report.late_ms:,} ms late"
        )
    return Group(table, Text("\n".join(said)))
