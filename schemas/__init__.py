"""The contract: messages, topics, limits, error codes, upcasters. It imports nothing of ours."""
