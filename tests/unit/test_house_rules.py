"""The rules that every file keeps, so that a review need not look for them."""

import ast
import doctest
import pkgutil
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import cognition
import schemas

ROOT = Path(__file__).parents[2]
PACKAGES = ("cognition", "human_memory", "schemas", "services", "stack")
CODE = (*PACKAGES, "bench", "examples", "tests")

FILE_LINES_MAX = 499
FUNCTION_LINES_MAX = 60
PARAMETERS_MAX = 5
# Two is the habit; a fourth is still told apart by its type, a fifth is not.
POSITIONAL_MAX = 4

MANY_PARAMETERS = {
    # The equation's own arguments: a value object for them would have no other use.
    "cognition/base_level.py:base_level",
}

# What runs at a terminal may print; services log.
PRINTERS = (
    "bench/",
    "examples/",
    "human_memory/cli",
    "schemas/generate.py",
    "services/run.py",
    "stack/__main__.py",
)

# The published client: httpx and pydantic, and nothing of ours but itself.
THIN_CLIENT = (
    "human_memory.__version__",
    "human_memory._client",
    "human_memory.async_client",
    "human_memory.client",
    "human_memory.deadline",
    "human_memory.exceptions",
    "human_memory.extras",
    "human_memory.forks",
    "human_memory.integrations",
    "human_memory.models",
    "human_memory.routes",
)
# Loaded only for an address kafka://, as an extra.
OVER_THE_BUS = "human_memory._client.kafka"
# What starts processes on this machine; the rest must not need the local stack's packages.
RUNNERS = ("human_memory.cli", "human_memory.local")
SERVICES_MAY_IMPORT = (
    "human_memory.__version__",
    "human_memory.bus",
    "human_memory.deadline",
    "human_memory.extras",
    "human_memory.models",
    "human_memory.operations",
    "human_memory.paths",
    "human_memory.routes",
    # The embedding model comes as Kafka does.
    "stack.errors",
    "stack.jars",
)
# Every service has `common`; the read side's layout is for those that write or read it.
SHARED_BY_SERVICES = ("services.common", "services.readside")
# In folders that are pure else: a program; reads of Redis, and waiting for them.
IMPURE_FILES = (
    "schemas/generate.py",
    "services/readside/live_build.py",
    "services/readside/visibility.py",
)
IMPURE_MODULES = {
    "asyncio",
    "os",
    "pathlib",
    "random",
    "secrets",
    "shutil",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
}
NUMPY_RANDOM = {"np.random", "numpy.random"}
IMPURE_CALLS = {"input", "now", "open", "random", "today", "utcnow", "uuid1", "uuid4"}

MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|root)/")
REGISTRY_HOST = re.compile(
    r"\b(?:pypi|pythonhosted|maven|npmjs|debian|golang|crates)\.(?:org|com|io)\b"
    r"|https?://[^\s/]*(?:pypi|pythonhosted|maven|npmjs|debian|golang|crates)",
    re.IGNORECASE,
)
# "What a text says" makes its reader wait for a noun: "the assertions of a text" begins with it.
PRONOUN = re.compile(r"(?:What|Who|Whom|Whose|Whether|Where|When|Why|How|Those|Which|As it)\b")
UNFINISHED = re.compile(r"\b(?:FIXME|XXX)\b|\bTODO\b(?! ?\(#\d+\))")
NOT_OURS = {"__pycache__", "dist", "results"}
TEXT_ENDINGS = {"", ".lock", ".lua", ".md", ".properties", ".py", ".sh", ".toml", ".yaml", ".yml"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def python_files() -> dict[str, ast.Module]:
    """Every file of ours by its path from the root."""
    found = sorted(path for folder in CODE for path in (ROOT / folder).rglob("*.py"))
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8")) for path in found}


def text_files(folder: Path = ROOT) -> Iterator[Path]:
    """Every text file that is part of the project, its hidden CI files included."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            hidden = path.name.startswith(".") and path.name != ".ci"
            if not hidden and path.name not in NOT_OURS and path.suffix != ".egg-info":
                yield from text_files(path)
        elif path.suffix in TEXT_ENDINGS and path.name != ".git":  # a file in a worktree
            yield path


def functions(tree: ast.AST) -> Iterator[Function]:
    """All functions and methods, inner ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def imports(tree: ast.AST) -> Iterator[str]:
    """Every name a file imports, wherever it does so: `import a.b`, `from a.b import c`: a.b.c."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, "relative imports hide who imports whom"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parameters(function: Function) -> tuple[list[str], list[str]]:
    """Names of those that may be given by position, and of those that may not."""
    arguments = function.args
    by_position = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    return (
        [name for name in by_position if name not in ("self", "cls")],
        [argument.arg for argument in arguments.kwonlyargs],
    )


def is_called_by_a_framework(path: str, function: Function) -> bool:
    """Tests take what pytest gives, commands and tools their fields, `__aexit__` its three."""
    decorators = {ast.unparse(decorator).partition("(")[0] for decorator in function.decorator_list}
    special = function.name.startswith("__") and function.name != "__init__"
    is_command = any(name.endswith((".command", ".callback", ".tool")) for name in decorators)
    return path.startswith("tests/") or special or is_command


def called_name(node: ast.Call) -> str:
    """`b` for both `b()` and `a.b()`."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def is_in(name: str, packages: tuple[str, ...]) -> bool:
    """True for a name inside one of the packages or modules."""
    return any(f"{name}.".startswith(f"{package}.") for package in packages)


def may_import(path: str, name: str) -> bool:
    """The direction of imports: they point one way only."""
    package, _, rest = path.removesuffix(".py").partition("/")
    target = name.partition(".")[0]
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    if package == "bench" and is_in(name, ("tests.fakes",)):
        return True  # a simulated year lives on what passes the contracts
    if target not in CODE or package in ("bench", "examples", "tests"):
        return package == "tests" or target != "tests"
    if package == "human_memory":
        return client_may_import(module, name)
    if package == "stack":
        leaves = ("human_memory.paths.", "human_memory.extras.")
        return target == "stack" or name.startswith(leaves)
    if package == "services":
        return service_may_import(path, rest.partition("/")[0], name)
    return target == package


def client_may_import(module: str, name: str) -> bool:
    """Imports inside `human_memory`: the thin client stands alone, the bus below the rest."""
    target = name.partition(".")[0]
    if module == "human_memory" or (is_in(module, THIN_CLIENT) and module != OVER_THE_BUS):
        return is_in(name, THIN_CLIENT)
    if target == "stack":
        return is_in(module, RUNNERS)
    if is_in(module, ("human_memory.bus",)) and target == "human_memory":
        below = ("bus", "deadline", "exceptions", "forks", "paths")
        return is_in(name, tuple(f"human_memory.{each}" for each in below))
    if is_in(name, RUNNERS):
        return is_in(module, RUNNERS)
    return target in ("human_memory", "schemas")


def service_may_import(path: str, service: str, name: str) -> bool:
    """Imports of a service: never another, also where they share a process."""
    adapters = f"services/{service}/adapters/"
    if is_in(name, (adapters[:-1].replace("/", "."),)):
        return path.startswith(adapters) or path == f"services/{service}/app.py"
    shared: tuple[str, ...] = ("services.common",)
    if service != "common":
        shared = (*SHARED_BY_SERVICES, f"services.{service}")
    return is_in(name, ("schemas", "cognition", *shared, *SERVICES_MAY_IMPORT))


def is_pure(path: str) -> bool:
    """Files that must give the same for the same, without asking anything of the world."""
    pure = ("cognition/", "schemas/", "services/projection/fold/", "services/readside/")
    pure_names = ("/domain.py", "/decisions.py", "/maintenance/events.py")
    domain = path.startswith("services/") and path.endswith(pure_names)
    return domain or (path.startswith(pure) and path not in IMPURE_FILES)


def impurities(tree: ast.AST) -> Iterator[str]:
    """What in a file touches clock, chance, files, processes or network."""
    for name in imports(tree):
        if name.partition(".")[0] in IMPURE_MODULES or name.startswith("numpy.random"):
            yield f"imports {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called_name(node) in IMPURE_CALLS:
            yield f"line {node.lineno} calls {ast.unparse(node.func)}"
        if isinstance(node, ast.Attribute) and ast.unparse(node) in NUMPY_RANDOM:
            yield f"line {node.lineno} uses {ast.unparse(node)}"


def test_files_stay_below_500_lines() -> None:
    long = {
        path: count
        for path in python_files()
        if (count := len((ROOT / path).read_text("utf-8").splitlines())) > FILE_LINES_MAX
    }

    assert not long, "split them by reason to change"


def test_functions_have_at_most_60_lines() -> None:
    long = [
        f"{path}:{function.lineno} {function.name}: {count} lines"
        for path, tree in python_files().items()
        for function in functions(tree)
        if (count := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_LINES_MAX
    ]

    assert not long


def test_functions_have_at_most_5_parameters() -> None:
    many = [
        f"{path}:{function.name}"
        for path, tree in python_files().items()
        for function in functions(tree)
        if sum(map(len, parameters(function))) > PARAMETERS_MAX
        # A constructor may take any number of collaborators, by name.
        and function.name != "__init__"
        and not is_called_by_a_framework(path, function)
        and f"{path}:{function.name}" not in MANY_PARAMETERS
    ]

    assert not many, "group what belongs together into a value"


def test_functions_have_at_most_4_parameters_by_position() -> None:
    many = [
        f"{path}:{function.name}"
        for path, tree in python_files().items()
        for function in functions(tree)
        if len(parameters(function)[0]) > POSITIONAL_MAX
        and not is_called_by_a_framework(path, function)
    ]

    assert not many, "put `*,` before the later ones"


def test_imports_point_one_way() -> None:
    wrong = [
        f"{path} imports {name}"
        for path, tree in python_files().items()
        for name in imports(tree)
        if not may_import(path, name)
    ]

    assert not wrong


@pytest.mark.parametrize(
    ("path", "name", "allowed"),
    [
        ("cognition/noise.py", "cognition.base_level.FloatArray", True),
        ("cognition/noise.py", "schemas.limits", False),
        ("schemas/codec.py", "human_memory.bus.bus.Bus", False),
        ("services/ingest/handlers.py", "services.ingest.domain.event_of", True),
        ("services/ingest/handlers.py", "services.common.envelope.Replier", True),
        ("services/ingest/handlers.py", "services.projection.fold.fold.fold", False),
        ("services/ingest/handlers.py", "human_memory.deadline.Deadline", True),
        ("services/ingest/handlers.py", "human_memory.cli.app", False),
        ("services/ingest/handlers.py", "tests.builders.store", False),
        ("services/retrieval/app.py", "services.projection.live.LiveProjection", False),
        ("services/retrieval/app.py", "services.retrieval.adapters.redis_graph.R", True),
        ("services/retrieval/handlers.py", "services.retrieval.adapters.redis_graph.R", False),
        ("services/maintenance/ports.py", "services.maintenance.adapters.redis_side.P", False),
        ("services/common/health.py", "services.readside.layout.Layout", False),
        ("services/maintenance/clock.py", "services.readside.layout.Layout", True),
        ("human_memory/client.py", "human_memory._client.calls.Call", True),
        ("human_memory/client.py", "human_memory.bus.bus.Bus", False),
        ("human_memory/_client/http.py", "schemas.limits.TIMEOUT_MS_MAX", False),
        ("human_memory/_client/kafka.py", "schemas.errors.Rejected", True),
        ("human_memory/bus/bus.py", "human_memory.operations.service.perform", False),
        ("human_memory/cli/up.py", "stack.local.LocalStack", True),
        ("human_memory/cli/up.py", "services.run", False),
        ("human_memory/bus/bus.py", "stack.local.LocalStack", False),
        ("stack/jars.py", "human_memory.paths.cache_folder", True),
        ("stack/jars.py", "human_memory.bus.bus.Bus", False),
        ("examples/ask.py", "tests.builders.store", False),
        ("bench/speed.py", "tests.builders.store", False),
        ("bench/year/searching.py", "tests.fakes.world.World", True),
    ],
)
def test_the_direction_of_an_import_decides(path: str, name: str, allowed: bool) -> None:
    assert may_import(path, name) is allowed


def test_pure_files_ask_nothing_of_the_world() -> None:
    impure = [
        f"{path} {problem}"
        for path, tree in python_files().items()
        if is_pure(path)
        for problem in impurities(tree)
    ]

    assert not impure, "pass it in as an argument"


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from random import choice",
        "from numpy.random import default_rng",
        "datetime.now(UTC)",
        "np.random.default_rng(1)",
        "numpy.random.normal(size=3)",
        "draw = np.random.normal",
        "uuid.uuid4()",
        "open('x')",
    ],
)
def test_clock_chance_and_files_are_found(source: str) -> None:
    assert list(impurities(ast.parse(source)))


