"""An example answer of each operation; a test holds them to their schemas."""

from typing import Any

from human_memory import routes
from human_memory.routes import Route

_ID = "1b8c8c95-c312-59f9-aea0-47bf740dd29e"
_STORED, _USED = "2026-01-15T18:30:00.000000Z", "2026-01-17T09:12:44.318000Z"
_CREATED = {"memory_id": _ID, "activation": 1.0, "created_at": _STORED}
_MEMORY = {
    "memory_id": _ID,
    "content": "The user prefers dark mode.",
    "memory_type": "episodic",
    "created_at": _STORED,
    "last_accessed": _USED,
    "access_count": 3,
}
_RELATION = {"source": "Python", "target": "AI", "relation_type": "USED_FOR", "weight": 0.9}
_PYTHON = {"name": "Python", "type": "language", "activation": 0.9}
_CONCEPT = _PYTHON | {"relationships": [_RELATION | {"direction": "out"}]}

_RUN = {
    "run_id": "8b0f5a3e-2c0a-5c39-9d52-6a7d3a1a9f10",
    "job": "consolidation",
    "status": "completed",
    "began_at": _STORED,
    "completed_at": _STORED,
    "phase": "compile",
    "done": 4,
    "total": 4,
    "effects": {"memory.accessed.v1": 12},
    "report": {"episodes_replayed": 12},
    "seconds": 1.7,
}
_REPORT = {
    "run_id": _RUN["run_id"],
    "job": "consolidation",
    "complete": True,
    "cancelled": False,
    "report": {"episodes_replayed": 12},
}
_DEAD_LETTER = {
    "place": "3:17",
    "topic": "memory.dead-letters",
    "partition": 3,
    "offset": 17,
    "recorded_at": "2026-01-15T18:30:00.000Z",
    "key": "acme/agent-7",
    "headers": {"content-type": "application/json"},
    "value": {"type": "store", "namespace": "acme/agent-7"},
    "reason": {
        "reason": "content: is required",
        "code": "validation",
        "service": "ingest",
        "topic": "memory.inbox",
        "partition": 3,
        "offset": 2_039,
        "timestamp": "2026-01-15T18:30:00.000Z",
        "value_was_null": False,
    },
    "state": "waiting",
}

