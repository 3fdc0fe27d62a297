"""`python -m bench.structure`: print the counts as a table, for docs/reference/structure.md.

With `--kafka host:port --redis redis://host:port/0` the walks go through these, else through a
Kafka and a Redis of their own. `--walks` lists what each walk enters.
"""

import argparse
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from bench.structure.arrows import ROOT, Structure, structure
from bench.structure.tracing import Tracer

SERVICES = ("gateway", "ingest", "projection", "retrieval", "maintenance")
REPEATS = 5  # what is entered each time belongs to the walk; the rest runs by the clock
TAIL_SECONDS = 0.3  # for what goes on after the answer
READY_SECONDS_MAX = 300.0
Walk = Callable[[Any, Any, str], Callable[[], object]]


def _store(http: Any, _: Any, text: str) -> Callable[[], object]:
    return lambda: http.store(f"The tea of {text} is at four.")


def _search(_: Any, bus: Any, text: str) -> Callable[[], object]:
    for number in range(5):
        bus.store(f"Tea number {number} is at four.")
    return lambda: bus.search(f"When is the tea of {text}?")


def _consolidate(_: Any, bus: Any, text: str) -> Callable[[], object]:
    namespace = f"walk/{text}"
    for number in range(6):
        said = f"Ann drinks green tea on day {number}."
        bus.store(said, session=f"s{number}", namespace=namespace)
    return lambda: bus.consolidate(namespace=namespace)


WALKS: dict[str, Walk] = {
    "a `store` over HTTP": _store,
    "a `search` over the bus": _search,
    "a consolidation": _consolidate,
}


class Traced:
    """The services in one process, and this process as their client."""

    def __init__(self, tracer: Tracer, environment: dict[str, str]) -> None:
        self._tracer = tracer
        self._answers, theirs = os.pipe()
        self.ports = {name: 18_000 + secrets.randbelow(10_000) for name in SERVICES}
        ports = [f"--port={name}={port}" for name, port in self.ports.items()]
        command = [sys.executable, "-W", "ignore", "-m", "bench.structure.serving", str(theirs)]
        self.process = subprocess.Popen(
            [*command, *SERVICES, *ports], cwd=ROOT, env=os.environ | environment,
            pass_fds=[theirs], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        os.close(theirs)
        self._lines = os.fdopen(self._answers, "rb")

    def await_ready(self) -> None:
        """Return when all say they are."""
        until = time.monotonic() + READY_SECONDS_MAX
        for port in self.ports.values():
            while not _is_ready(port):
                if self.process.poll() is not None or time.monotonic() > until:
                    raise SystemExit("the services do not start")
                time.sleep(0.25)

    def trace(self, act: Callable[[], object], text: str) -> dict[str, Any]:
        """A record of what happens in both processes while `act` is done."""
        self._tell(f"begin {text}")
        self._tracer.begin(text)
        act()
        time.sleep(TAIL_SECONDS)
        ours, theirs = self._tracer.end(), self._tell("end")
        return {name: [*ours[name], *theirs[name]] for name in ours}

    def _tell(self, command: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = orjson.loads(self._lines.readline())
        return answer


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def walked(kafka: str, redis: str) -> dict[str, dict[str, Any]]:
    """The functions entered and texts parsed and validated on each walk, after a first one."""
    tracer = Tracer()
    tracer.install()
    environment = {"HUMAN_MEMORY_KAFKA": kafka, "HUMAN_MEMORY_REDIS": redis}
    environment["HUMAN_MEMORY_TOPIC_PREFIX"] = f"s{secrets.token_hex(3)}."
    os.environ |= environment
    subprocess.run([sys.executable, "-m", "human_memory.cli", "topics", "apply"], check=True,
                   cwd=ROOT, stdout=subprocess.DEVNULL)  # fmt: skip
    from human_memory import Memory

    services = Traced(tracer, environment)
    try:
        services.await_ready()
        found = {}
        with (
            Memory(f"http://127.0.0.1:{services.ports['gateway']}") as http,
            Memory(f"kafka://{kafka}") as bus,
        ):
            for name, walk in WALKS.items():
                walk(http, bus, "warm")()
                texts = [f"x{secrets.token_hex(4)}" for _ in range(REPEATS)]
                traces = [services.trace(walk(http, bus, text), text) for text in texts]
                entered = set.intersection(*(set(each["entered"]) for each in traces))
                found[name] = min(traces, key=lambda each: len(each["parsed"])) | {
                    "entered": sorted(entered)
                }
        return found
    finally:
        services.process.kill()


def rows(counted: Structure, walks: dict[str, dict[str, Any]]) -> Iterator[tuple[str, object]]:
    """The things that are counted, and how many there are."""
    packages = counted.packages
    yield "product files", sum(each.files for each in packages.values())
    yield "product lines", sum(each.lines for each in packages.values())
    yield "arrows between packages", len(counted.between)
    for name, package in sorted(packages.items()):
        if package.files > 1:
            yield f"`{name}`: files, lines", f"{package.files}, {package.lines:,}"
            yield f"`{name}`: arrows inside", len(package.arrows)
    yield "arrows inside packages", sum(len(each.arrows) for each in packages.values())
    for name, trace in walks.items():
        yield f"{name}: files", len({each.split()[1] for each in trace["entered"]})
        yield f"{name}: functions", len(trace["entered"])
    trace = walks["a `store` over HTTP"]
    yield "a `store` over HTTP: its body parsed", len(trace["parsed"])
    yield "a `store` over HTTP: its body validated", len(trace["validated"])


@contextmanager
def _engines(kafka: str | None, redis: str | None) -> Iterator[tuple[str, str]]:
    if kafka and redis:
        yield kafka, redis
        return
    from stack.local import LocalStack

    with TemporaryDirectory() as folder:
        stack = LocalStack(Path(folder))
        try:
            stack.start()
            yield stack.kafka, stack.redis
        finally:
            stack.stop()


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.structure", description=__doc__)
    parser.add_argument("--kafka")
    parser.add_argument("--redis")
    parser.add_argument("--walks", action="store_true")
    given = parser.parse_args()
    with _engines(given.kafka, given.redis) as addresses:
        walks = walked(*addresses)
    print("| what | count |\n|---|---|")
    for name, count in rows(structure(), walks):
        print(f"| {name} | {f'{count:,}' if isinstance(count, int) else count} |")
    for name, trace in walks.items() if given.walks else ():
        print(f"\n{name}\n  parsed: {trace['parsed']}\n  validated: {trace['validated']}")
        print("\n".join(f"  {each.removeprefix('ours ')}" for each in trace["entered"]))


if __name__ == "__main__":
    main()
