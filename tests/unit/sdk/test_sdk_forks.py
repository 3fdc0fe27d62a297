"""A client that was used before a fork, against a server that answers with what it was asked.

Each family is a program of its own: this process has threads, whose locks a fork would inherit.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.sdk.scripted_server import Answer, Asked, certificate, serving

ROOT = Path(__file__).parents[3]
CHILDREN = 4
CALLS = 15

BEGINNING = f"""
import asyncio, multiprocessing, os, sys, threading, time
from human_memory import AsyncMemory, HumanMemoryError, Memory
from human_memory.integrations.langgraph import HumanMemoryStore
address, CHILDREN, CALLS = sys.argv[1], {CHILDREN}, {CALLS}
"""
FORK = """
def family(calls, end):
    children = []
    for number in range(CHILDREN):
        child = os.fork()
        if not child:
            code = 1
            try:
                calls(f"child-{number}")
                end()
                code = 0
            finally:
                if number % 2:
                    os._exit(code)
                sys.exit(code)
        children.append(child)
    calls("parent")
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    calls("parent again")
"""
USES = {
    "Memory": """
memory = Memory(address)
def calls(name):
    for number in range(CALLS):
        mine = f"{name} {number}"
        assert memory.recall(mine).memory_id == mine
calls("before")
family(calls, memory.close)
memory.close()
""",
    "Memory in four threads": """
memory = Memory(address)
def calls(name):
    failures = []
    def some(thread):
        for number in range(CALLS):
            mine = f"{name} {thread} {number}"
            if memory.recall(mine).memory_id != mine:
                failures.append(mine)
    threads = [threading.Thread(target=some, args=(each,)) for each in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []
calls("before")
family(calls, memory.close)
memory.close()
""",
    "AsyncMemory": """
memory = AsyncMemory(address)
async def some(name):
    for number in range(CALLS):
        mine = f"{name} {number}"
        assert (await memory.recall(mine)).memory_id == mine
def calls(name):
    asyncio.run(some(name))
calls("before")
family(calls, lambda: None)  # closed at the end of each loop
""",
    "AsyncMemory in a pool from a running loop": """
memory = AsyncMemory(address)
async def some(name):
    for number in range(CALLS):
        mine = f"{name} {number}"
        assert (await memory.recall(mine)).memory_id == mine
def calls(name):
    asyncio.run(some(name))
async def parent():
    async with memory:
        await some("before")
        forking = multiprocessing.get_context("fork")
        children = [
            forking.Process(target=calls, args=(f"child {each}",)) for each in range(CHILDREN)
        ]
        for child in children:
            child.start()
        await some("parent")
        for child in children:
            await asyncio.to_thread(child.join)
            assert child.exitcode == 0
        await some("parent again")
asyncio.run(parent())
""",
    "a store of LangGraph": """
store = HumanMemoryStore(address)
def calls(name):
    for number in range(CALLS):
        assert store.get(("a",), f"{name} {number}") is None
    asyncio.run(asynchronously(name))
async def asynchronously(name):
    for number in range(CALLS):
        assert await store.aget(("a",), f"{name} {number}") is None
calls("before")
family(calls, store.close)
store.close()
""",
}


class Recalling:
    """Answers with the id it was asked for, and with an empty page to what lists."""

    def __call__(self, asked: Asked) -> Answer:
        """The answer to a request."""
        memory_id = asked.path.partition("?")[0].rpartition("/")[2].replace("%20", " ")
        if memory_id == "memories":
            return Answer(200, {"memories": [], "offset": 0, "limit": 1, "total": 0})
        fields = {"memory_id": memory_id, "content": "x", "activation": 1.0, "access_count": 1}
        times = dict.fromkeys(("created_at", "last_accessed"), "2026-01-01T00:00:00.000Z")
        return Answer(200, {**fields, **times, "memory_type": "episodic"})


def outcome(program: str, address: str, **environment: str) -> str:
    """All that a program prints, with every warning."""
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", BEGINNING + FORK + program, address],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    return f"{done.stdout}{done.returncode or ''}"


@pytest.mark.parametrize("use", USES)
def test_every_process_gets_its_own_answers(use: str) -> None:
    with serving(Recalling()) as server:
        printed = outcome(USES[use], server.url)

    assert printed == ""


def test_every_process_gets_its_own_answers_over_https(tmp_path: Path) -> None:
    certified = certificate(tmp_path)
    with serving(Recalling(), tls=certified) as server:
        printed = outcome(USES["Memory in four threads"], server.url, SSL_CERT_FILE=str(certified))

    assert printed == ""


def test_fork_waits_for_a_thread_that_reads_certificates() -> None:
    program = """
from human_memory.forks import unforked
inside, about, done = threading.Event(), threading.Event(), []
def reading():
    with unforked():
        inside.set()
        about.wait(30)
        done.append(True)
thread = threading.Thread(target=reading)
thread.start()
inside.wait(30)
os.register_at_fork(before=about.set)
child = os.fork()
if not child:
    with unforked():
        os._exit(0 if done else 1)
thread.join()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    with serving(Recalling()) as server:
        printed = outcome(program, server.url)

    assert printed == ""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the end of a thread can't be seen")
def test_fork_waits_until_a_thread_that_called_is_gone() -> None:
    # As OpenSSL does, this tidies up after the thread's join: for .2 s, at the end of the thread.
    program = """
import ctypes
library, key, ids = ctypes.CDLL(None), ctypes.c_uint(), []
library.pthread_key_create(ctypes.byref(key), library.usleep)
memory = Memory(address)
def call():
    memory.recall("mine")
    library.pthread_setspecific(key, ctypes.c_void_p(200_000))
    ids.append(threading.get_native_id())
thread = threading.Thread(target=call)
thread.start()
thread.join()
def is_there():
    return os.path.exists(f"/proc/self/task/{ids[0]}")
assert is_there() or sys.version_info >= (3, 13)
child = os.fork()
if not child:
    os._exit(0)
assert not is_there()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
memory.close()
"""
    with serving(Recalling()) as server:
        printed = outcome(program, server.url)

    assert printed == ""


def test_lock_that_was_held_at_the_fork_stops_no_child() -> None:
    # A thread of the parent is in the middle of making its connection when another one forks.
    program = """
memory = Memory(address)
memory._transport._opening.acquire()
held = threading.Thread(target=memory.stats)
child = os.fork()
if not child:
    threading.Thread(target=memory.recall, args=("mine",)).run()
    os._exit(0)
memory._transport._opening.release()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
memory.close()
"""
    with serving(Recalling()) as server:
        printed = outcome(program, server.url)

    assert printed == ""


def test_what_was_closed_before_the_fork_is_closed_in_the_child() -> None:
    program = """
memory = Memory(address)
memory.close()
child = os.fork()
if not child:
    try:
        memory.stats()
    except HumanMemoryError as error:
        os._exit(0 if "was closed" in str(error) else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    with serving(Recalling()) as server:
        printed = outcome(program, server.url)

    assert printed == ""


def test_child_that_goes_on_in_its_parents_loop_is_told_to_make_another() -> None:
    program = """
memory = AsyncMemory(address)
loop = asyncio.new_event_loop()
loop.run_until_complete(memory.recall("mine"))
child = os.fork()
if not child:
    try:
        loop.run_until_complete(memory.recall("mine"))
    except HumanMemoryError as error:
        os._exit(0 if "make another one here" in str(error) else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
loop.run_until_complete(memory.recall("mine"))
loop.run_until_complete(memory.close())
loop.close()
"""
    with serving(Recalling()) as server:
        printed = outcome(program, server.url)

    assert printed == ""
