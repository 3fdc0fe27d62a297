"""Files, lines and imports of the product, counted in its source."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("cognition", "human_memory", "schemas", "services", "stack")


@dataclass
class Package:
    """`arrows`: pairs of its modules of which the first imports the second."""

    files: int = 0
    lines: int = 0
    arrows: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True)
class Structure:
    """`between`: pairs of packages of which the first imports the second."""

    packages: dict[str, Package]
    between: set[tuple[str, str]]


def structure(root: Path = ROOT) -> Structure:
    """Counts over the product's source."""
    paths = {
        _name(path, root): path for folder in FOLDERS for path in (root / folder).rglob("*.py")
    }
    packages: dict[str, Package] = {}
    between = set()
    for name, path in sorted(paths.items()):
        text = path.read_text("utf-8")
        package = packages.setdefault(package_of(name), Package())
        package.files += 1
        package.lines += len(text.splitlines())
        for imported in {_module(each, paths) for each in _imports(ast.parse(text))} - {None, name}:
            assert imported is not None
            if package_of(imported) == package_of(name):
                package.arrows.add((name, imported))
            else:
                between.add((package_of(name), package_of(imported)))
    return Structure(packages, between)


def package_of(module: str) -> str:
    """A folder of the product; of `services` each service, and what they share, is one."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "services" and len(parts) > 1 else parts[0]


def _name(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module(name: str, modules: dict[str, Path]) -> str | None:
    """The module that a name is, or is in; None if it is none of ours."""
    return name if name in modules else next(iter({name.rpartition(".")[0]} & modules.keys()), None)
