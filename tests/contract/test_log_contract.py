"""The contract of maintenance's log on the fake; `tests/integration` has it on Kafka."""

import pytest

from services.maintenance.ports import Log, ReadSide
from tests.builders import TIME_MS
from tests.contract.log_contract import LogContract
from tests.fakes.hash_model import hash_embedder
from tests.fakes.maintenance_side import FoldedReadSide
from tests.fakes.world import FoldedLog, World


class FoldedLogSide:
    """The fake."""

    def __init__(self, namespace: str) -> None:
        world = World(hash_embedder(), TIME_MS, namespace=namespace)
        self.namespace = namespace
        self.log: Log = FoldedLog(world)
        self.reads: ReadSide = FoldedReadSide(world)


class TestFoldedLog(LogContract):
    @pytest.fixture
    def side(self) -> FoldedLogSide:
        return FoldedLogSide("acme/log")
