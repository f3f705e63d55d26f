"""Ids as dense integers: dictionaries, also in chunks, and what is looked up by them."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.events.codes import encode, encoded, looked_up

KEYS = st.lists(st.sampled_from(["a", "b", "c", None]), max_size=12)


@given(first=KEYS, second=KEYS)
def test_chunks_with_dictionaries_of_their_own_give_the_codes_of_the_whole(first, second):
    chunks = [pa.array(part, pa.string()).dictionary_encode() for part in (first, second)]
    codes, names = encode(pa.chunked_array(chunks))
    assert [None if code < 0 else names[code] for code in codes] == [*first, *second]
    assert codes.dtype == np.int32


@given(keys=KEYS, values=st.dictionaries(st.sampled_from(["a", "b", "d"]), st.sampled_from(["x", "y", None])))
def test_each_key_gets_its_value_or_null(keys, values):
    known, of_known = pa.array(list(values), pa.string()), pa.array(list(values.values()), pa.string())
    found = looked_up(encoded(pa.array(keys, pa.string())), known, of_known)
    assert found.to_pylist() == [values.get(key) for key in keys]


@pytest.mark.parametrize("values", [[], [None, None]])
def test_nothing_to_look_up(values):
    keys = encoded(pa.array(values, pa.string()))
    assert looked_up(keys, pa.array(["a"]), pa.array(["x"])).to_pylist() == values
