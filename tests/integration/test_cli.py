"""The command line against a running system: store, find, change, follow, rebuild."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from human_memory.bus.producer import DurableProducer
from human_memory.bus.settings import KafkaSettings
from schemas.topics import EVENTS, QUERIES, Topic
from tests.integration.installation import ROOT, Installation

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]

BUSY_PORT = 8001
PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def hm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """All services in one process, started while the usual port of one is taken."""
    installation = Installation(tmp_path_factory.mktemp("cli"))
    with socket.socket() as other_program:
        other_program.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # taken already: as good
            other_program.bind(("127.0.0.1", BUSY_PORT))
            other_program.listen()
        started = installation.run("up", "--detach")
    try:
        assert started.code == 0, started.complained
        yield installation
    finally:
        installation.run("down")
    assert installation.processes() == {}


@pytest.fixture
def namespace() -> str:
    """One that nobody else uses."""
    return f"test/{uuid4().hex[:8]}"


def stored(hm: Installation, namespace: str, text: str, *options: str) -> dict[str, str]:
    reply: dict[str, str] = hm.run("store", text, "-n", namespace, "--json", *options).json()
    return reply


def test_system_that_is_up_is_well_in_every_part(hm: Installation) -> None:
    status = hm.run("status", "--json").json()

    assert status["ok"]
    by_name = {component["name"]: component for component in status["components"]}
    assert list(by_name) == [
        *("kafka", "redis", "gateway", "ingest", "projection", "retrieval", "maintenance")
    ]
    assert by_name["kafka"]["version"] == "4.1.0"
    assert by_name["ingest"]["lag"] is not None
    assert by_name["projection"]["lag"] is not None
    assert by_name["retrieval"]["address"] == hm.state()["http"]["retrieval"]


def test_service_whose_port_is_taken_gets_another(hm: Installation) -> None:
    assert not hm.state()["http"]["ingest"].endswith(f":{BUSY_PORT}")


def test_all_services_with_a_model_share_one_process(hm: Installation) -> None:
    services = [line for line in hm.processes().values() if "services.run" in line]

    assert len(services) == 2
    assert sum(" ingest projection retrieval maintenance " in line for line in services) == 1
    assert sum(" gateway " in line for line in services) == 1


def test_second_up_says_what_runs_and_changes_nothing(hm: Installation) -> None:
    before = hm.processes()

    detached, foreground = hm.run("up", "--detach"), hm.run("up")

    assert (detached.code, foreground.code) == (0, 0)
    assert "already running" in detached.printed
    assert hm.state()["kafka"] in foreground.printed
    assert hm.processes() == before


def test_what_is_stored_is_found_after_its_position(hm: Installation, namespace: str) -> None:
    reply = stored(hm, namespace, "The spare key is under the fig tree.", "--speaker", "Ada")

    found = hm.run(
        *("search", "Where is the key?", "-n", namespace, "--after", reply["position"], "--json")
    ).json()

    assert [each["memory_id"] for each in found["results"]] == [reply["memory_id"]]
    assert found["results"][0]["speaker"] == "Ada"


def test_text_from_standard_input_is_stored_with_all_it_was_given(
    hm: Installation, namespace: str
) -> None:
    options = ["--type", "semantic", "--tag", "home", "--session", "s1", "--key", "k1"]
    options += ["--metadata", '{"page": 3}', "--at", "2026-01-02T03:04:05Z", "--pinned", "--wait"]
    reply = hm.run("store", "-", "-n", namespace, "--json", *options, text="Figs ripen.\n").json()

    seen = hm.run("inspect", reply["memory_id"], "-n", namespace, "--json").json()

    assert (seen["content"], seen["memory_type"], seen["tags"]) == (
        "Figs ripen.",
        "semantic",
        ["home"],
    )
    assert (seen["session"], seen["metadata"], seen["pinned"]) == ("s1", {"page": 3}, True)
    assert seen["created_at"] == "2026-01-02T03:04:05.000Z"


def test_recall_and_access_strengthen_and_inspect_does_not(
    hm: Installation, namespace: str
) -> None:
    memory = stored(hm, namespace, "Tea is at four.", "--wait")["memory_id"]
    recalled = hm.run("recall", memory, "-n", namespace, "--json").json()
    reported = hm.run("access", memory, "-n", namespace, "--kind", "used", "--json").json()
    after = ["--after", reported["position"]]

    first = hm.run("inspect", memory, "-n", namespace, "--json", *after).json()
    second = hm.run("inspect", memory, "-n", namespace, "--json", *after).json()

    assert recalled["access_count"] == 2
    assert first["access_count"] == second["access_count"] == 3
    assert [access["kind"] for access in first["access_history"]] == ["used", "recall", "creation"]


def test_forgotten_memory_is_not_found_until_it_is_restored(
    hm: Installation, namespace: str
) -> None:
    memory = stored(hm, namespace, "The safe code is 1234.", "--wait")["memory_id"]

    def found(after: str) -> int:
        arguments = ["search", "safe code", "-n", namespace, "--no-record", "--json"]
        count: int = hm.run(*arguments, "--after", after).json()["count"]
        return count

    forgotten = hm.run("forget", memory, "-n", namespace, "--reason", "asked", "--json").json()
    without = found(forgotten["position"])
    restored = hm.run("restore", memory, "-n", namespace, "--json").json()

    assert (without, found(restored["position"])) == (0, 1)


def test_expiry_is_stored_and_corrected_and_nonsense_is_refused(
    hm: Installation, namespace: str
) -> None:
    times = ("--at", "2026-01-01", "--expires-at", "2026-02-01T09:30:00Z")
    memory = stored(hm, namespace, "The safe code is 1234.", "--wait", *times)["memory_id"]

    def seen(*after: str) -> tuple[str, str | None]:
        detail = hm.run("inspect", memory, "-n", namespace, "--json", *after).json()
        return detail["status"], detail.get("expires_at")

    before = seen()
    past = hm.run("correct", memory, "-n", namespace, "--expires-at", "2026-03-01")
    odd = hm.run("correct", memory, "-n", namespace, "--expires-at", "soon")
    done = hm.run("correct", memory, "-n", namespace, "--expires-at", "never", "--json").json()

    assert before == ("decayed", "2026-02-01T09:30:00.000Z")
    assert (past.code, "is not after" in past.complained) == (1, True)
    assert (odd.code, "--expires-at soon: give a time" in odd.complained) == (2, True)
    assert seen("--after", done["position"]) == ("active", None)


def test_forgetting_what_was_never_there_is_an_error(hm: Installation, namespace: str) -> None:
    done = hm.run("forget", str(uuid4()), "-n", namespace)

    assert done.code == 1
    assert namespace in done.complained


def test_import_stores_a_conversation_once_and_list_pages_through_it(
    hm: Installation, namespace: str, tmp_path: Path
) -> None:
    document = json.loads((ROOT / "examples" / "conversation.json").read_text("utf-8"))
    dialogue = document["dialogues"][0]
    dialogue["turns"] = dialogue["turns"][:12]
    file = tmp_path / "short.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    hm.run("import", str(file), "-n", namespace)

    (imported,) = hm.run("import", str(file), "-n", namespace, "--json").json()

    own = ["-n", imported["namespace"], "--json"]
    stats = hm.run("stats", *own, "--after", imported["position"]).json()
    assert (imported["memories"], stats["total"], stats["active"]) == (12, 12, 12)
    first = hm.run("list", *own, "--limit", "8").json()
    second = hm.run("list", *own, "--limit", "8", "--cursor", first["next_cursor"]).json()
    ids = [each["memory_id"] for each in first["memories"] + second["memories"]]
    assert (len(ids), len(set(ids))) == (12, 12)


def test_tail_shows_what_went_through_the_log_of_one_namespace(
    hm: Installation, namespace: str
) -> None:
    stored(hm, f"{namespace}/other", "Someone else's.")
    reply = stored(hm, namespace, "Mine.", "--wait")
    hm.run("recall", reply["memory_id"], "-n", namespace)

    lines = hm.run("tail", "-n", namespace, "--no-follow", "--json").printed.splitlines()

    values = [json.loads(line)["value"] for line in lines]
    assert [value["type"] for value in values] == ["memory.stored.v1", "memory.accessed.v1"]
    assert values[0]["subject"] == reply["memory_id"]


def test_dead_letter_is_listed_shown_and_sent_again(hm: Installation, namespace: str) -> None:
    refused = hm.run("store", "From the future.", "-n", namespace, "--at", "2999-01-01")
    listed = hm.run("dead-letters", "list", "--json").json()
    letter = next(each for each in listed if each["key"] == namespace)
    place = f"{letter['partition']}:{letter['offset']}"

    shown = hm.run("dead-letters", "show", place, "--json").json()
    sent = hm.run("dead-letters", "replay", place, "--json").json()

    # Refused again, it is another dead letter, which is not sent back by itself.
    again = hm.run("dead-letters", "replay", place)
    assert again.code == 1
    assert f"{place} was sent back before, as {sent[0]['sent_to']}" in again.complained
    refused_again = letters_with(hm, namespace, 2)
    assert [each["state"] for each in refused_again] == ["returned", "waiting"]
    assert refused_again[0]["returned_as"] == refused_again[1]["place"]

    assert refused.code == 1
    assert "is in the future" in refused.complained
    assert shown["value"]["content"] == "From the future."
    assert (shown["reason"]["code"], shown["reason"]["topic"]) == ("validation", "memory.inbox")
    assert [each["dead_letter"] for each in sent] == [place]
    lines = hm.run("tail", "--topic", "inbox", "-n", namespace, "--no-follow", "--json").printed
    assert [json.loads(line)["value"] for line in lines.splitlines()] == [shown["value"]] * 2


def letters_with(hm: Installation, key: str, count: int) -> list[dict[str, Any]]:
    """Dead letters with a key, once there are so many."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        letters: list[dict[str, Any]] = hm.run(
            "dead-letters", "list", "--key", key, "--json"
        ).json()
        if len(letters) >= count:
            return letters
        assert time.monotonic() < until, f"{len(letters)} dead letters only"


