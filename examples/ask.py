"""Store, and ask what is remembered: request and reply over the bus."""

import asyncio

from human_memory.bus import Bus
from human_memory.bus.settings import KafkaSettings
from schemas.inbox import Store
from schemas.queries import Search

NAMESPACE = "acme/agent-7"


async def main() -> None:
    async with Bus(KafkaSettings()) as bus:
        told = await bus.request(
            Store(
                namespace=NAMESPACE,
                content="My new flat in Leeds has a garden.",
                speaker="Noemi",
                idempotency_key="chat-42/turn-4",
            )
        )
        # `after` is the position of our own write: the answer has seen it, or is an error.
        answer = await bus.ask(
            Search(
                namespace=NAMESPACE,
                query="What is Noemi's flat like?",
                top_k=3,
                after=told.position,
                explain=True,
            )
        )
    for found in answer["results"]:
        print(
            f"{found['activation']:5.2f}  similarity {found['similarity']:.2f}  "
            f"used {found['access_count']} times  {found['content']}"
        )


if __name__ == "__main__":
    asyncio.run(main())
