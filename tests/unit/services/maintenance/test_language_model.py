"""A language model that answers, answers nonsense, is slow, fails or is down."""

import orjson
import pytest

from services.maintenance.adapters import language_model
from services.maintenance.adapters.language_model import LanguageModel, wording_of
from services.maintenance.phrasing import Nonsense, WordingFailed, question
from services.maintenance.settings import MaintenanceSettings
from tests.language_model import LocalModel, http, said

TEXTS = ["Ann drinks tea.", "Ann had tea.", "Tea for Ann."]
GOOD = '{"fact": "Ann likes tea.", "episodes": [1, 2]}'


def model(url: str, *, calls: int = 20, timeout: float = 60.0) -> LanguageModel:
    return LanguageModel(
        MaintenanceSettings(
            language_model_url=url,
            language_model="small",
            language_model_calls_max=calls,
            language_model_timeout_seconds=timeout,
        )
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once."""
    monkeypatch.setattr(language_model, "BACKOFF_SECONDS", 0.0)


async def test_fact_comes_from_the_answer_and_the_episodes_are_in_the_question() -> None:
    async with LocalModel(lambda *_: said(GOOD)) as api:
        assert await model(api.url).fact(TEXTS) == "Ann likes tea."

    sent = orjson.loads(api.asked[0])
    assert sent["model"] == "small"
    assert "2. Ann had tea." in sent["messages"][1]["content"]


async def test_numbers_of_episodes_may_be_written_as_models_write_them() -> None:
    content = '{"fact": "Ann likes tea.", "episodes": ["1", 3.0]}'
    async with LocalModel(lambda *_: said(content)) as api:
        assert await model(api.url).fact(TEXTS) == "Ann likes tea."


@pytest.mark.parametrize(
    "content",
    [
        f"```json\n{GOOD}\n```",
        f'<think>Tea? {{"fact": 1}} or {{so}}</think>\n\n{GOOD}',
        f"It says {GOOD[:30]} ... {{}}\n</think>\n{GOOD}",
        f'[THINK]{{"fact": "Ann hates tea.", "episodes": [1, 2]}}?[/THINK]{GOOD}',
        f"<|channel|>analysis<|message|>{{}}<|end|><|channel|>final<|message|>{GOOD}",
        f"{GOOD}<think>Was that right?",
        f"Here you are: {GOOD}\nI hope that {{this}} helps.",
        f'{{"result": {GOOD}}}',
        f"{GOOD}{{}}",
    ],
    ids=[
        "fenced",
        "thought aloud",
        "end of a thought alone",
        "thought in brackets",
        "channels",
        "thought behind",
        "explained",
        "wrapped",
        "trailing",
    ],
)
async def test_fact_is_found_in_what_a_model_says_around_it(content: str) -> None:
    async with LocalModel(lambda *_: said(content)) as api:
        assert await model(api.url).fact(TEXTS) == "Ann likes tea."


async def test_text_that_comes_in_parts_is_read_as_one() -> None:
    parts = [
        {"type": "reasoning"},
        *({"type": "text", "text": part} for part in (GOOD[:9], GOOD[9:])),
    ]
    body = http(orjson.dumps({"choices": [{"message": {"content": parts}}]}))
    async with LocalModel(lambda *_: body) as api:
        assert await model(api.url).fact(TEXTS) == "Ann likes tea."


@pytest.mark.parametrize("type_", ["text", "output_text"])
async def test_parts_of_text_have_either_name(type_: str) -> None:
    body = {"choices": [{"message": {"content": [{"type": type_, "text": GOOD}]}}]}
    async with LocalModel(lambda *_: http(orjson.dumps(body))) as api:
        assert await model(api.url).fact(TEXTS) == "Ann likes tea."


@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "reasoning_content": f"Perhaps {GOOD}"},
        {"content": None, "refusal": "I can't help with that."},
        {"content": "", "tool_calls": []},
        {"content": []},
        {"role": "assistant"},
    ],
)
async def test_answer_without_text_is_no_fact_and_the_model_is_asked_for_the_next(
    message: dict[str, object],
) -> None:
    body = http(orjson.dumps({"choices": [{"message": message}]}))
    async with LocalModel(lambda *_: body) as api:
        with pytest.raises(Nonsense, match="an answer without text"):
            await model(api.url).fact(TEXTS)

    assert len(api.asked) == 1


@pytest.mark.parametrize("option", ["response_format", "temperature"])
@pytest.mark.parametrize(
    "refused",
    [
        http(b'{"error": "unknown field"}', "400 Bad Request"),
        http(b"unknown field", "500 Internal Server Error"),
        http(b"unknown field", "501 Not Implemented"),
        http(b'{"error": {"message": "unknown field", "code": 400}}'),
        http(b'{"error": "unknown field"}'),
    ],
    ids=["400", "500", "501", "400 in an answer", "error in an answer"],
)
async def test_server_that_refuses_an_option_is_asked_without_them_from_then_on(
    option: str, refused: bytes
) -> None:
    async with LocalModel(
        lambda _, body: refused if option.encode() in body else said(GOOD)
    ) as api:
        own = model(api.url)
        first, second = await own.fact(TEXTS), await own.fact(TEXTS)

    assert (first, second) == ("Ann likes tea.", "Ann likes tea.")
    assert [option in orjson.loads(body) for body in api.asked] == [True, False, False]


@pytest.mark.parametrize(
    "status", ["401 Unauthorized", "402 Payment Required", "403 Forbidden", "404 Not Found"]
)
async def test_key_or_model_that_is_refused_leaves_all_facts_for_the_next_run(status: str) -> None:
    async with LocalModel(lambda *_: http(b"no such key", status)) as api:
        with pytest.raises(WordingFailed, match=f"it answers {status[:3]}: 'no such key'"):
            await model(api.url).fact(TEXTS)

    assert len(api.asked) == 1


async def test_text_that_is_refused_is_no_fact_and_the_next_one_is_asked_for() -> None:
    refused = http(b"too long", "400 Bad Request")
    async with LocalModel(lambda _, body: refused if b"Long" in body else said(GOOD)) as api:
        own = model(api.url)
        with pytest.raises(Nonsense, match="it answers 400: 'too long'"):
            await own.fact(["Long.", "Longer."])
        fact = await own.fact(TEXTS)

    assert fact == "Ann likes tea."


@pytest.mark.parametrize("content", ['{"fact": null, "episodes": []}', '{"fact": null}'])
async def test_episodes_that_have_nothing_in_common_give_no_fact(content: str) -> None:
    async with LocalModel(lambda *_: said(content)) as api:
        assert await model(api.url).fact(TEXTS) is None

    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (f"<think>{GOOD} no, that is wrong.</think> I can not say.", "not the JSON"),
        (f"<think>First idea: {GOOD} no, that is", "not the JSON"),
        ("I think that Ann likes tea!", "not the JSON that was asked for: 'I think"),
        ('{"fact": "Ann likes tea."}', "not the JSON"),
        ('{"answer": 42}', "not the JSON"),
        ("[]", "not the JSON"),
        ("[" * 90_000, "not the JSON"),
        ('{"fact": "Ann likes tea.", "episodes": [1e300, null]}', "a list of their numbers"),
        ('{"fact": "Ann likes tea.", "episodes": ["x1", 2]}', "a list of their numbers"),
        ('{"fact": "Ann likes tea.", "episodes": "12"}', "a list of their numbers"),
        ('{"fact": "Ann likes tea.", "episodes": [1.2, 2.9]}', "a list of their numbers"),
        ('{"fact": "Ann likes tea.", "episodes": [true, 2]}', "a list of their numbers"),
        ('{"fact": %s, "episodes": [1, 2]}' % ("[" * 1_000 + "]" * 1_000), "not the JSON"),
        ('{"fact": ["Ann"], "episodes": [1, 2]}', "must be a sentence"),
        ('{"fact": " ", "episodes": [1, 2]}', "must be a sentence"),
        ('{"fact": "Ann likes tea.", "episodes": [1]}', "cites 1 of the 3"),
        ('{"fact": "Ann likes tea.", "episodes": [1, 1, 9]}', "cites 1 of the 3"),
        ('{"fact": "Ann likes tea.", "episodes": [8, 9]}', "cites 0 of the 3"),
    ],
)
async def test_answer_that_is_no_fact_is_refused_and_says_why(content: str, why: str) -> None:
    async with LocalModel(lambda *_: said(content)) as api:
        with pytest.raises(Nonsense, match=why):
            await model(api.url).fact(TEXTS)

    assert len(api.asked) == 1  # asked again it would say the same


async def test_failure_that_heals_is_tried_again() -> None:
    broken = http(b"busy", "503 Service Unavailable")
    async with LocalModel(lambda n, _: broken if n < 3 else said(GOOD)) as api:
        assert await model(api.url).fact(TEXTS) == "Ann likes tea."

    assert len(api.asked) == 3


@pytest.mark.parametrize(
    "body", [b"{}", b"not json", b'{"choices": []}', b"[" * 90_000, b"\xff", b" " * 200_000]
)
async def test_model_that_never_answers_properly_ends_the_phase(body: bytes) -> None:
    async with LocalModel(lambda *_: http(body)) as api:
        with pytest.raises(WordingFailed, match="does not answer"):
            await model(api.url).fact(TEXTS)

    assert len(api.asked) == 3


async def test_model_that_is_too_slow_is_said_to_be() -> None:
    async with LocalModel(lambda *_: None) as api:
        with pytest.raises(WordingFailed, match=r"nothing within 0\.2 s"):
            await model(api.url, timeout=0.2).fact(TEXTS)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "http://localhost:port/v1", "nowhere"])
async def test_model_that_is_not_there_ends_the_phase(url: str) -> None:
    with pytest.raises(WordingFailed, match="does not answer"):
        await model(url).fact(TEXTS)


async def test_calls_of_a_run_are_counted() -> None:
    async with LocalModel(lambda *_: said(GOOD)) as api:
        own = model(api.url, calls=2)
        await own.fact(TEXTS)
        await own.fact(TEXTS)

        with pytest.raises(WordingFailed, match="used up"):
            await own.fact(TEXTS)

    assert len(api.asked) == 2


def test_without_a_url_no_model_is_asked() -> None:
    assert wording_of(MaintenanceSettings()) is None


def test_question_is_one_for_all_episodes() -> None:
    assert len(question(TEXTS)) == 2
