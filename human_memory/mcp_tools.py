"""The tools of the Model Context Protocol that are methods of the client, as a table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from mcp.types import ToolAnnotations
from pydantic import AfterValidator, BaseModel, Field

from human_memory.mcp_answers import ACTIVE_NOTE, Json, detail, one, page, rows
from human_memory.operations.requests import (
    ConceptRequest,
    CorrectRequest,
    DeleteConceptRequest,
    ForgetRequest,
    InspectRequest,
    ListRequest,
    MergeConceptRequest,
    Nothing,
    RenameConceptRequest,
    RestoreRequest,
    SearchRequest,
    StoreRequest,
    SupersedeRequest,
)

READS = ToolAnnotations(read_only_hint=True)
# Searching and recalling strengthen what they find: harmless, but not nothing.
STRENGTHENS = ToolAnnotations(read_only_hint=False, destructive_hint=False)
FORGETS = ToolAnnotations(read_only_hint=False, destructive_hint=True)
PAGE_MAX = 25  # so that a page is never cut: its cursor would pass over what is not shown


def said(description: str) -> Any:
    """The type of a text, with its description."""
    return Annotated[str, Field(description=description)]


MemoryId = Annotated[str, Field(description="The memory's id, as store, search or list gave it.")]
MemoryType = Annotated[
    Literal["episodic", "semantic", "procedural"],
    Field(description="episodic: happened; semantic: is so; procedural: how to do it."),
]


def moment(description: str) -> Any:
    """The type of a time: a text, as of a number nobody can tell in what units it is."""
    return Annotated[
        str | None, Field(description=f"{description} Such as 2026-01-31T09:30:00Z, with a zone.")
    ]


PastMoment = Annotated[
    str | None,
    Field(description="Answer as of this past moment. Such as 2026-01-31T09:30:00Z, with a zone."),
]
MetadataConditions = Annotated[
    dict[str, Any] | None,
    Field(
        description="Only memories whose metadata say so, such as "
        '{"kind": "invoice", "total": {"$gte": 100}, "from.city": {"$in": ["Bern", "Basel"]}}. '
        "Also $eq, $ne, $gt, $lt, $lte and $exists (true or false). All must hold."
    ),
]
_OF_MEMORY = {"memory_id": MemoryId, "as_of": PastMoment}


@dataclass(frozen=True)
class Tool:
    """A method of the client as a tool. It takes the fields of the operation's request.

    `answer`: what it says, given the result and the fields. `without`: fields that are for
    programs. `kinds`: types and words that suit an assistant better. `defaults`: other ones.
    `renamed`: fields that the client's method calls otherwise.
    """

    method: str
    request: type[BaseModel]
    answer: Callable[[Any, Mapping[str, Any]], Json]
    title: str
    annotations: ToolAnnotations
    doc: str
    without: frozenset[str] = frozenset()
    kinds: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    named: str | None = None

    @property
    def name(self) -> str:
        """The tool's name: the method's, or a better one."""
        return self.named or self.method


def _one(result: BaseModel, _: Mapping[str, Any]) -> Json:
    return one(result)


TOOLS = (
    Tool(
        "store",
        StoreRequest,
        _one,
        "Remember something",
        STRENGTHENS,
        "Remember a fact, preference, decision or event for later conversations.",
        without=frozenset({"metadata"}),
        kinds={
            "content": said("One fact or event, as a full sentence."),
            "memory_type": MemoryType,
            "derived_from": Annotated[
                list[str],
                Field(description="Ids of what it sums up."),
                AfterValidator(lambda ids: [{"memory_id": each} for each in ids]),
            ],
            "occurred_at": moment("When it happened, if that is not now."),
            "expires_at": moment("Found until this moment and no longer, if that is so."),
        },
    ),
    Tool(
        "search",
        SearchRequest,
        lambda found, _: rows("memories", found, "Nothing comes to mind about this."),
        "Search the memory",
        STRENGTHENS,
        "Memories about something, those that come to mind most easily first. "
        "`superseded_by`: the id of a newer memory that says what holds now instead.",
        without=frozenset(
            {
                "min_activation",
                "record_access",
                "noise",
                "seed",
                "explain",
                "parameters",
                "include_metadata",
            }
        ),
        kinds={
            "query": said("What to remember about: a question or words."),
            "created_after": moment("Happened at this moment or later."),
            "created_before": moment("Happened before this."),
            "as_of": PastMoment,
            "filter": MetadataConditions,
        },
        renamed={"created_after": "since", "created_before": "until"},
    ),
    Tool(
        "page",
        ListRequest,
        lambda found, _: page(found),
        "List memories",
        READS,
        "Memories in order of activation, in pages, without strengthening them.",
        without=frozenset({"offset", "include_metadata", "filter"}),
        kinds={
            "tag": Annotated[str | None, Field(description="Only with this tag.")],
            "limit": Annotated[int, Field(ge=1, le=PAGE_MAX, description="At most so many.")],
            "cursor": Annotated[
                str | None, Field(description="The last page's next_cursor, to go on after it.")
            ],
            "status": Annotated[
                Literal["active", "decayed", "deleted"] | None,
                Field(description="Only these. decayed: faded or expired; deleted: forgotten."),
            ],
            "as_of": PastMoment,
        },
        defaults={"limit": PAGE_MAX},
        renamed={"type": "memory_type"},
        named="list",
    ),
    Tool(
        "inspect",
        InspectRequest,
        lambda found, _: detail(found),
        "Look at one memory",
        READS,
        "Everything about one memory: its history, what it was made from and what was made of it.",
        kinds=_OF_MEMORY
        | {
            "course": Annotated[
                int,
                Field(ge=0, le=20, description="Add when it fades, and so many points until then."),
            ]
        },
    ),
    Tool(
        "forget",
        ForgetRequest,
        lambda done, given: {"memory_id": given["memory_id"], "forgotten": done},
        "Forget a memory",
        FORGETS,
        "Forget a memory that is wrong, or that somebody wants gone. Search for its id first.",
        kinds=_OF_MEMORY,
    ),
    Tool(
        "restore",
        RestoreRequest,
        _one,
        "Restore a memory",
        STRENGTHENS,
        "Bring back a memory that was forgotten, has faded or has expired.",
        kinds=_OF_MEMORY,
    ),
    Tool(
        "correct",
        CorrectRequest,
        lambda found, _: detail(found),
        "Correct a memory",
        STRENGTHENS,
        "Correct what a memory says where it was wrong from the beginning; it keeps its id and how "
        "well it is remembered. If something has changed since, store that and supersede instead.",
        kinds=_OF_MEMORY
        | {
            "expires_at": moment("Found until then instead; `never` for no end."),
            "reversed": Annotated[bool, Field(description="Take the latest correction back.")],
        },
        without=frozenset({"metadata"}),
    ),
    Tool(
        "supersede",
        SupersedeRequest,
        lambda _, given: {"accepted": True, **given},
        "Say what holds now",
        STRENGTHENS,
        "Say that a newer memory holds instead of an older one, which then comes after it.",
        kinds={
            "reversed": Annotated[bool, Field(description="Take it back: the older one holds.")]
        },
    ),
    Tool(
        "working_memory",
        Nothing,
        lambda found, _: rows("memories", found, ACTIVE_NOTE),
        "See what is in focus",
        READS,
        "The memories stored or used lately that are most active now, the strongest first.",
    ),
    Tool("stats", Nothing, _one, "Count memories", READS, "How many there are, by status."),
    Tool(
        "add_concept",
        ConceptRequest,
        _one,
        "Describe a concept",
        STRENGTHENS,
        "Note what a concept is. Texts stored later that name it, or an alias, are linked to it.",
        kinds={
            "name": said("A person, thing or topic, such as Noemi."),
            "type": said("What it is, such as person."),
            "activation": Annotated[float, Field(ge=0, le=1, description="How present it is.")],
            "aliases": Annotated[list[str], Field(description="Other names in texts.")],
        },
        named="describe",
    ),
    Tool(
        "rename_concept",
        RenameConceptRequest,
        _one,
        "Rename a concept",
        STRENGTHENS,
        "Give a concept another name; the old one still means it.",
    ),
    Tool(
        "merge_concept",
        MergeConceptRequest,
        _one,
        "Merge two concepts",
        FORGETS,
        "Say that two concepts are one: the other takes over memories, relations and names. "
        "This can't be taken back.",
    ),
    Tool(
        "delete_concept",
        DeleteConceptRequest,
        lambda _, given: {"name": given["name"], "deleted": True},
        "Delete a concept",
        FORGETS,
        "Delete a concept that is none, with its relations. The memories that name it stay.",
    ),
)
