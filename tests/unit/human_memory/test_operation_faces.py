"""Every field of the contract reaches every face: HTTP, clients, command line, tools.

Where one does not, EXCEPTIONS says why. What a face calls otherwise is in NAMES.
"""

import inspect
from typing import Any, get_args, get_type_hints

import pytest
import typer
from pydantic import BaseModel

from human_memory import AsyncMemory, Memory, models
from human_memory.cli.commands import app as command_line
from human_memory.mcp_server import server_of
from human_memory.operations import requests
from human_memory.operations.table import OPERATIONS
from schemas import (
    corrections,
    dead_letters,
    fields,
    inbox,
    installation,
    maintenance,
    queries,
    replies,
    selection,
)
from schemas.fields import Message
from services.gateway.app import app as gateway

FACES = ("http", "sdk", "cli", "mcp")
DOCUMENT = gateway.openapi()
COMMANDS: Any = typer.main.get_command(command_line)

# By operation: the message of the bus that it stands for.
MESSAGES: dict[str, type[BaseModel]] = {
    "store": inbox.Store,
    "search": queries.Search,
    "recall": queries.Recall,
    "inspect": queries.Inspect,
    "list": queries.ListMemories,
    "used": inbox.Access,
    "forget": inbox.Forget,
    "restore": inbox.Restore,
    "stats": queries.Stats,
    "add_concept": inbox.Concept,
    "get_concept": queries.ConceptQuery,
    "rename_concept": inbox.RenameConcept,
    "merge_concept": inbox.MergeConcept,
    "delete_concept": inbox.DeleteConcept,
    "delete_namespace": inbox.DeleteNamespace,
    "add_relation": inbox.Relation,
    "spread": queries.Spread,
    "export_graph": queries.GraphExport,
    "working_memory": queries.WorkingMemoryQuery,
    "supersede": inbox.Supersede,
    "forget_matching": selection.Select,
    "correct": inbox.Correct,
    "runs": queries.Runs,
    "start_run": maintenance.RunJob,
    "get_run": queries.RunQuery,
    "cancel_run": maintenance.CancelRun,
    "undo_run": maintenance.UndoRun,
    "parameters": queries.ParametersQuery,
    "set_parameters": inbox.SetParameters,
    "namespaces": queries.Namespaces,
    "rebuild": queries.RebuildQuery,
    # Read from their topic, and sent again: no message asks for them.
    "dead_letters": requests.DeadLettersRequest,
    "get_dead_letter": requests.DeadLetterRequest,
    "replay_dead_letters": requests.ReplayRequest,
    "discard_dead_letters": requests.DiscardRequest,
}
# Operations that send others' messages.
WITHOUT_MESSAGE = {
    "store_batch": "many of store",
    "get_concept_by_query": "get_concept, for names that no path can carry",
    "decay": "a run of maintenance",
    "consolidate": "a run of maintenance",
    "forget_strategy": "a run of maintenance",
    "ready": "probes, by several queries",
}
# What a reply holds, and the client's model of it.
REPLIES: dict[type[Message], type[BaseModel]] = {
    replies.StoreResult: models.MemoryCreated,
    replies.AcceptedResult: models.Accepted,
    queries.SearchResult: models.SearchReply,
    queries.Found: models.SearchResult,
    queries.Explanation: models.Explanation,
    queries.RecallResult: models.MemoryInfo,
    queries.InspectResult: models.MemoryDetail,
    queries.AccessRecord: models.AccessRecord,
    corrections.CorrectionRecord: models.CorrectionRecord,
    fields.Source: models.SourceMemory,
    queries.ListResult: models.MemoryPage,
    queries.Listed: models.MemoryItem,
    queries.StatsResult: models.Stats,
    queries.ConceptResult: models.Concept,
    queries.RelationAt: models.Relation,
    queries.Reached: models.SpreadResult,
    queries.GraphResult: models.Graph,
    queries.ConceptNode: models.GraphNode,
    queries.WorkingMemoryResult: models.WorkingMemory,
    queries.InFocus: models.WorkingMemoryItem,
    queries.RunSummary: models.Run,
    queries.RunsResult: models.Runs,
    replies.RunResult: models.RunReport,
    installation.ParametersResult: models.NamespaceParameters,
    installation.NamespacesResult: models.Namespaces,
    installation.NamespaceCounts: models.NamespaceCounts,
    installation.RebuildResult: models.Rebuild,
    installation.RebuildPartition: models.RebuildPartition,
    dead_letters.DeadLetterReason: models.Refusal,
}
REPLY_EXCEPTIONS: dict[tuple[type[Message], str], str] = {
    (replies.AcceptedResult, "event_id"): "a place in the log, which these faces hide",
    (queries.InspectResult, "explanation"): "only what was ranked is explained",
    (queries.ConceptResult, "total"): "all relations are shown, in pages if need be",
}
COMMANDS_OF = {
    "used": "access",
    "add_concept": "concept",
    "get_concept": "concept",
    "rename_concept": "rename-concept",
    "merge_concept": "merge-concept",
    "delete_concept": "delete-concept",
    "delete_namespace": "delete-namespace",
    "add_relation": "relate",
    "export_graph": "graph",
    "forget_matching": "forget-matching",
    "working_memory": "focus",
    "runs": "maintenance runs",
    "start_run": "maintenance run",
    "get_run": "maintenance show",
    "cancel_run": "maintenance cancel",
    "undo_run": "undo",
    "set_parameters": "parameters",
    "rebuild": "replay",
    "dead_letters": "dead-letters list",
    "get_dead_letter": "dead-letters show",
    "replay_dead_letters": "dead-letters replay",
    "discard_dead_letters": "dead-letters discard",
}
TOOLS_OF = {"add_concept": "describe", "add_relation": "relate", "spread": "related"}
# By face and operation: names there that are others in the contract.
NAMES: dict[tuple[str, str], dict[str, str]] = {
    ("http", "list"): {"type": "memory_type"},
    ("http", "add_concept"): {"type": "concept_type"},
    ("sdk", "add_concept"): {"type": "concept_type"},
    ("sdk", "search"): {"since": "created_after", "until": "created_before"},
    ("sdk", "spread"): {"concepts": "active_concepts"},
    ("cli", "store"): {"text": "content", "at": "occurred_at", "key": "idempotency_key"},
    ("cli", "correct"): {"text": "content"},
    ("cli", "search"): {
        "since": "created_after",
        "until": "created_before",
        "concepts": "active_concepts",
        "no_record": "record_access",
        "no_collapse": "collapse",
    },
    ("sdk", "forget_matching"): {"since": "created_after", "until": "created_before"},
    ("cli", "forget_matching"): {"since": "created_after", "until": "created_before"},
    ("cli", "recall"): {"no_record": "record_access"},
    ("cli", "used"): {"at": "occurred_at"},
    ("cli", "spread"): {"names": "active_concepts"},
    ("cli", "set_parameters"): {"values": "parameters"},
    ("cli", "replay_dead_letters"): {"place": "places", "all_": "all"},
    ("cli", "discard_dead_letters"): {"place": "places", "all_": "all"},
    ("mcp", "list"): {"type": "memory_type"},
    ("mcp", "add_concept"): {"type": "concept_type"},
    ("mcp", "spread"): {"concepts": "active_concepts"},
}
ANY = "*"
# By face, operation and field: why it is not there.
EXCEPTIONS: dict[tuple[str, str, str], str] = {
    (ANY, ANY, "type"): "tells messages of one topic apart",
    (ANY, ANY, "wait"): "every answer waits until reads show what was recorded",
    (ANY, ANY, "query_id"): "follows from the key of the request",
    (ANY, ANY, "run_id"): "of runs of maintenance alone",
    (ANY, "get_concept", "offset"): "all relations are shown, in pages if need be",
    (ANY, "get_concept", "limit"): "likewise",
    **{
        (ANY, operation, "occurred_at"): "acts when it is asked for"
        for operation in (
            *("forget", "restore", "add_concept", "add_relation", "supersede", "set_parameters"),
            *("correct", "rename_concept", "merge_concept", "delete_concept"),
            "delete_namespace",
        )
    },
    (ANY, "forget_matching", "limit"): "all of them, in as many steps as it takes",
    ("cli", "forget_matching", "after"): "it looks at what is there now",
    (ANY, "start_run", "slot"): "of runs by the clock",
    **{
        (ANY, operation, "namespace"): "about the whole installation"
        for operation in ("namespaces", "rebuild")
    },
    **{
        (face, ANY, "after"): "a write is answered when reads show it"
        for face in ("http", "sdk", "mcp")
    },
    **{
        (face, operation, "idempotency_key"): "a second time has no effect, or is not found"
        for face in ("http", "sdk")
        for operation in ("forget",)
    },
    ("sdk", "restore", "idempotency_key"): "a second time has no effect",
    **{
        ("cli", operation, "idempotency_key"): "whoever types it sees whether it was done"
        for operation in (
            *("used", "forget", "restore", "add_concept", "add_relation"),
            *("supersede", "correct", "set_parameters", "start_run"),
            *("rename_concept", "merge_concept", "delete_concept", "delete_namespace"),
        )
    },
    ("cli", "delete_namespace", "confirm"): "it asks, unless it is told not to",
    ("cli", "rebuild", "after"): "it is no answer about memories",
    ("cli", "parameters", "after"): "the command that sets them shows them as well",
    ("mcp", ANY, "namespace"): "the server is started for one",
    ("mcp", ANY, "idempotency_key"): "the client gives each call one of its own",
    **{
        ("mcp", ANY, field): "for programs: an assistant has no use for it"
        for field in (
            *("metadata", "include_metadata", "record_access", "explain"),
            *("min_activation", "noise", "seed"),
        )
    },
    ("mcp", "list", "filter"): "an assistant searches instead of listing what metadata say",
    ("mcp", "search", "parameters"): "for programs: an assistant has no use for it",
    **{
        ("mcp", operation, ANY): "an assistant searches instead of paging through all there is"
        for operation in ("get_concept", "export_graph")
    },
    ("mcp", "forget_matching", ANY): "for people: much is lost by one mistaken condition",
    ("mcp", "delete_namespace", ANY): "for people: a model must not be able to lose everything",
    ("mcp", "list", "offset"): "the cursor goes on",
    ("mcp", "used", ANY): "recalling is how an assistant says so",
    **{
        ("mcp", operation, ANY): "for operators"
        for operation in (
            *("runs", "start_run", "get_run", "cancel_run", "undo_run", "parameters"),
            *("set_parameters", "namespaces", "rebuild", "dead_letters", "get_dead_letter"),
            *("replay_dead_letters", "discard_dead_letters"),
        )
    },
}