def test_cognition_needs_numpy_alone_but_for_its_language() -> None:
    foreign = [
        f"{path} imports {name}"
        for path, tree in python_files().items()
        if path.startswith("cognition/") and not path.startswith("cognition/language/")
        for name in imports(tree)
        if (top := name.partition(".")[0]) not in {"cognition", "numpy"}
        and top not in sys.stdlib_module_names
    ]

    assert not foreign


def test_only_what_runs_at_a_terminal_prints() -> None:
    prints = [
        f"{path}:{node.lineno}"
        for path, tree in python_files().items()
        if not path.startswith((*PRINTERS, "tests/"))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called_name(node) == "print"
    ]

    assert not prints, "log it"


def test_nothing_is_mocked() -> None:
    mocked = [
        f"{path} imports {name}"
        for path, tree in python_files().items()
        for name in imports(tree)
        if name.startswith(("unittest.mock", "mock."))
    ]

    assert not mocked, "write a small fake that passes its port's contract, or use the real thing"


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [
        (UNFINISHED, "open an issue and write TODO(#number)"),
        (MACHINE_PATH, "it exists on one machine only"),
        (REGISTRY_HOST, "tools know their registry; a host named here defeats a mirror"),
    ],
    ids=["unfinished work", "paths of one machine", "hosts of package registries"],
)
def test_texts_are_free_of(pattern: re.Pattern[str], instead: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()[:80]}"
        for path in text_files()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if pattern.search(line)
        # This file has to name what it looks for.
        if (path, pattern) != (Path(__file__), UNFINISHED)
    ]

    assert not found, instead


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (UNFINISHED, "# TODO later"),
        (MACHINE_PATH, "open('/" + "root/x')"),
        (REGISTRY_HOST, "--index-url https://mirror." + "pypi.example/simple"),
        (REGISTRY_HOST, "fetched from pypi" + ".org"),
    ],
)
def test_a_line_against_the_rule_is_found(pattern: re.Pattern[str], line: str) -> None:
    assert pattern.search(line)


def test_docstrings_begin_with_a_noun_or_a_verb() -> None:
    pronouns = [
        f"{path}: {said[:80]}"
        for path, tree in python_files().items()
        if not path.startswith(("examples/", "tests/"))
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | Function)
        and PRONOUN.match(said := ast.get_docstring(node) or "")
    ]

    assert not pronouns, "say first which thing it is, or what it does"


def test_public_functions_of_cognition_say_what_they_take_give_and_come_from() -> None:
    silent = [
        f"{path}:{function.name} lacks {part}"
        for path, tree in python_files().items()
        if path.startswith("cognition/")
        for function in functions(tree)
        if not function.name.startswith("_")
        for part in ("Args:", "Returns:", "Source:")
        if part not in (ast.get_docstring(function) or "")
    ]

    assert not silent


@pytest.mark.parametrize(
    "module",
    [
        found.name
        for package in (cognition, schemas)
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ],
)
def test_examples_in_docstrings_are_true(module: str) -> None:
    assert doctest.testmod(import_module(module)).failed == 0
