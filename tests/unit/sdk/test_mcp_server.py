"""The tools for assistants: what they ask of the memory, and what they tell of it."""

import json
from typing import Any

import pytest
from mcp import Client

from human_memory import AsyncMemory
from human_memory.mcp_server import server_of
from tests.unit.sdk.scripted_server import Answer, Script, serving

FOUND = {
    "memory_id": "old",
    "content": "I live in Bern.",
    "activation": 0.5,
    "similarity": 0.7,
    "last_accessed": "2026-02-01T00:00:00.000000Z",
    "access_count": 3,
    "speaker": "Noemi",
    "superseded_by": "new",
}
RECALLED = FOUND | {"memory_type": "episodic", "created_at": FOUND["last_accessed"]}
# For so long a memory that is away is asked again.
PATIENCE_SECONDS = 5.0
NOTHING = Answer(200, {"results": [], "count": 0})


async def told(memory: Script, tool: str, **arguments: Any) -> tuple[bool, str]:
    """True if it failed, and the one text of the answer."""
    async with Client(server_of(AsyncMemory(memory.url, timeout=PATIENCE_SECONDS))) as client:
        result = await client.call_tool(tool, arguments)
    (block,) = result.content
    assert block.type == "text"
    assert result.structured_content is None
    return bool(result.is_error), block.text


async def refused(memory: Script, tool: str, **arguments: Any) -> str:
    """The sentence in which a call is refused; no request and no library is named in it."""
    failed, words = await told(memory, tool, **arguments)
    assert failed
    for noise in ("/v1/", "Error executing", "pydantic", "Traceback", "\n", '{"'):
        assert noise not in words
    return words


async def test_search_tells_who_said_it_and_that_it_no_longer_holds() -> None:
    with serving(Answer(200, {"results": [FOUND], "count": 1})) as memory:
        failed, words = await told(memory, "search", query="Where does Noemi live?")

    (found,) = json.loads(words)["memories"]
    assert not failed
    for name in ("speaker", "superseded_by", "last_accessed"):
        assert found[name] == FOUND[name]


async def test_search_chooses_by_metadata() -> None:
    wanted = {"kind": "invoice", "total": {"$gte": 100}}
    with serving(NOTHING) as memory:
        failed, _ = await told(memory, "search", query="x", filter=wanted)

    assert not failed
    assert memory.asked[0].body["filter"] == wanted


async def test_search_names_a_condition_that_there_is_not() -> None:
    with serving(NOTHING) as memory:
        words = await refused(memory, "search", query="x", filter={"total": {"$above": 100}})

    assert "$above is no operator" in words


async def test_search_that_finds_nothing_says_so() -> None:
    with serving(NOTHING) as memory:
        failed, words = await told(memory, "search", query="x")

    assert not failed
    assert "Nothing comes to mind" in words


@pytest.mark.parametrize(
    ("tool", "arguments", "answer"),
    [
        ("search", {"query": "x"}, {"results": [FOUND], "count": 1}),
        ("search", {"query": "x"}, {"results": [], "count": 0}),
        ("recall", {"memory_id": "m"}, RECALLED),
    ],
)
async def test_what_an_answer_warns_of_is_told_to_the_assistant(
    tool: str, arguments: dict[str, Any], answer: dict[str, Any]
) -> None:
    late, ignored = "its uses do not show yet", "tags: was ignored"
    warning = Answer(200, answer | {"warning": late}, {"X-Memory-Warnings": ignored})
    with serving(warning) as memory:
        failed, words = await told(memory, tool, **arguments)

    assert not failed
    assert json.loads(words)["warnings"] == [ignored, late]


async def test_answer_that_warns_of_nothing_has_no_place_for_it() -> None:
    with serving(NOTHING) as memory:
        _, words = await told(memory, "search", query="x")

    assert "warnings" not in json.loads(words)


async def test_write_without_a_result_is_answered_in_words() -> None:
    with serving(Answer(200, {"accepted": True})) as memory:
        failed, words = await told(memory, "supersede", memory_id="a", superseded_by="b")

    assert not failed
    assert json.loads(words) == {"accepted": True, "memory_id": "a", "superseded_by": "b"}


async def test_reading_on_is_no_other_recall() -> None:
    with serving(Answer(200, RECALLED | {"content": "x" * 9_000})) as memory:
        _, first = await told(memory, "recall", memory_id="m")
        offset = json.loads(first)["next_offset"]
        _, second = await told(memory, "recall", memory_id="m", offset=offset)

    assert len(json.loads(first)["content"] + json.loads(second)["content"]) == 9_000
    assert "record_access=false" in memory.asked[1].path.lower()
    assert "record_access" not in memory.asked[0].path