def excepted(face: str, operation: str, field: str) -> set[tuple[str, str, str]]:
    """The rules by which a face need not have a field."""
    return {
        (a, b, c)
        for a, b, c in EXCEPTIONS
        if a in (ANY, face) and b in (ANY, operation) and c in (ANY, field)
    }


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of the document behind its reference."""
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][name] if name else schema
    return found


def http_fields(operation: str) -> set[str]:
    """Names in the path, query and body of the OpenAPI document, headers by what they carry."""
    headers = {"X-Memory-Namespace": "namespace", "Idempotency-Key": "idempotency_key"}
    (described,) = (
        each
        for path in DOCUMENT["paths"].values()
        for each in path.values()
        if each["operationId"] == operation
    )
    names = {headers.get(each["name"], each["name"]) for each in described["parameters"]}
    if "requestBody" in described:
        names |= resolved(described["requestBody"]["content"]["application/json"]["schema"])[
            "properties"
        ].keys()
    return names


def sdk_fields(operation: str) -> set[str]:
    """Arguments of the method, those by name included; both clients have the same."""
    names: set[str] = set()
    method = getattr(Memory, operation)
    assert str(inspect.signature(method)) == str(inspect.signature(getattr(AsyncMemory, operation)))
    hints = get_type_hints(method)
    for name, parameter in inspect.signature(method).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            (more,) = get_args(hints[name])
            names |= get_type_hints(more).keys()
        else:
            names.add(name)
    return names


def cli_fields(operation: str) -> set[str]:
    """Arguments and options of the command."""
    command = COMMANDS
    for name in COMMANDS_OF.get(operation, operation).split():
        command = command.commands[name]
    return {str(parameter.name) for parameter in command.params}


async def mcp_fields(operation: str) -> set[str]:
    """Arguments of the tool."""
    tools = await server_of(AsyncMemory()).list_tools()
    (names,) = (
        set(tool.input_schema["properties"])
        for tool in tools
        if tool.name == TOOLS_OF.get(operation, operation)
    )
    return names


async def missing(face: str, operation: str) -> list[str]:
    """Fields of the contract that a face does not have."""
    if excepted(face, operation, ANY) & {(face, operation, ANY)}:
        return sorted(MESSAGES[operation].model_fields)
    if face == "mcp":
        names = await mcp_fields(operation)
    else:
        names = {"http": http_fields, "sdk": sdk_fields, "cli": cli_fields}[face](operation)
    there = {NAMES.get((face, operation), {}).get(name, name) for name in names}
    return sorted(MESSAGES[operation].model_fields.keys() - there)


def test_every_operation_is_compared_or_says_why_not() -> None:
    named = {route.name for route in OPERATIONS}

    assert named == MESSAGES.keys() | WITHOUT_MESSAGE.keys()
    assert MESSAGES.keys().isdisjoint(WITHOUT_MESSAGE)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("operation", MESSAGES)
async def test_every_field_of_a_message_reaches_every_face(face: str, operation: str) -> None:
    lacking = [
        field for field in await missing(face, operation) if not excepted(face, operation, field)
    ]

    assert lacking == []


async def test_no_exception_is_out_of_date() -> None:
    used = {
        rule
        for face in FACES
        for operation in MESSAGES
        for field in await missing(face, operation)
        for rule in excepted(face, operation, field)
    }

    assert set(EXCEPTIONS) - used == set()


@pytest.mark.parametrize("message", REPLIES, ids=lambda each: each.__name__)
def test_every_field_of_a_reply_reaches_http_and_the_clients(message: type[Message]) -> None:
    model = REPLIES[message]
    documented = DOCUMENT["components"]["schemas"][model.__name__]["properties"]
    wanted = {name for name in message.model_fields if (message, name) not in REPLY_EXCEPTIONS}

    assert wanted - model.model_fields.keys() == set()
    assert wanted - documented.keys() == set()


def test_no_exception_of_a_reply_is_out_of_date() -> None:
    stale = [
        (message.__name__, field)
        for message, field in REPLY_EXCEPTIONS
        if field not in message.model_fields or field in REPLIES[message].model_fields
    ]

    assert stale == []
