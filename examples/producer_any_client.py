"""The same without our package: JSON to one topic, here with librdkafka's Python client."""

import json
import os

from confluent_kafka import Producer

producer = Producer(
    {
        "bootstrap.servers": os.environ.get("HUMAN_MEMORY_KAFKA", "127.0.0.1:9092"),
        "acks": "all",
        "enable.idempotence": True,
        # librdkafka's own default would put a namespace into another partition than Java's.
        "partitioner": "murmur2_random",
    }
)
message = {
    "type": "store",
    "namespace": "acme/agent-7",
    "content": "The boiler man comes on Friday between 9 and 11.",
    "speaker": "Noemi",
    "occurred_at": "2026-01-15T18:30:00Z",
    "idempotency_key": "chat-42/turn-3",
}
topic = os.environ.get("HUMAN_MEMORY_TOPIC_PREFIX", "") + "memory.inbox"
producer.produce(topic, key=message["namespace"], value=json.dumps(message))
assert producer.flush(30) == 0, "Kafka did not take it within 30 s"
