"""What the documents point at is there: links, commands, files, and the import law as the code has it."""

import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
MADE = {".git", ".venv", ".local", ".cache", ".hypothesis", "reports", "__pycache__", "lib", "target"}
"""Folders that are made by tools and are no part of the repository."""
_ENDINGS = {
    ".md",
    ".py",
    ".yaml",
    ".yml",
    ".toml",
    ".avsc",
    ".lua",
    ".xml",
    ".lock",
    ".in",
    ".properties",
    ".json",
    ".java",
    "",
}

# Written so that this file does not name them itself.
STRANGERS = re.compile(
    r"(?<![\w.-])/[w]ork(?![\w-])|(?<![\w.])(\.\./)?[s]hared/(design|reference|peers)|\.[l]ibrary\b|\b[i]ssue [1-9]\b"
    r"|[p]ypi\.org|[p]ythonhosted\.|[r]epo1?\.maven\.|[r]egistry\.npmjs|[-]-(extra-)?index-url[ =]http"
)

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]\n]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_COMMAND = re.compile(r"python -m (\w+(?:\.\w+)*)([^`\n#|│]*)")
_TARGET = re.compile(r"(?:`|^ *)make ([a-z-]+)", re.MULTILINE)
_FILE = re.compile(r"`([a-z_]+/[\w./-]*\.\w+)`")


def files(folder: Path = ROOT) -> Iterator[Path]:
    """The text files of the repository."""
    for entry in sorted(folder.iterdir()):
        if entry.name in MADE or entry.name.endswith("_cache"):
            continue
        if entry.is_dir():
            yield from files(entry)
        elif entry.suffix in _ENDINGS:
            yield entry


PAGES = [file for file in files() if file.suffix == ".md"]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


class Command(NamedTuple):
    """One `python -m MODULE ...` of a page."""

    module: str
    words: tuple[str, ...]


def commands(text: str) -> set[Command]:
    return {Command(found[1], tuple(_words(found[2]))) for found in _COMMAND.finditer(text)}


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quotation mark of the sentence around it
        return text.split()


def _slug(heading: str) -> str:
    """The anchor of a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_there_are_pages() -> None:
    assert {"README.md", "architecture.md", "semantics.md"} <= {page.name for page in PAGES}


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(_FENCE.sub("", page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in {_slug(heading) for heading in _HEADING.findall(file.read_text("utf-8"))}, target


@each_page
def test_files_that_are_named_exist(page: Path) -> None:
    for name in _FILE.findall(_FENCE.sub("", page.read_text("utf-8"))):
        made, pattern = name.partition("/")[0] in MADE, re.search(r"[A-Z]{4}", name)
        assert made or pattern or (ROOT / name).exists(), name


@each_page
def test_make_targets_exist(page: Path) -> None:
    rules = (ROOT / "Makefile").read_text("utf-8")
    phony = " ".join(re.findall(r"^\.PHONY: (.*)$", rules, re.MULTILINE)).split()
    assert set(_TARGET.findall(page.read_text("utf-8"))) <= {*phony}


@each_page
def test_commands_exist(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module, words in sorted(commands(page.read_text("utf-8"))):
        assert (ROOT / module.replace(".", "/") / "__main__.py").exists(), module
        main = importlib.import_module(f"{module}.__main__").main
        # `validate|apply` and `...` stand for words of their own; a subcommand is what comes before all values.
        names = [name for word in words[:1] if word.isidentifier() or "|" in word for name in word.split("|")]
        for name in names or [""]:
            monkeypatch.setattr("sys.argv", [module, *([name] if name else []), "--help"])
            with pytest.raises(SystemExit) as ended:
                main()
            shown = capsys.readouterr()
            assert ended.value.code == 0, f"{module} {name}: {shown.err}"
            assert "STOCKTIDE_KAFKA_BOOTSTRAP" in shown.out, f"{module} {name}: every help shows the settings"
            for option in (word.partition("=")[0] for word in words if word.startswith("--")):
                assert option in shown.out, f"{module} {name} {option}"


def test_the_import_law_is_the_one_that_is_enforced() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = page.partition("## The import law")[2].partition("## ")[0]
    told = {}
    for folder, allowed in re.findall(r"^\| `([\w/.]+)` \| (.*) \|$", table, re.MULTILINE):
        name = folder.removesuffix(".py").strip("/").replace("/", ".")
        told[name] = set(re.findall(r"`(\w+)`", allowed))
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    law = {each["package"]: set(each["allowed"]) - {"*", each["package"].split(".")[0]} for each in contracts}
    assert told == law


def test_no_file_names_the_place_where_it_was_written() -> None:
    for file in files():
        text = ""
        with suppress(UnicodeDecodeError):
            text = file.read_text("utf-8")
        found = STRANGERS.search(text)
        assert found is None, f"{file.relative_to(ROOT)}: {found[0] if found else ''}"
