"""The bounded mapping: order, bound, and what has to go."""

from __future__ import annotations

from collections import OrderedDict

from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.bounded import BoundedMap


def test_the_one_put_longest_ago_goes_first() -> None:
    table: BoundedMap[str, int] = BoundedMap(2)
    assert table.put("a", 1) is None
    assert table.put("b", 2) is None
    assert table.get("a") == 1
    assert table.put("c", 3) == ("a", 1)  # to read it did not make it younger
    assert table.put("b", 4) is None
    assert (list(table), list(table.values())) == (["c", "b"], [3, 4])
    assert table.put("d", 5) == ("c", 3)
    assert "c" not in table
    assert table.pop("c") is None
    assert table.pop("c", 7) == 7
    assert table.pop("b") == 4
    assert dict(table.items()) == {"d": 5}
    assert list(table.keys()) == ["d"]
    table.clear()
    assert len(table) == 0


def test_what_is_over_goes_up_to_the_first_that_is_not() -> None:
    table: BoundedMap[str, int] = BoundedMap(9)
    for number, key in enumerate("abcd"):
        table.put(key, number)
    table.put("a", 1)
    table.expire(lambda value: value < 3)
    assert list(table) == ["d", "a"]
    table.expire(lambda value: True)
    table.expire(lambda value: True)
    assert len(table) == 0


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.sampled_from(["put", "pop"]), st.integers(0, 7), st.integers())),
)
def test_it_does_what_an_ordered_dict_with_a_bound_does(
    size_max: int, steps: list[tuple[str, int, int]]
) -> None:
    table: BoundedMap[int, int] = BoundedMap(size_max)
    model: OrderedDict[int, int] = OrderedDict()
    for what, key, value in steps:
        if what == "put":
            model[key] = value
            model.move_to_end(key)
            gone = model.popitem(last=False) if len(model) > size_max else None
            assert table.put(key, value) == gone
        else:
            assert table.pop(key) == model.pop(key, None)
        assert list(table.items()) == list(model.items())
