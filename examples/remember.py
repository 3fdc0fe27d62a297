"""Remember and search with the client: `python examples/remember.py [address]`."""

import sys

from human_memory import Memory

address = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8000"

with Memory(address) as memory:
    result = memory.store("User prefers dark mode in all applications")
    print(result.memory_id, result.activation)
    for found in memory.search("what are the user's preferences?"):
        print(f"{found.content} (activation {found.activation:.2f})")
