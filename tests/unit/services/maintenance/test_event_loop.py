"""Searches share a process with maintenance: what computes for long must leave the loop to them."""

import threading
from types import ModuleType
from typing import Any

import pytest

from services.maintenance.jobs import compiling, consolidation, replaying
from tests.unit.services.maintenance.living import episodes, world


@pytest.mark.parametrize(
    ("module", "name"),
    [(replaying, "drawn"), (consolidation, "clusters_of"), (compiling, "skills_of")],
    ids=["replay", "extract", "compile"],
)
async def test_what_a_consolidation_computes_for_long_is_done_in_a_thread(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str
) -> None:
    own, threads, compute = world(), list[int](), getattr(module, name)

    def watched(*given: Any, **named: Any) -> Any:
        threads.append(threading.get_ident())
        return compute(*given, **named)

    monkeypatch.setattr(module, name, watched)
    await episodes(own)

    await own.run("consolidation")

    assert len(threads) == 1
    assert threading.get_ident() not in threads
