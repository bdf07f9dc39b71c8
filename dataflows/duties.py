"""Who looks after an exception, and how urgent it is: one table, of which a file may change rows.

The file is TOML, a table a code; what it leaves out stays:

    [oversell]
    owner = "online-trading"
    severity = "CRITICAL"
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from runtime.settings import PREFIX, SettingsError

SEVERITIES = ("CRITICAL", "WARNING", "INFO")
"""CRITICAL: a customer may be told something that is not so. WARNING: a number may be wrong. INFO: a source says
something that does not fit."""


class Duty(NamedTuple):
    """Severity, and who owns it."""

    severity: str
    owner: str


DUTIES: Mapping[str, Duty] = MappingProxyType(
    {
        "oversell": Duty("CRITICAL", "order-management"),
        "shipped_after_cancel": Duty("CRITICAL", "order-management"),
        "confirmed_after_expiry": Duty("WARNING", "order-management"),
        "over_release": Duty("WARNING", "order-management"),
        "orphan_consumption": Duty("WARNING", "order-management"),
        "negative_stock": Duty("WARNING", "inventory-control"),
        "count_too_late": Duty("WARNING", "inventory-control"),
        "drift": Duty("WARNING", "inventory-control"),
        "missing_in_snapshot": Duty("WARNING", "inventory-control"),
        "stock_at_deleted_location": Duty("WARNING", "inventory-control"),
        "over_receipt": Duty("WARNING", "inventory-control"),
        "basis_suspect": Duty("WARNING", "integration"),
        "clamped_basis": Duty("WARNING", "integration"),
        "incomplete_snapshot": Duty("WARNING", "integration"),
        "batch_mismatch": Duty("WARNING", "integration"),
        "conflicting_duplicate": Duty("WARNING", "integration"),
        "conflicting_version": Duty("WARNING", "integration"),
        "unknown_channel": Duty("INFO", "integration"),
        "alias_conflict": Duty("WARNING", "master-data"),
        "nested_bundle": Duty("WARNING", "master-data"),
        "bundle_changed": Duty("WARNING", "master-data"),
    }
)
"""The closed list of exceptions."""


def read_duties(path: Path | None) -> Mapping[str, Duty]:
    """The table with what a file changes. Raises `SettingsError`, whose text says what to write."""
    if path is None:
        return DUTIES
    name = f"{PREFIX}EXCEPTION_OWNERS={path}"
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise SettingsError(f"{name} is no file; write the path of a TOML file")
    try:
        given = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(
            f"{name}: {error.strerror or 'cannot be read'}; write the path of a TOML file"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name} is not TOML ({error}); write tables such as [oversell]") from None
    faults = [fault for code, row in given.items() for fault in _faults(code, row)]
    if faults:
        raise SettingsError("\n".join(f"{name}: {fault}" for fault in faults))
    return {code: duty._replace(**given.get(code, {})) for code, duty in DUTIES.items()}


def _faults(code: str, row: object) -> list[str]:
    if code not in DUTIES:
        return [f"{code} is no exception; write one of {', '.join(DUTIES)}"]
    if not isinstance(row, dict):
        return [f"{code} is no table; write [{code}] with severity and owner below"]
    faults = [
        f"{code}.{key} is not known; write severity or owner" for key in row.keys() - {"severity", "owner"}
    ]
    if row.get("severity", "INFO") not in SEVERITIES:
        faults.append(f"{code}.severity: write one of {', '.join(SEVERITIES)}")
    owner = row.get("owner", "nobody")
    if not isinstance(owner, str) or not owner.strip():
        faults.append(f"{code}.owner: write who looks after it")
    return faults
