"""Filters by metadata: what passes, and what is no filter."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.filters import MetadataFilter, matches

FILTER: TypeAdapter[dict[str, Any]] = TypeAdapter(MetadataFilter)
SAID = {
    "kind": "invoice",
    "total": 120,
    "paid": True,
    "note": None,
    "from": {"city": "Bern", "zip": 3011},
    "a.b": 1,
    "tags": ["x", 1],
}
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.sampled_from("ab")


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"kind": "invoice"},
        {"kind": {"$eq": "invoice"}, "total": 120.0},
        {"total": {"$gt": 119.5, "$lt": 121, "$gte": 120, "$lte": 120}},
        {"kind": {"$gte": "a", "$ne": "offer", "$in": ["offer", "invoice"]}},
        {"from": {"city": "Bern"}},
        {"from": {"city": {"$in": ["Bern"]}, "zip": {"$lt": 4000}}},
        {"from.city": "Bern"},
        {"from": {"$eq": {"zip": 3011, "city": "Bern"}}},
        {"a.b": 1},
        {"tags": ["x", 1]},
        {"note": None},
        {"note": {"$exists": True}, "other": {"$exists": False, "$ne": 1}, "kind.x": {"$ne": 1}},
    ],
)
def test_what_metadata_say_passes(wanted: dict[str, Any]) -> None:
    assert matches(FILTER.validate_python(wanted), SAID)


@pytest.mark.parametrize(
    "wanted",
    [
        {"kind": "offer"},
        {"paid": 1},
        {"total": "120"},
        {"total": {"$gt": 120}},
        {"total": {"$lt": "999"}},
        {"paid": {"$gte": 0}},
        {"note": {"$lte": 1}},
        {"other": {"$lt": 9}},
        {"other": {"$gte": 0}},
        {"other": None},
        {"other": {"$in": [None]}},
        {"from": {"city": "Basel"}},
        {"from": "Bern"},
        {"from": {"$eq": {"city": "Bern"}}},
        {"kind": {"x": 1}},
        {"total": {"$in": []}},
        {"total": {"$exists": False}},
        {"kind": "invoice", "total": 1},
        {"tags": "x"},
    ],
)
def test_what_metadata_do_not_say_does_not_pass(wanted: dict[str, Any]) -> None:
    assert not matches(FILTER.validate_python(wanted), SAID)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"a": {"$like": "x"}}, r"\$like is no operator: a has no such condition; known: \$eq, "),
        ({"a": {"b": {"$regex": "x"}}}, r"\$regex is no operator: a.b has no such"),
        ({"$or": [{"a": 1}]}, r"\$or is no operator: a filter begins with fields"),
        ({"a": {"$gt": 1, "b": 2}}, r"b is no operator"),
        ({"a": {"$in": "x"}}, r"a: \$in takes a list"),
        ({"a": {"$exists": 1}}, r"a: \$exists takes true or false"),
        ({"a": {"$gt": None}}, r"a: \$gt takes a number or a text"),
        ({"a": {"$lte": True}}, r"a: \$lte takes a number or a text"),
        ({"a": {}}, "a: say what it must be"),
    ],
)
def test_what_is_no_filter_is_refused_by_name(wanted: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FILTER.validate_python(wanted)


@given(SCALARS, SCALARS)
def test_operators_agree_with_each_other(value: Any, bound: Any) -> None:
    def holds(**wanted: Any) -> bool:
        return matches({"x": {f"${name}": each for name, each in wanted.items()}}, {"x": value})

    assert holds(eq=bound) != holds(ne=bound)
    assert holds(eq=bound) == holds(**{"in": [bound]}) == matches({"x": bound}, {"x": value})
    if holds(gte=bound) or holds(lte=bound):
        assert holds(gt=bound) + holds(lt=bound) + holds(eq=bound) == 1
        assert holds(gte=bound) == (holds(gt=bound) or holds(eq=bound))
        assert holds(lte=bound) == (holds(lt=bound) or holds(eq=bound))
    else:
        assert not holds(gt=bound)
        assert not holds(lt=bound)
