"""The import law sees what it must see."""

import tomllib
from pathlib import Path
from typing import Any

from grimp import ImportGraph

from tests.deploy.import_law import MayImport

ROOT = Path(__file__).resolve().parents[2]


def _contract(**options: Any) -> MayImport:
    return MayImport(name="law", session_options={}, contract_options=options)


def _graph(*imports: tuple[str, str]) -> ImportGraph:
    """Packages `shop` and `till` are ours; redis and os are not."""
    graph = ImportGraph()
    for name in ("shop", "shop.stock", "shop.model", "shop.__main__", "till"):
        graph.add_module(name)
    for name in ("redis", "os"):
        graph.add_module(name, is_squashed=True)
    for importer, imported in imports:
        graph.add_import(
            importer=importer, imported=imported, line_number=7, line_contents=f"import {imported}"
        )
    return graph


def _kept(contract: MayImport, *imports: tuple[str, str]) -> bool:
    return contract.check(_graph(*imports), verbose=False).kept


def test_itself_and_the_standard_library_are_free() -> None:
    assert _kept(_contract(package="shop", allowed=[]), ("shop.stock", "shop.model"), ("shop.stock", "os"))


def test_foreign_packages_need_a_star_or_their_name() -> None:
    used = ("shop.stock", "redis")
    assert not _kept(_contract(package="shop", allowed=[]), used)
    assert _kept(_contract(package="shop", allowed=["redis"]), used)
    assert _kept(_contract(package="shop", allowed=["*"]), used)


def test_a_star_does_not_open_our_own_packages() -> None:
    used = ("shop.stock", "till")
    assert not _kept(_contract(package="shop", allowed=["*"]), used)
    assert _kept(_contract(package="shop", allowed=["till"]), used)


def test_a_subpackage_that_shares_nothing_may_not_import_its_siblings() -> None:
    assert not _kept(_contract(package="shop.model", allowed=[]), ("shop.model", "shop.stock"))


def test_an_exempt_module_is_left_to_its_own_contract() -> None:
    used = ("shop.__main__", "till")
    assert _kept(_contract(package="shop", allowed=[], except_modules=["shop.__main__"]), used)
    assert not _kept(_contract(package="shop.__main__", allowed=["shop"]), used)


def test_a_package_that_is_not_there_breaks_its_contract() -> None:
    assert not _kept(_contract(package="warehouse", allowed=[]))


def test_every_folder_with_code_is_under_the_law() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    law = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert folders == set(law["root_packages"])
    assert folders <= {contract["package"] for contract in law["contracts"]}
    assert not (ROOT / "avro" / "__init__.py").exists(), "it would shadow the package avro of the index"
