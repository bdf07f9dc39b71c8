"""Reads the accounts file: every fault with its line and what to write, and the secrets from where they are."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from feeds.accounts import Account, Accounts
from feeds.connector import Connector, Identity
from feeds.connectors import connector_class
from runtime.exit import Refusal
from runtime.settings import Settings
from runtime.settings_help import closest

Place = tuple[str | int, ...]
_DEEPEST = 10


class AccountsError(Refusal):
    """The accounts file cannot be used; the message lists every fault and what to write."""


def accounts_path(settings: Settings, given: Path | None) -> Path:
    """The file that was given, else the setting's. Raises SettingsError where there is neither."""
    if given is not None:
        return given
    settings.require("feeds_accounts")
    assert settings.feeds_accounts is not None
    return settings.feeds_accounts


def read_accounts(path: Path) -> Sequence[Account]:
    """The accounts of a file. Raises AccountsError."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise AccountsError(f"accounts file {path}: {reason}; name a file that can be read") from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise AccountsError(f"{path}:{line}: this is not YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise AccountsError(f"{path}: this is not YAML: {error}") from None
    lines: dict[Place, int] = {(): 1}
    faults: list[str] = []
    if root is None:
        raise AccountsError(f"{path}: the file is empty; write accounts: and a list of them")
    plain = _plain(root, (), lines, faults)
    if faults:
        raise AccountsError("\n".join(f"{path}:{fault}" for fault in faults))
    try:
        found = Accounts.model_validate(plain).accounts
    except ValidationError as error:
        told = [_told(fault, plain, lines) for fault in error.errors(include_url=False)]
        raise AccountsError("\n".join(f"{path}:{line}" for line in told)) from None
    wrong = [
        f"{path}:{lines['accounts', at]}: {miss}" for at, each in enumerate(found) if (miss := _misses(each))
    ]
    if wrong:
        raise AccountsError("\n".join(wrong))
    return found


def read_secrets(account: Account, folder: Path) -> dict[str, str]:
    """The secrets of an account; files are looked for from `folder`. Raises AccountsError, which tells none."""
    found = {}
    for name, place in account.secrets.items():
        kind, _, where = place.partition(":")
        told = f"account {account.id}, secret {name}"
        if kind == "env":
            value = os.environ.get(where, "")
            if not value:
                raise AccountsError(f"{told}: the variable {where} is not set; export it, or name another")
        else:
            try:
                value = (folder / where).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "it is not UTF-8"
                raise AccountsError(
                    f"{told}: {folder / where}: {reason}; name a file that can be read"
                ) from None
            if not value:
                raise AccountsError(f"{told}: {folder / where} is empty; write the secret into it")
        found[name] = value
    return found


def connector_of(account: Account, secrets: Mapping[str, str]) -> Connector:
    """The connector of an account. Raises ValueError, which says what is missing."""
    return connector_class(account.connector)(Identity(account.id, account.options, secrets))


def _misses(account: Account) -> str | None:
    """What its connector misses. The secrets themselves are not read: whoever reviews a file need not have them."""
    try:
        connector_of(account, dict.fromkeys(account.secrets, "?"))
    except ValueError as error:
        return str(error)
    return None


def _plain(node: yaml.Node, place: Place, lines: dict[Place, int], faults: list[str]) -> Any:
    """The node as plain Python; keys are always text. Notes the line of each place, and keys that are there twice."""
    line = node.start_mark.line + 1
    lines.setdefault(place, line)
    if len(place) > _DEEPEST:
        faults.append(f"{line}: this is nested too deeply; write lists of flat entries")
        return None
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            if not isinstance(key, yaml.ScalarNode) or name in found:
                faults.append(
                    f"{key.start_mark.line + 1}: {name!r} stands here twice, or is no name; keep one"
                )
                continue
            lines[(*place, name)] = key.start_mark.line + 1
            found[name] = _plain(value, (*place, name), lines, faults)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(each, (*place, at), lines, faults) for at, each in enumerate(node.value)]
    constructor = yaml.constructor.SafeConstructor()
    return constructor.construct_object(node)


def _told(fault: Any, plain: Any, lines: Mapping[Place, int]) -> str:
    """Line, place, what is wrong, what to write. Values of secrets are not repeated: one may be there by mistake."""
    place: Place = tuple(each for each in fault["loc"] if (each != "[key]"))
    known = place
    while known not in lines:
        known = known[:-1]
    where = _where(place, plain)
    message = re.sub(r"^Value error, ", "", fault["msg"]).replace("Input should be", "should be")
    message = message.replace("String should", "should").split(" pattern ")[0]
    field, siblings = _field(place)
    if fault["type"] == "extra_forbidden":
        return f"{lines[known]}: {where}: there is no such key; {closest(str(place[-1]), siblings)}".replace(
            "`--help` of every command lists all settings", f"there are {', '.join(siblings)}"
        )
    if fault["type"] == "missing":
        message = "is missing"
    elif "secrets" not in place and fault["type"] != "value_error":
        message = f"{fault['input']!r}: {message}"
    extra = field.json_schema_extra if field is not None else None
    write = f"; write {extra['write']}" if isinstance(extra, dict) else ""
    return f"{lines[known]}: {where}: {message}{write}" if where else f"{lines[known]}: {message}{write}"


def _where(place: Place, plain: Any) -> str:
    """In the words of the file: which account, and the keys below it."""
    if place[:1] != ("accounts",) or len(place) < 2:
        return ".".join(map(str, place))
    at = place[1]
    entry = plain["accounts"][at]
    name = entry.get("id") if isinstance(entry, dict) else None
    told = f"account {name if isinstance(name, str) else f'number {int(at) + 1}'}"
    return f"{told}, {'.'.join(map(str, place[2:]))}" if place[2:] else told


def _field(place: Place) -> tuple[FieldInfo | None, Sequence[str]]:
    """The field that a place is in, and the names of those beside it."""
    model: type[BaseModel] = Accounts
    found: FieldInfo | None = None
    siblings: Sequence[str] = list(model.model_fields)
    for each in place:
        if isinstance(each, int):
            model = Account
        elif each in model.model_fields:
            found, siblings = model.model_fields[each], list(model.model_fields)
            inner = found.annotation
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                model = inner
        else:
            return found, list(model.model_fields)
    return found, siblings
