"""Sessions: which memory came before and after which."""

from bisect import bisect_right

from services.projection.fold.view import Ref, View
from services.readside.collections import SESSIONS, Place, pack_place


def put_into_session(view: View, ref: Ref, session: str) -> None:
    """Put a new memory into its session, by time; of one time the later recorded comes later.

    Its neighbours are known: the view holds the places on both sides of every new one.
    """
    namespace, memory_id = ref
    state = view.memories[ref].state
    place: Place = (state.created_ms, state.offset, memory_id)
    places = view.namespace(namespace).sessions.setdefault(session, [])
    at = bisect_right(places, place)
    before = places[at - 1] if at > 0 else None
    after = places[at] if at < len(places) else None
    places.insert(at, place)
    view.put(SESSIONS, namespace, (session, pack_place(place)), place[0])
    for neighbour, is_before in ((before, True), (after, False)):
        if neighbour is None:
            continue
        other = view.memories[namespace, neighbour[2]]
        if is_before:
            state.previous, other.state.next = neighbour[2].bytes, memory_id.bytes
        else:
            state.next, other.state.previous = neighbour[2].bytes, memory_id.bytes
        other.changed_at = state.offset
        view.touch(namespace).memories.add(neighbour[2])
