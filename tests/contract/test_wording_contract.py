"""The contract of what words facts, on the fake and on a language model behind its API."""

from collections.abc import AsyncIterator, Callable

import orjson
import pytest

from services.maintenance.adapters.language_model import LanguageModel
from services.maintenance.phrasing import Nonsense, Wording, WordingFailed
from services.maintenance.settings import MaintenanceSettings
from tests.fakes.wording import Answer, Told
from tests.language_model import LocalModel, http, said

TEXTS = ["Ann drinks tea.", "Ann had tea.", "Tea for Ann."]
# Makes a wording that gives these answers, one after the other; the last one stays.
Telling = Callable[..., Wording]


class WordingContract:
    """Subclasses give only the `telling` fixture."""

    async def test_fact_is_given_and_so_is_that_there_is_none(self, telling: Telling) -> None:
        wording = telling("Ann likes tea.", None)

        assert await wording.fact(TEXTS) == "Ann likes tea."
        assert await wording.fact(TEXTS) is None

    async def test_nonsense_is_refused_and_the_next_fact_is_worded(self, telling: Telling) -> None:
        wording = telling(Nonsense("42"), "Ann likes tea.")

        with pytest.raises(Nonsense, match="42"):
            await wording.fact(TEXTS)
        assert await wording.fact(TEXTS) == "Ann likes tea."

    async def test_what_no_longer_answers_says_so_each_time(self, telling: Telling) -> None:
        wording = telling("Ann likes tea.", WordingFailed("nobody answers"))
        await wording.fact(TEXTS)

        for _ in range(2):
            with pytest.raises(WordingFailed):
                await wording.fact(TEXTS)

    async def test_wording_has_a_name_for_reports(self, telling: Telling) -> None:
        assert telling(None).name


class TestTold(WordingContract):
    @pytest.fixture
    def telling(self) -> Telling:
        return Told


class TestLanguageModel(WordingContract):
    @pytest.fixture
    async def telling(self) -> AsyncIterator[Telling]:
        answers: list[Answer] = []
        async with LocalModel(lambda n, _: reply(answers[min(n, len(answers)) - 1])) as api:

            def model(*given: Answer) -> LanguageModel:
                answers.extend(given)
                settings = MaintenanceSettings(language_model_url=api.url, language_model="small")
                return LanguageModel(settings)

            yield model


def reply(answer: Answer) -> bytes:
    """The bytes of an API that stand for an answer."""
    match answer:
        case Nonsense():
            return said(str(answer))
        case WordingFailed():
            return http(b"the key is not known", "401 Unauthorized")
        case _:
            return said(orjson.dumps({"fact": answer, "episodes": [1, 2]}).decode())
