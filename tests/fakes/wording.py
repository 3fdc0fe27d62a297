"""A wording of facts that answers as a test says."""

from services.maintenance.phrasing import Nonsense, WordingFailed

Answer = str | None | Nonsense | WordingFailed


class Told:
    """`Wording` by answers that are given one after the other; the last one stays."""

    name = "told"

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)

    async def fact(self, texts: list[str]) -> str | None:
        assert texts
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer
