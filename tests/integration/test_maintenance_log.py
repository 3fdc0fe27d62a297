"""The contract of maintenance's log on Kafka, with ingest and the projection that answer it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from human_memory.bus.producer import DurableProducer
from services.maintenance.adapters.kafka_log import KafkaLog
from services.maintenance.adapters.redis_side import RedisReadSide
from services.maintenance.ports import Log, ReadSide
from services.readside.live_build import LiveBuild
from services.readside.visibility import Waits
from tests.contract.log_contract import LogContract
from tests.integration.services_fixture import System

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@dataclass
class KafkaLogSide:
    """The adapter, in the shared system."""

    log: Log
    reads: ReadSide
    namespace: str


class TestKafkaLog(LogContract):
    @pytest.fixture
    async def side(self, system: System, namespace: str) -> AsyncIterator[KafkaLogSide]:
        async with AsyncExitStack() as stack:
            producer = await stack.enter_async_context(DurableProducer(system.settings))
            bus = await stack.enter_async_context(system.bus())
            redis = await stack.enter_async_context(system.redis())
            count = system.settings.partitions
            build = LiveBuild(redis, system.prefix, partitions=count)
            waits = Waits(build.cursor, partitions=count)
            log = KafkaLog(system.settings, producer, bus, waits)
            yield KafkaLogSide(log, RedisReadSide(redis, build, system.prefix), namespace)
