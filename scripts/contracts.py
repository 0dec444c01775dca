"""A kind of contract for import-linter: what a package may import, as a list; the contracts stand in pyproject.toml.

import-linter's own kinds say what is forbidden. Of the core it has to be said what is allowed: a library that nobody
thought of is forbidden as well.
"""

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyContract(Contract):
    """`modules` import nothing but what `may_import` lists; `libraries` allows everything outside this repository.

    The standard library counts as a library. A name in `may_import` stands for all that is in it, too.
    """

    type_name = "only"
    modules = fields.ListField(subfield=fields.StringField())
    may_import = fields.ListField(subfield=fields.StringField())
    libraries = fields.BooleanField(required=False, default=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        importers = [name for name in sorted(graph.modules) if self._is_internal(name) and _is_in(name, self.modules)]
        if not importers:
            raise ValueError(f"there is none of {', '.join(self.modules)}")
        wrong = [
            (importer, imported, graph.get_import_details(importer=importer, imported=imported))
            for importer in importers
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if not self._may(imported)
        ]
        return ContractCheck(kept=not wrong, metadata={"wrong": wrong})

    def _may(self, imported: str) -> bool:
        return _is_in(imported, self.may_import) or (self.libraries and not self._is_internal(imported))

    def _is_internal(self, name: str) -> bool:
        return _is_in(name, self.session_options["root_packages"])

    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, imported, details in check.metadata["wrong"]:
            lines = ", ".join(f"l.{detail['line_number']}" for detail in details)
            output.print_error(f"- {importer} -> {imported} ({lines})", bold=False)
        output.new_line()


def _is_in(name: str, packages: list[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)