def test_replays_of_all_send_each_dead_letter_back_once(hm: Installation, namespace: str) -> None:
    texts = ["One.", "Two.", "Three."]
    for text in texts:
        hm.run("store", text, "-n", namespace, "--at", "2999-01-01")
    mine = ("--key", namespace)
    discarded = letters_with(hm, namespace, 3)[0]["place"]

    assert hm.run("dead-letters", "discard", discarded, "--json").json() == [discarded]
    counts = []
    for number in range(3):
        sent = hm.run("dead-letters", "replay", "--all", *mine, "--json").json()
        letters = letters_with(hm, namespace, 5 if number or sent else 3)
        counts.append((len(sent), len(letters)))
    told = hm.run("dead-letters", "replay", "--all", *mine).printed
    again = hm.run("dead-letters", "replay", "--all", "--again", *mine, "--json").json()

    assert counts == [(2, 5), (0, 5), (0, 5)]
    assert "0 sent; 2 were sent back before" in told
    assert len(again) == 2
    states = [each["state"] for each in letters_with(hm, namespace, 7)]
    assert sorted(states) == ["discarded", *["returned"] * 4, *["waiting"] * 2]
    done = hm.run("dead-letters", "discard", "--all", *mine, "--json").json()
    assert len(done) == 2
    waiting = hm.run("dead-letters", "list", *mine, "--state", "waiting", "--json").json()
    assert waiting == []


