"""Jars that hold what we run, Kafka above all: fetched once, checked against a lock every time."""

import hashlib
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from stack.errors import StackError
from stack.state import exclusive

KAFKA_VERSION = "4.1.0"
# What the lock is made from; it holds everything these need.
KAFKA_ARTIFACTS = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3",
)

LOCK_FILE = Path(__file__).with_name("kafka.lock")
LOCK_HEADER = (
    "# Kafka and all it needs, one artifact a line: group:artifact:version sha256.\n"
    "# Written by `python -m stack lock`.\n"
)
FETCH_THREADS = 8
FETCH_TIMEOUT_S = 30
FETCH_TRIES_MAX = 3


@dataclass(frozen=True)
class Jar:
    """One locked artifact."""

    coordinate: str
    sha256: str

    @property
    def file_name(self) -> str:
        """As Maven repositories name it."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def read_lock(path: Path = LOCK_FILE) -> list[Jar]:
    """The locked artifacts, in the order of the class path."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Jar(*line.split()) for line in lines if line and not line.startswith("#")]


def download(jar: Jar, scratch: Path) -> Path:
    """Fetches the jar into the folder and returns its path there; StackError if it can't."""
    from jgo.maven import MavenContext
    from requests import RequestException

    context = MavenContext(repo_cache=scratch, timeout=FETCH_TIMEOUT_S)
    artifact = context.create_dependency(jar.coordinate).artifact
    for tries_left in reversed(range(FETCH_TRIES_MAX)):
        try:
            return Path(artifact.resolve())
        except (RequestException, RuntimeError) as error:
            # What a broken connection left would be taken for the whole file.
            if artifact.cached_path is not None:
                artifact.cached_path.unlink(missing_ok=True)
            if not tries_left:
                raise StackError(
                    f"could not fetch {jar.coordinate}: {error}; the first start needs the "
                    "network (HTTPS_PROXY is respected), later ones do not"
                ) from error
    raise AssertionError("unreachable: the last try returns or raises")


def ensure(
    jars: list[Jar],
    cache: Path,
    *,
    report: Callable[[str], None],
    fetch: Callable[[Jar, Path], Path] = download,
) -> list[Path]:
    """Every jar's path, each with the locked content; fetches what is absent or damaged.

    Raises:
        StackError: a jar can't be fetched, or what came has another hash than the lock says.
    """
    folder = cache / "jars"
    # 100 MB are hashed in 0.1 s, so "before use" needs no cheaper stand-in.
    if _missing(jars, folder):
        with exclusive(cache / "jars.lock"):
            missing = _missing(jars, folder)
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                # Nothing is used before all have come, so a refused jar leaves no trace.
                fetched = _fetch_all(missing, Path(scratch), report, fetch)
                for jar, path in zip(missing, fetched, strict=True):
                    path.replace(folder / jar.file_name)
    return [folder / jar.file_name for jar in jars]


def resolve_lock(report: Callable[[str], None]) -> str:
    """A new lock's text: resolves KAFKA_ARTIFACTS afresh and hashes what they need."""
    from jgo.maven import MavenContext

    with tempfile.TemporaryDirectory() as scratch:
        context = MavenContext(repo_cache=Path(scratch), timeout=FETCH_TIMEOUT_S)
        # One by one: resolved together, the logging library's managed versions overrule Kafka's.
        locked: dict[str, str] = {}
        for root in KAFKA_ARTIFACTS:
            report(f"resolving {root}")
            direct, transitive = context.resolver.resolve([context.create_dependency(root)])
            for found in (dependency.artifact for dependency in [*direct, *transitive]):
                line = f"{found.groupId}:{found.artifactId}:{found.version} "
                locked.setdefault(
                    f"{found.groupId}:{found.artifactId}", line + _sha256(found.resolve())
                )
    return LOCK_HEADER + "".join(f"{locked[name]}\n" for name in sorted(locked))


def _missing(jars: list[Jar], folder: Path) -> list[Jar]:
    return [
        jar
        for jar in jars
        if not (folder / jar.file_name).exists() or _sha256(folder / jar.file_name) != jar.sha256
    ]


def _fetch_all(
    jars: list[Jar],
    scratch: Path,
    report: Callable[[str], None],
    fetch: Callable[[Jar, Path], Path],
) -> list[Path]:
    with ThreadPoolExecutor(FETCH_THREADS) as pool:
        fetches = [pool.submit(_fetch_checked, jar, scratch, fetch) for jar in jars]
        try:
            for done, fetched in enumerate(as_completed(fetches), start=1):
                fetched.result()
                report(f"{done} of {len(jars)} files fetched")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [fetched.result() for fetched in fetches]


def _fetch_checked(jar: Jar, scratch: Path, fetch: Callable[[Jar, Path], Path]) -> Path:
    path = fetch(jar, scratch)
    found = _sha256(path)
    if found != jar.sha256:
        raise StackError(
            f"{jar.coordinate}: the file that came has sha256 {found}, the lock says {jar.sha256}; "
            "it was not used. Someone on the way may have changed it: try another network"
        )
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
