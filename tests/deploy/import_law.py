"""The import law as a contract of import-linter: a package, and all that it may import.

`package` may import the standard library, itself, and what `allowed` names; "*" stands for every package
that is not ours. Looking at direct imports is enough: each imported package has a line of its own.
"""

import sys

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class MayImport(Contract):
    """Contract type `may_import`. `except_modules` of the package have a contract of their own."""

    type_name = "may_import"

    package: str = fields.StringField()  # type: ignore[assignment]  # it puts the value in the field's place
    allowed: list[str] = fields.ListField(subfield=fields.StringField())  # type: ignore[assignment]
    except_modules: list[str] = fields.ListField(  # type: ignore[assignment]
        subfield=fields.StringField(), required=False, default=[]
    )

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Find every import of the package that the law does not allow."""
        ours = {name.split(".")[0] for name in graph.modules if not graph.is_module_squashed(name)}
        modules = [name for name in graph.modules if _within(name, self.package)]
        broken = [
            (importer, imported)
            for importer in sorted(modules)
            if importer not in self.except_modules
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if not self._may(imported, ours)
        ]
        lines = {(a, b): graph.get_import_details(importer=a, imported=b) for a, b in broken}
        return ContractCheck(kept=not broken and bool(modules), metadata={"broken": lines})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """One line an import that must go."""
        broken = check.metadata["broken"]
        if not broken:
            output.print_error(f"There is no package {self.package}.")
        for (importer, imported), details in broken.items():
            where = ", ".join(f"line {detail['line_number']}" for detail in details)
            output.print_error(f"{importer} imports {imported} ({where}), which {self.package} may not.")

    def _may(self, imported: str, ours: set[str]) -> bool:
        top = imported.split(".")[0]
        if top in sys.stdlib_module_names or _within(imported, self.package):
            return True
        if top not in ours and "*" in self.allowed:
            return True
        return any(_within(imported, name) for name in self.allowed)


def _within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")