def test_replay_of_all_dead_letters_sends_commands_back_but_no_queries_and_no_events(
    hm: Installation, namespace: str
) -> None:
    hm.run("store", "From the future.", "-n", namespace, "--at", "2999-01-01")
    append_garbage(hm, namespace, QUERIES, EVENTS)
    refused = {"memory.inbox", "memory.queries", "memory.events"}
    letters: list[dict[str, Any]] = []
    until = time.monotonic() + PATIENCE_SECONDS
    while {letter["reason"]["topic"] for letter in letters} != refused:
        assert time.monotonic() < until, f"dead letters of {letters} only"
        listed = hm.run("dead-letters", "list", "--json").json()
        letters = [each for each in listed if each["key"] == namespace]

    sent = hm.run("dead-letters", "replay", "--all", "--json").json()

    topics = {each["dead_letter"]: each["sent_to"].split()[0] for each in sent}
    assert set(topics.values()) == {"memory.inbox"}
    assert {
        letter["reason"]["topic"]
        for letter in letters
        if f"{letter['partition']}:{letter['offset']}" in topics
    } == {"memory.inbox"}


def append_garbage(hm: Installation, namespace: str, *topics: Topic) -> None:
    """Append what no service understands."""
    settings = KafkaSettings(kafka=hm.state()["kafka"])

    async def append() -> None:
        async with DurableProducer(settings) as producer:
            for topic in topics:
                await producer.send(settings.topic(topic), b"{", key=namespace.encode())

    asyncio.run(append())


def test_dead_letter_that_is_not_there_is_an_error_that_says_where_to_look(
    hm: Installation,
) -> None:
    done = hm.run("dead-letters", "show", "0:999999")

    assert (done.code, done.printed) == (1, "")
    assert "human-memory dead-letters list" in done.complained


