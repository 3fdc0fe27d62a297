"""The query about working memory: what a namespace is busy with."""

from uuid import UUID

from schemas.queries import InFocus, WorkingMemoryQuery, WorkingMemoryResult
from schemas.replies import Reply
from services.retrieval.ports import MemoryReader
from services.retrieval.working_memory import CHOSEN_FROM, focus_of


class WorkingMemoryQueries:
    """Answers `working_memory`."""

    def __init__(self, reader: MemoryReader) -> None:
        self._reader = reader

    async def working_memory(self, query: WorkingMemoryQuery, now_ms: int) -> Reply:
        """Memories in focus, the strongest first; reading them changes nothing."""
        namespace = query.namespace
        position, parameters, memories = await self._reader.recent(namespace, CHOSEN_FROM)
        focus = focus_of(memories, now_ms, parameters)
        documents = await self._reader.documents(
            namespace, [(memories.ids[i], "active") for i in focus]
        )
        result = WorkingMemoryResult(
            memories=[
                InFocus(
                    memory_id=UUID(memories.ids[i]),
                    content=document.content,
                    memory_type=document.memory_type,
                    activation=activation,
                    last_accessed=int(memories.states["last_accessed_ms"][i]),
                    concepts=document.concepts,
                )
                for (i, activation), document in zip(focus.items(), documents, strict=True)
                if document is not None
            ],
            capacity=parameters.focus_capacity,
            window_seconds=parameters.focus_seconds,
        )
        return Reply(result=result.model_dump(mode="json"), position=position)
