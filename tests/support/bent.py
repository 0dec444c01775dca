"""Genuine messages, bent: strategies that replace some of their values by values of any kind, written in JSON."""

import json

from hypothesis import strategies as st

from tests.support.odd_json import ODD, bend

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
)
values = st.sampled_from(ODD) | trees.map(json.dumps)
anything = (st.binary(max_size=200) | values.map(str.encode)).map(bytes)


def bent(*genuine: bytes, by: st.SearchStrategy[str] = values, most: int = 4) -> st.SearchStrategy[bytes]:
    """Genuine messages with a few of their values replaced."""
    return st.builds(bend, st.sampled_from(genuine), st.randoms(use_true_random=False), st.lists(by, max_size=most))