_DETAIL = _MEMORY | {
    "activation": 1.31,
    "salience": 0.5,
    "emotion_valence": 0.0,
    "emotion_arousal": 0.0,
    "decay_rate": 0.5,
    "effective_decay_rate": 0.54,
    "status": "active",
    "access_history": [
        {"accessed_at": _USED, "context": "direct_recall", "kind": "recall"},
        {"accessed_at": _STORED, "context": "initial_store", "kind": "creation"},
    ],
    "tags": ["ui"],
    "metadata": {"ticket": 4711},
}
ANSWERS: dict[Route, Any] = {
    routes.STORE: _CREATED,
    routes.STORE_BATCH: {"results": [_CREATED]},
    routes.SEARCH: {
        "results": [
            _MEMORY | {"activation": 3.02, "similarity": 0.42, "status": "active", "tags": ["ui"]}
        ],
        "count": 1,
    },
    routes.LIST: {
        "memories": [
            _MEMORY | {"activation": 1.31, "salience": 0.5, "status": "active", "tags": ["ui"]}
        ],
        "offset": 0,
        "limit": 50,
        "total": 1,
        "next_cursor": None,
    },
    routes.USED: {"accepted": True},
    routes.RECALL: _MEMORY | {"activation": 1.69},
    routes.INSPECT: _DETAIL,
    routes.FORGET: {"memory_id": _ID, "deleted": True},
    routes.RESTORE: {
        "memory_id": _ID,
        "status": "active",
        "activation": 1.02,
        "access_count": 4,
    },
    routes.WORKING_MEMORY: {
        "memories": [
            {
                "memory_id": _ID,
                "content": "The user prefers dark mode.",
                "activation": 1.69,
                "last_accessed": _USED,
            }
        ],
        "capacity": 7,
        "window_seconds": 900.0,
    },
    routes.DECAY: {"memories_processed": 120, "memories_decayed": 3},
    routes.FORGET_STRATEGY: {"strategy": "strategic_prune", "memories_affected": 17},
    routes.ADD_CONCEPT: _PYTHON | {"relationships": []},
    routes.GET_CONCEPT: _CONCEPT,
    routes.GET_CONCEPT_BY_QUERY: _CONCEPT,
    routes.RENAME_CONCEPT: _CONCEPT | {"name": "CPython", "aliases": ["Python"]},
    routes.MERGE_CONCEPT: _CONCEPT | {"aliases": ["Python 3"]},
    routes.DELETE_CONCEPT: {"accepted": True},
    routes.DELETE_NAMESPACE: {"accepted": True},
    routes.ADD_RELATION: _RELATION,
    routes.SPREAD: [
        {"name": "FastAPI", "activation": 0.8, "path_weight": 0.95},
        {"name": "AI", "activation": 0.8, "path_weight": 0.9},
        {"name": "Web Development", "activation": 0.8, "path_weight": 0.8075},
    ],
    routes.CONSOLIDATE: {
        "episodes_replayed": 12,
        "facts_extracted": 2,
        "memories_pruned": 1,
        "memories_downscaled": 118,
        "phase_4_compiled": 0,
        "complete": True,
    },
    routes.EXPORT_GRAPH: {
        "nodes": [_PYTHON, {"name": "AI", "type": "field", "activation": 0.8}],
        "edges": [_RELATION],
    },
    routes.STATS: {
        "total": 123,
        "active": 120,
        "decayed": 2,
        "deleted": 1,
        "avg_activation": 0.42,
    },
    routes.CORRECT: _DETAIL
    | {
        "content": "The user prefers light mode.",
        "corrections": [
            {"corrected_at": _USED, "reason": "misheard", "content": _MEMORY["content"]}
        ],
    },
    routes.FORGET_MATCHING: {"count": 12, "dry_run": True},
    routes.SUPERSEDE: {"accepted": True},
    routes.RUNS: {"runs": [_RUN], "count": 1},
    routes.GET_RUN: _RUN,
    routes.START_RUN: _REPORT,
    routes.CANCEL_RUN: _REPORT | {"cancelled": True},
    routes.UNDO_RUN: _REPORT | {"job": "undo", "report": {"memories_restored": 3}},
    routes.PARAMETERS: {
        "parameters": {"decay_rate": 0.5, "horizon_seconds": 2_592_000.0},
        "changed": ["horizon_seconds"],
    },
    routes.SET_PARAMETERS: {"accepted": True},
    routes.NAMESPACES: {
        "namespaces": [
            {"namespace": "acme/agent-7", "total": 12, "active": 9, "decayed": 2, "deleted": 1}
        ],
        "total": 1,
        "next_cursor": None,
    },
    routes.REBUILD: {
        "running": True,
        "folded": 1_000,
        "total": 1_043,
        "partitions": [
            {
                "partition": 3,
                "version": 4,
                "folded": 1_043,
                "target": 0,
                "next_version": 5,
                "next_folded": 1_000,
            }
        ],
    },
    routes.DEAD_LETTERS: {"dead_letters": [_DEAD_LETTER]},
    routes.GET_DEAD_LETTER: _DEAD_LETTER,
    routes.REPLAY_DEAD_LETTERS: {
        "replayed": [{"dead_letter": "3:17", "sent_to": "memory.inbox 3:2040"}],
        "left": 0,
    },
    routes.DISCARD_DEAD_LETTERS: {"discarded": ["3:17"]},
    routes.READY: {
        "status": "ready",
        "checks": {"postgres": "ok", "qdrant": "ok", "neo4j": "ok", "kafka": "ok", "redis": "ok"},
    },
}
