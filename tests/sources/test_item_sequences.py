"""Sequences as recommender papers publish them."""

import ibis
import pytest

from crm_pipelines.config import SourceSpec
from crm_pipelines.errors import UserError
from crm_pipelines.sources import RawFolder, read

BLOCK = {
    "title": "Sequences",
    "reader": "item_sequences",
    "interactions": {"file": "s.txt", "in_order": True, "behaviours": {"event": "event"}},
}


def events(tmp_path, text: str, **changes):
    (tmp_path / "s.txt").write_text(text)
    spec = SourceSpec.model_validate({**BLOCK, "interactions": {**BLOCK["interactions"], **changes}})
    return read(RawFolder(tmp_path, ibis.duckdb.connect()), spec)


def test_every_item_is_an_event_in_the_order_of_the_file(tmp_path):
    found = events(tmp_path, "1 10 11 12\n2 11\n\n3 12 10\n")
    frame = found.interactions.order_by("row").to_pandas()
    assert list(zip(frame["customer_id"], frame["item_id"], strict=True)) == [
        ("1", "10"), ("1", "11"), ("1", "12"), ("2", "11"), ("3", "12"), ("3", "10"),
    ]  # fmt: skip
    assert frame["timestamp"].tolist() == frame["row"].tolist() == [1, 2, 3, 4, 5, 6]
    assert found.notes["sequences"] == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1 10 11\n2\n", "line 2 holds a user without items"),
        ("1 10 11\n1 12\n", "a user has more than one line"),
        ("\n\n", "no line holds a sequence"),
    ],
    ids=["no items", "two lines", "nothing"],
)
def test_what_cannot_be_a_sequence_is_named(tmp_path, text, says):
    with pytest.raises(UserError, match=says):
        events(tmp_path, text)


def test_a_block_that_promises_times_is_refused(tmp_path):
    with pytest.raises(UserError, match="in_order: true"):
        events(tmp_path, "1 10 11\n", in_order=False, behaviours={"a": "a", "b": "b"})
