"""A program that uses one client, forks, and uses it in every process; prints what each one saw.

`python client_family.py ADDRESS KIND FOLDER`, where KIND is Memory or AsyncMemory, or `loop`: an
AsyncMemory whose parent forks in the middle of its event loop.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from human_memory import AsyncMemory, Memory

CHILDREN = 4
STORES = 15


def stored_by_sync(memory: Memory, name: str) -> dict[str, list[str]]:
    """The ids that the stores returned, and those that the namespace has."""
    namespace = f"{os.environ['FAMILY']}/{name}"
    returned = [
        memory.store(f"{name} counts {number}", namespace=namespace).memory_id
        for number in range(STORES)
    ]
    listed = [row.memory_id for row in memory.list(namespace=namespace)]
    return {"returned": sorted(returned), "listed": sorted(listed)}


async def stored_by_async(memory: AsyncMemory, name: str) -> dict[str, list[str]]:
    """As `stored_by_sync`, all stores at once."""
    namespace = f"{os.environ['FAMILY']}/{name}"
    made = await asyncio.gather(
        *(memory.store(f"{name} counts {number}", namespace=namespace) for number in range(STORES))
    )
    listed = [row.memory_id for row in await memory.list(namespace=namespace)]
    return {"returned": sorted(each.memory_id for each in made), "listed": sorted(listed)}


def stored(memory: Any, name: str) -> dict[str, list[str]]:
    """As the memory's kind does it; a loop of its own for an asynchronous one."""
    if isinstance(memory, Memory):
        return stored_by_sync(memory, name)
    return asyncio.run(stored_by_async(memory, name))


def fork(memory: Any, folder: Path, *, in_loop: bool = False) -> list[int]:
    """The process ids of children that store, each into its own namespace."""
    found = []
    for number in range(CHILDREN):
        child = os.fork()
        if child:
            found.append(child)
            continue
        code = 1
        try:
            seen = stored(memory, f"child-{number}")
            (folder / f"child-{number}").write_text(json.dumps(seen))
            code = 0
        finally:
            if in_loop or number % 2:
                os._exit(code)  # as multiprocessing's do
            sys.exit(code)  # as gunicorn's do: all that is left is finalised
    return found


def joined(children: list[int], folder: Path) -> dict[str, Any]:
    """What the children saw, once they have ended."""
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    seen = {path.name: json.loads(path.read_text()) for path in folder.iterdir()}
    return {"codes": codes, **seen}


def sync_parent(memory: Memory, folder: Path) -> dict[str, Any]:
    """A parent that stores while its children do, and after they have ended."""
    with memory:
        memory.stats()
        children = fork(memory, folder)
        parent = stored(memory, "parent")
        return {**joined(children, folder), "parent": parent, "later": stored(memory, "later")}


def async_parent(memory: AsyncMemory, folder: Path) -> dict[str, Any]:
    """The same with a loop for each."""
    asyncio.run(awaited(memory))
    children = fork(memory, folder)
    parent = stored(memory, "parent")
    return {**joined(children, folder), "parent": parent, "later": stored(memory, "later")}


async def awaited(memory: AsyncMemory) -> None:
    """One call."""
    await memory.stats()


async def parent_in_a_loop(memory: AsyncMemory, folder: Path) -> dict[str, Any]:
    """The same, all of the parent's in one loop, which is forked while it runs."""
    async with memory:
        await memory.stats()
        children = fork(memory, folder, in_loop=True)
        parent = await stored_by_async(memory, "parent")
        seen = await asyncio.to_thread(joined, children, folder)
        return {**seen, "parent": parent, "later": await stored_by_async(memory, "later")}


def main() -> None:
    """Run one family."""
    address, kind, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    if kind == "Memory":
        print(json.dumps(sync_parent(Memory(address), folder)))
    elif kind == "AsyncMemory":
        print(json.dumps(async_parent(AsyncMemory(address), folder)))
    else:
        print(json.dumps(asyncio.run(parent_in_a_loop(AsyncMemory(address), folder))))


if __name__ == "__main__":
    main()
