"""New virtual environments with the wheel, and of other packages only those that it asks for."""

import os
import subprocess
import sys
import venv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
# Packages of a user's project that have the names of ours.
HIDING = ("cognition", "schemas", "services", "stack")
SECONDS_MAX = 100


@dataclass(frozen=True)
class Environment:
    """A virtual environment."""

    folder: Path

    @property
    def packages(self) -> Path:
        """The folder that packages are installed into."""
        return next(self.folder.glob("lib/python*/site-packages"))

    def run(self, *command: str, beside: Path, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs in the folder `beside`, as its user would."""
        program, *arguments = command
        return subprocess.run(
            [self.folder / "bin" / program, *arguments],
            cwd=beside,
            env=_plain() | settings,
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )


def build_wheel(folder: Path) -> Path:
    """The wheel of the working tree."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=SECONDS_MAX)
    (wheel,) = folder.glob("*.whl")
    return wheel


def environment_with(wheel: Path, folder: Path, *extras: str) -> Environment:
    """A new environment with the wheel, its `extras`, and nothing else; needs no network.

    The packages that they ask for are links to those that run the tests.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    made = Environment(folder)
    with ZipFile(wheel) as file:
        file.extractall(made.packages)
    for name in needed(_wheel_requirements(made.packages), extras):
        _link(distribution(name), made.packages)
    script = folder / "bin" / "human-memory"
    script.write_text(
        f"#!{folder / 'bin' / 'python'}\nfrom human_memory.cli import main\nmain()\n", "utf-8"
    )
    script.chmod(0o755)
    return made


def project_that_hides_ours(folder: Path) -> Path:
    """A folder of a user whose packages have the names of ours."""
    for name in HIDING:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("raise RuntimeError('not to be imported')\n")
    return folder


def _wheel_requirements(packages: Path) -> list[str]:
    (found,) = (
        Distribution.at(path).requires for path in packages.glob("human_memory_server-*.dist-info")
    )
    return found or []


def needed(requirements: Iterable[str], extras: tuple[str, ...] = ()) -> set[str]:
    """Names of all distributions that are asked for, also by others."""
    found = set[str]()
    asked = list(_asked(requirements, extras))
    seen = set[tuple[str, frozenset[str]]]()
    while asked:
        name, more = asked.pop()
        if (name, more) in seen:
            continue
        seen.add((name, more))
        if name == "human-memory-server":
            asked += _asked(requirements, tuple(more))
        else:
            found.add(name)
            asked += _asked(distribution(name).requires or [], tuple(more))
    return found


def _asked(
    requirements: Iterable[str], extras: tuple[str, ...]
) -> Iterator[tuple[str, frozenset[str]]]:
    for requirement in map(Requirement, requirements):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement.name.lower(), frozenset(requirement.extras)


def _link(found: Distribution, packages: Path) -> None:
    for top in {file.parts[0] for file in found.files or [] if file.parts[0] != ".."}:
        target = packages / top
        if not target.exists():
            target.symlink_to(Path(str(found.locate_file(top))))


def _plain() -> dict[str, str]:
    ours = ("HUMAN_MEMORY_", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
