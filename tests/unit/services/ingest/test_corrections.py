"""Corrections at ingest: what is embedded of a new text, and what it is linked to."""

from schemas.events import MemoryCorrected
from services.ingest.ports import Ref
from services.readside.documents import Document
from tests.builders import NAMESPACE, TIME_MS, correct, memory_id
from tests.fakes.memories import MemoryMemories
from tests.fakes.vocabularies import FoldedVocabularies
from tests.unit.services.ingest.inbox import Member, record

ANN = memory_id("ann")
REF: Ref = (NAMESPACE, ANN)
KNOWN = Document(
    content="I moved to Leeds.",
    memory_type="episodic",
    created_ms=TIME_MS,
    tags=[],
    session=None,
    speaker="Noemi",
    concepts=["home", "Leeds"],
    derived_from=[],
    context=None,
    metadata={},
    corrections=[],
)


async def corrected(member: Member, **fields: object) -> MemoryCorrected:
    """The event that a correction of what Noemi said becomes."""
    vocabulary = member.vocabularies
    for offset, name in enumerate(("Leeds", "Bern")):
        vocabulary.learn(NAMESPACE, name, (), offset)
    await (await member.begin()).handle(record(5, correct(ANN, **fields)))
    (event,) = member.log.events
    assert isinstance(event, MemoryCorrected)
    return event


async def test_new_text_is_embedded_with_the_date_and_the_speaker_of_the_memory() -> None:
    member = Member(memories=MemoryMemories({REF: KNOWN}))

    event = await corrected(member, content="I moved to Bern.")

    assert event.subject == str(ANN)
    assert event.data.text is not None
    assert event.data.text.indexed_text == "[15 Jun 2025] Noemi: I moved to Bern."


async def test_concepts_of_the_old_text_go_and_those_linked_on_purpose_stay() -> None:
    member = Member(memories=MemoryMemories({REF: KNOWN}))

    event = await corrected(member, content="I moved to Bern.")

    assert event.data.text is not None
    assert event.data.text.concepts == ["home", "Bern"]


async def test_text_of_a_memory_that_reads_do_not_show_is_embedded_by_itself() -> None:
    event = await corrected(Member(vocabularies=FoldedVocabularies()), content="I moved to Bern.")

    assert event.data.text is not None
    assert event.data.text.indexed_text == "I moved to Bern."
    assert event.data.text.concepts == ["Bern"]


async def test_correction_of_tags_and_metadata_has_no_text() -> None:
    event = await corrected(Member(), tags=["home"], metadata={"a": 1}, reason="misheard")

    assert event.data.text is None
    assert (event.data.tags, event.data.metadata) == (["home"], {"a": 1})
    assert event.data.reason == "misheard"
