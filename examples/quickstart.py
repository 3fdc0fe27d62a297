"""The first minutes with the memory: `make up`, then run this."""

from human_memory import Memory

memory = Memory("http://localhost:8000")

stored = memory.store("User prefers dark mode in all applications")
print(stored.memory_id)
print(stored.activation)  # 1.0: fresh

# What comes to mind most easily is first: use and recency count, not similarity alone.
for found in memory.search("what are the user's preferences?"):
    print(f"  {found.content}")
    print(f"  activation: {found.activation:.2f} | similarity: {found.similarity:.2f}")

# Concepts and how they are related; thinking of one brings up its neighbours.
memory.add_concept("Python", type="language", activation=0.9)
memory.add_concept("AI", type="field")
memory.add_concept("FastAPI", type="framework")
memory.add_concept("Web Development", type="field")
memory.add_relation("Python", "AI", "USED_FOR", weight=0.9)
memory.add_relation("FastAPI", "Python", "WORKS_WITH", weight=0.95)
memory.add_relation("FastAPI", "Web Development", "USED_FOR", weight=0.85)
for near in memory.spread(concepts=["Python"], depth=2, limit=10):
    print(f"  {near.name}: activation={near.activation:.2f}, spread={near.path_weight:.4f}")

memory.close()