async def test_page_of_a_list_is_as_short_as_an_answer_may_be() -> None:
    page = {"memories": [], "offset": 0, "limit": 25, "total": 0}
    with serving(Answer(200, page)) as memory:
        await told(memory, "list", type="semantic", status="decayed")

    assert "limit=25" in memory.asked[0].path
    assert "type=semantic" in memory.asked[0].path


async def test_null_for_an_optional_argument_means_that_it_is_not_given() -> None:
    with serving(NOTHING) as memory:
        failed, _ = await told(memory, "search", query="x", tags=None, as_of=None, top_k=None)

    assert not failed
    assert memory.asked[0].body.keys() <= {"query", "top_k"}


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("serch", {}, ["'serch' is no tool", "Did you mean search?", "store"]),
        ("store", {"content": "x", "occured_at": "2026-05-03"}, ["Did you mean occurred_at?"]),
        ("stats", {"all": True}, ["'all' is no argument of stats", "none"]),
        ("search", {}, ["query: is required"]),
        ("search", {"query": "x", "top_k": 1_000}, ["top_k: must be at most 100, not 1000"]),
        ("list", {"limit": 26}, ["limit: must be at most 25, not 26"]),
        ("store", {"content": " "}, ["content"]),
        ("store", {"content": "x", "occurred_at": "2026-05-03"}, ["occurred_at", "RFC 3339"]),
        ("store", {"content": "x", "occurred_at": 1_700_000_000}, ["occurred_at"]),
        ("recall", {"memory_id": "m", "offset": -1}, ["offset: must be at least 0, not -1"]),
    ],
)
async def test_call_that_is_none_is_refused_with_what_it_takes(
    tool: str, arguments: dict[str, Any], words: list[str]
) -> None:
    with serving(Answer(500, {})) as memory:
        said = await refused(memory, tool, **arguments)

    assert [each for each in words if each not in said] == []
    assert memory.asked == []


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("recall", {"memory_id": "m 7"}),
        ("inspect", {"memory_id": "m 7"}),
        ("forget", {"memory_id": "m 7"}),
        ("restore", {"memory_id": "m 7"}),
        ("supersede", {"memory_id": "m 7", "superseded_by": "b"}),
    ],
)
async def test_memory_that_is_not_there_is_named_with_a_way_to_find_it(
    tool: str, arguments: dict[str, Any]
) -> None:
    with serving(Answer(404, {"detail": "no such memory"})) as memory:
        said = await refused(memory, tool, **arguments)

    assert "'m 7'" in said
    assert "search" in said


async def test_reason_for_which_a_memory_can_not_be_corrected_is_told() -> None:
    with serving(Answer(404, {"detail": "memory m has no correction to take back"})) as memory:
        said = await refused(memory, "correct", memory_id="m", reversed=True)

    assert "memory m has no correction to take back" in said


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            Answer(422, {"detail": [{"loc": ["body", "tags"], "msg": "tags: too many"}]}),
            "tags: too",
        ),
        (Answer(503, {"detail": "Kafka is away"}), "Kafka is away; try again"),
        (Answer(413, {"detail": "the body has more than 9 bytes"}), "more than 9 bytes"),
        (Answer(200, {"hello": "world"}), "is it the right address?"),
    ],
)
async def test_failure_of_the_memory_is_told_in_words(answer: Answer, words: str) -> None:
    with serving(answer) as memory:
        said = await refused(memory, "store", content="x")

    assert words in said


@pytest.mark.parametrize(
    ("tool", "arguments", "answer"),
    [
        ("recall", {"memory_id": "m" * 50_000}, Answer(404, {"detail": "none"})),
        ("search", {"query": "q" * 50_000}, Answer(500, {})),
        ("search", {"query": "x", "q" * 50_000: 1}, Answer(500, {})),
        ("q" * 50_000, {}, Answer(500, {})),
        ("stats", {}, Answer(500, {"detail": "w" * 50_000})),
    ],
    ids=["id", "value", "argument", "tool", "server"],
)
async def test_failure_is_told_shortly_whatever_was_sent(
    tool: str, arguments: dict[str, Any], answer: Answer
) -> None:
    with serving(answer) as memory:
        assert len(await refused(memory, tool, **arguments)) < 1_500


async def test_failure_does_not_tell_the_model_the_key_in_the_address() -> None:
    with serving(Answer(200, {"hello": "world"})) as memory:
        address = memory.url.replace("http://", "http://any:secret@")
        async with Client(server_of(AsyncMemory(address))) as client:
            result = await client.call_tool("stats", {})

    assert result.is_error
    assert memory.url in str(result.content)
    assert "secret" not in str(result.content)
