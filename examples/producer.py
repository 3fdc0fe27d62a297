"""Tell the memory what happened. Kafka's address is in HUMAN_MEMORY_KAFKA."""

import asyncio

from human_memory.bus import Bus
from human_memory.bus.settings import KafkaSettings
from schemas.inbox import Store

SAID = [
    Store(
        namespace="acme/agent-7",
        content="I moved to Leeds last week and cycle to work now.",
        speaker="Noemi",
        tags=["home"],
        idempotency_key="chat-42/turn-1",  # sent again, it is still one memory
    ),
    Store(
        namespace="acme/agent-7",
        content="My sister Ada is a nurse in York.",
        speaker="Noemi",
        tags=["family"],
        idempotency_key="chat-42/turn-2",
    ),
]


async def main() -> None:
    async with Bus(KafkaSettings()) as bus:
        for store in SAID:
            record = await bus.publish(store)  # returns once Kafka has it safely
            print(f"{store.idempotency_key} is at {record.partition}:{record.offset}")


if __name__ == "__main__":
    asyncio.run(main())