def test_replay_beside_the_live_read_side_gives_the_same_digest(
    hm: Installation, namespace: str
) -> None:
    stored(hm, namespace, "Kept through a rebuild.", "--wait")
    before = hm.run("digest").printed.strip()

    report = hm.run("replay", "--json").json()

    assert report["identical"]
    assert report["digest"] == before == hm.run("digest").printed.strip()


def test_read_side_that_is_lost_comes_back_from_the_log_by_itself(
    hm: Installation, namespace: str
) -> None:
    reply = stored(hm, namespace, "Kept through a loss.", "--wait")

    report = hm.run("replay", "--from-empty", "--json").json()

    assert report["identical"]
    assert report["keys_deleted"] > 0
    seen = hm.run("inspect", reply["memory_id"], "-n", namespace, "--json").json()
    assert seen["content"] == "Kept through a loss."


def test_runs_of_maintenance_are_done_listed_shown_and_undone(
    hm: Installation, namespace: str
) -> None:
    for day in range(3):
        stored(hm, namespace, "Ann drinks green tea.", "--session", f"day {day}")
    here = ("-n", namespace, "--json")

    done = hm.run("maintenance", "run", "consolidation", *here).json()
    run_id = done["run_id"]
    listed = hm.run("maintenance", "runs", *here).json()["runs"]
    shown = hm.run("maintenance", "show", run_id, *here).json()
    undone = hm.run("undo", run_id, *here).json()
    after = hm.run("maintenance", "show", run_id, *here).json()

    assert done["report"]["facts_extracted"] == 1
    assert [run["run_id"] for run in listed] == [run_id]
    assert (shown["status"], shown["report"]) == ("completed", done["report"])
    assert undone["report"]["memories_deleted"] == 1
    assert undone["report"]["concepts_removed"] == done["report"]["concepts_added"]
    assert after["status"] == "undone"
    people = hm.run("maintenance", "show", run_id, "-n", namespace)
    assert "facts_extracted" in people.printed


def test_run_that_failed_is_shown_with_why_and_an_unknown_job_is_refused(
    hm: Installation, namespace: str
) -> None:
    stored(hm, namespace, "Something.")
    nobody = f"memory_id={uuid4()}"

    failed = hm.run("maintenance", "run", "interference", "--set", nobody, "-n", namespace)
    unknown = hm.run("maintenance", "run", "hypnosis", "-n", namespace)
    runs = hm.run("maintenance", "runs", "-n", namespace, "--json").json()["runs"]
    people = hm.run("maintenance", "runs", "-n", namespace)

    assert failed.code != 0
    assert "not in namespace" in failed.complained
    assert unknown.code != 0
    assert "interference" in unknown.complained  # what jobs there are
    assert [(run["status"], run["error"]["code"]) for run in runs] == [("failed", "not_found")]
    assert "failed" in people.printed


def test_status_of_named_servers_tells_who_is_at_work_for_them(hm: Installation) -> None:
    state = hm.state()
    elsewhere = Installation(hm.data / "elsewhere")
    named = ("--kafka", state["kafka"], "--redis", state["redis"])

    status = elsewhere.run("status", "--json", *named).json()

    states = {component["name"]: component["state"] for component in status["components"]}
    services = dict.fromkeys(("ingest", "projection", "retrieval", "maintenance"), "1 at work")
    assert states == {"kafka": "ready", "redis": "ready", **services}


def test_normal_start_logs_no_errors(hm: Installation) -> None:
    logs = [(hm.data / "logs" / f"{name}.log").read_text() for name in ("gateway", "services")]

    lines = [json.loads(line) for log in logs for line in log.splitlines()]

    assert len(lines) > 10
    assert [line for line in lines if line["level"] not in ("info", "warning")] == []


def test_topics_of_a_running_system_are_right(hm: Installation) -> None:
    assert hm.run("topics", "check").code == 0
    assert hm.run("topics", "apply", "--json").json() == []


@pytest.mark.parametrize(
    "arguments",
    [["search", "tea"], ["list"], ["stats"], ["tail", "--no-follow"], ["status"], ["digest"]],
    ids=lambda arguments: arguments[0],
)
def test_output_for_people_succeeds_and_is_no_json(hm: Installation, arguments: list[str]) -> None:
    done = hm.run(*arguments)

    assert done.code == 0, done.complained
    assert done.printed.strip()
    assert not done.printed.lstrip().startswith("{")
