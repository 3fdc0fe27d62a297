"""Jobs at the edges of what the schema admits: each ends, with numbers in its report."""

from typing import Any

import orjson
import pytest

from schemas.inbox import Concept, SetParameters
from schemas.maintenance import Job
from schemas.parameters import Parameters
from services.readside.collections import RUNS
from tests.extremes import MOMENTS_MS, MOST_MS, edges
from tests.unit.services.maintenance.living import store, use, world

LEAST, MOST = ({name: edges(name)[at] for name in Parameters.model_fields} for at in (0, 1))
FADING = MOST | {"onset_seconds": LEAST["onset_seconds"], "fresh_activation": -10.0}
JOBS: list[tuple[Job, dict[str, Any]]] = [
    ("decay", {}),
    ("consolidation", {}),
    ("consolidation", {"window_seconds": 5e-324, "cosine_min": 0.0, "support_min": 2}),
    ("consolidation", {"window_seconds": 366 * 86_400.0, "cosine_min": 1.0, "replays_max": 1_000}),
    ("capacity", {"capacity": 1}),
    ("strategic_prune", {"goals": ["!"], "nats": 10.0, "similarity_min": 1.0}),
    ("interference", {"nats": 5e-324, "similarity_min": -1.0}),
    ("rif", {"nats": 10.0, "similarity_min": -1.0}),
]


@pytest.mark.parametrize(("job", "told"), JOBS, ids=repr)
@pytest.mark.parametrize(
    "parameters", [{}, LEAST, MOST, FADING], ids=["plain", "least", "most", "fading"]
)
async def test_job_comes_to_its_end_whatever_was_stored_when_under_which_parameters(
    job: Job, told: dict[str, Any], parameters: dict[str, float]
) -> None:
    own = world()
    given = Parameters.model_validate(parameters)
    await own.tell(SetParameters(namespace=own.namespace, parameters=given))
    await own.tell(Concept(namespace=own.namespace, name="tea", activation=0.0))
    memories = []
    for moment_ms in MOMENTS_MS:
        for feeling in (0.0, 1.0):
            emotion = {"arousal": feeling, "salience": feeling, "valence": -feeling}
            said = {"occurred_at": moment_ms, "session": f"s{moment_ms}", "emotion": emotion}
            memories.append(await store(own, f"Ann drinks green tea {feeling}", **said))
        memories.append(await store(own, "!", occurred_at=moment_ms))
    await use(own, *memories)
    await use(own, *memories, kind="rehearsal")

    results = []
    for now_ms in (own.now_ms, MOST_MS):
        own.now_ms = now_ms
        results.append(await own.run(job, **told))

    runs = own.view.namespace(own.namespace)[RUNS].values()
    assert [run.error for run in runs] == [None, None]
    for result in results:
        assert b"null" not in orjson.dumps(result.report)
