"""Cells of a log: what is read, what becomes null, and what each bad cell says."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_blocks import LOG, own

from crm_pipelines.errors import UserError
from crm_pipelines.sources import cells

HEAD = "customer_id,item_id,timestamp,behaviour\n"
RATED = {"rating_classes": {"negative": 2, "neutral": 3, "positive": 5}}


def log_with(timestamp, **interactions):
    """A log of two rows, the second with this timestamp."""
    return f"{HEAD}a,x,2017-11-25 09:00:00,view\nb,y,{timestamp},buy\n", {"timestamp_format": "iso", **interactions}


class TestTimestamps:
    @pytest.mark.parametrize(
        ("pattern", "cell", "offset", "seconds"),
        [
            ("seconds", "1511571600", 8, 1511571600),
            ("seconds", "1511571600.9", 0, 1511571600),
            ("seconds", "1.5115716e9", 0, 1511571600),
            ("seconds", "-5", 0, -5),
            ("milliseconds", "1511571600999", 0, 1511571600),
            ("iso", "2017-11-25 09:00:00", 0, 1511600400),
            ("iso", "2017-11-25 09:00:00", 8, 1511571600),
            ("iso", "2017-11-25T09:00:00.999", 8, 1511571600),
            ("iso", "2017-11-25T01:00Z", 8, 1511571600),
            ("iso", "2017-11-25T09:00:00+08:00", 3, 1511571600),
            ("iso", "2017-11-25 09:00:00-0530", 0, 1511620200),
            ("iso", "2017-11-25", -8, 1511596800),
            ("iso", "1969-12-31 23:59:59.5", 0, -1),
            ("%d/%m/%Y %H:%M", "25/11/2017 09:00", 8, 1511571600),
            ("%d/%m/%Y %H:%M %z", "25/11/2017 09:00 +0800", 3, 1511571600),
            ("%Y%m%d", "20171125", 0, 1511568000),
            ("%Y-%m-%d %H:%M", "2017-11-25 9:00", 8, 1511571600),
            ("%d.%m.%Y, %H:%M", '"25.11.2017, 09:00"', 8, 1511571600),
        ],
    )
    def test_read(self, folder, pattern, cell, offset, seconds):
        log = folder.log(f"{HEAD}a,x,{cell},buy\n", timestamp_format=pattern, utc_offset_hours=offset)
        assert log.timestamp.tolist() == [seconds]

    def test_blank_and_missing_marks_are_null(self, folder):
        log = folder.log(HEAD + "a,x,,view\na,x, NaN ,buy\na,x,1511571600,buy\n")
        assert log.timestamp.isna().tolist() == [True, True, False]

    @pytest.mark.parametrize(
        ("pattern", "cell", "message"),
        [
            (
                "iso",
                "soon",
                r"log\.csv, row 2, column 'timestamp': 'soon' is not a time in ISO form .*unreadable: drop",
            ),
            ("iso", "2017-13-01 00:00:00", r"row 2.*is not a time"),
            ("iso", "1511571600", "looks like seconds: set 'timestamp_format: seconds'"),
            ("iso", "1511571600000", "looks like milliseconds: set 'timestamp_format: milliseconds'"),
            ("iso", "20171125", "looks like YYYYMMDD"),
        ],
    )
    def test_bad_iso(self, folder, pattern, cell, message):
        content, settings = log_with(cell, timestamp_format=pattern)
        with pytest.raises(UserError, match=message):
            folder.log(content, **settings)

    @pytest.mark.parametrize(
        ("pattern", "cell", "message"),
        [
            ("seconds", "2017-11-25 09:00:00", "looks like an ISO time: set 'timestamp_format: iso'"),
            ("seconds", "1511571600000", "look like milliseconds; set timestamp_format: milliseconds"),
            ("seconds", "1511571600000000", "micro- or nanoseconds"),
            ("seconds", "20171125", "dates written YYYYMMDD"),
            ("seconds", "45443.375", "days since 1900, as spreadsheets count them"),
            ("iso", '"31.05.2024, 09:00"', "looks like '%d.%m.%Y, %H:%M'"),
            ("iso", "2024-05-31 9:00", "looks like '%Y-%m-%d %H:%M'"),
            ("milliseconds", "1511571600", "look like seconds; set timestamp_format: seconds"),
            ("seconds", "inf", "'inf' is not a number of seconds"),
            ("%d/%m/%Y", "2017-11-25", "is not a time in the form '%d/%m/%Y'.*timestamp_format: iso"),
            ("second", "1511571600", "timestamp_format 'second' must be seconds, milliseconds, iso or a pattern"),
            ("%Q", "1511571600", "timestamp_format '%Q' must be"),
        ],
    )
    def test_wrong_format(self, folder, pattern, cell, message):
        with pytest.raises(UserError, match=message):
            folder.log(f"{HEAD}a,x,{cell},buy\n", timestamp_format=pattern)

    def test_one_faulty_clock_does_not_make_a_column_milliseconds(self, folder):
        log = folder.log(HEAD + "a,x,1511571600,buy\n" * 5 + "a,x,1511571600000,buy\n")
        assert log.timestamp.tolist()[-1] == 1511571600000

    def test_dropped_cells_become_null_and_are_counted(self, folder):
        content, settings = log_with("soon", unreadable="drop")
        tables = folder.read(own(folder.write("log.csv", content), **settings))
        assert tables.interactions.execute().timestamp.isna().tolist() == [False, True]
        assert tables.notes["unreadable_timestamp"] == 1
        assert tables.notes["interactions"] == 2

    def test_dropping_every_row_is_a_mistake_all_the_same(self, folder):
        with pytest.raises(UserError, match="looks like seconds"):
            folder.log(LOG, timestamp_format="iso", unreadable="drop")


class TestLabels:
    def test_labels_are_mapped_and_context_keeps_its_name(self, folder):
        content = HEAD + "a,x,1700000000, v \na,x,1700000000,b\na,x,1700000000,call\na,x,1700000000,\n"
        log = folder.log(content, behaviours={"v": "view", "b": "buy"}, context=["call"])
        assert log.behaviour.fillna("-").tolist() == ["view", "buy", "call", "-"]

    def test_unknown_labels_are_listed(self, folder):
        with pytest.raises(UserError, match=r"'click' \(first in row 3\), 'hate' \(first in row 4\)") as caught:
            folder.log(LOG + "a,x,1700000000,click\na,x,1700000000,hate\na,x,1700000000,click\n", unreadable="drop")
        assert "Known are: view, buy. Add it under behaviours or context in the block of source 'Test'." in str(
            caught.value
        )


class TestRatings:
    HEAD = "customer_id,item_id,timestamp,value\n"

    def rated(self, folder, *values, **settings):
        content = self.HEAD + "".join(f"a,x,1700000000,{value}\n" for value in values)
        return folder.log(content, **RATED, **settings)

    def test_bounds_are_inclusive(self, folder):
        log = self.rated(folder, "1", "2", "2.5", "3.0", "4", " 5 ", "", "n/a")
        expected = ["negative", "negative", "neutral", "neutral", "positive", "positive", "-", "-"]
        assert log.behaviour.fillna("-").tolist() == expected
        assert log.value.dropna().tolist() == [1, 2, 2.5, 3, 4, 5]

    def test_text_in_the_rating(self, folder):
        with pytest.raises(
            UserError, match=r"log\.csv, row 2, column 'value': 'five' is not a number \(1 such cells\)"
        ):
            self.rated(folder, "1", "five")

    def test_long_cells_are_shortened(self, folder):
        with pytest.raises(UserError, match=r"'y{40}…' is not a number"):
            self.rated(folder, "y" * 500)

    @pytest.mark.parametrize("cell", ["1e999", "1_0", "0x1", "--3", "inf"])
    def test_not_quite_numbers(self, folder, cell):
        with pytest.raises(UserError, match="is not a number"):
            self.rated(folder, "1", cell)

    def test_decimal_comma(self, folder):
        with pytest.raises(UserError, match=r"'3,5' is not a number .*decimals with a point"):
            self.rated(folder, '"3,5"')

    @pytest.mark.parametrize("cell", ["01.02.1980", "1980-02-01", "2/1/80", "1980-02-01 00:00"])
    def test_a_date_is_no_number(self, folder, cell):
        with pytest.raises(UserError, match=r"is not a number .*looks like a date: write a number in its place"):
            self.rated(folder, cell)

    def test_a_column_without_a_single_number_is_a_mistake_whatever_is_blank(self, folder):
        with pytest.raises(UserError, match=r"row 2, column 'value': 'five' is not a number \(1 such cells\)"):
            self.rated(folder, "", "five", "", unreadable="drop")

    def test_above_the_scale(self, folder):
        with pytest.raises(UserError, match=r"row 2, column 'value': '9' is above 5, the highest rating"):
            self.rated(folder, "5", "9")

    def test_above_the_scale_dropped(self, folder):
        log = self.rated(folder, "5", "9", unreadable="drop")
        assert log.behaviour.isna().tolist() == log.value.isna().tolist() == [False, True]

    def test_ratings_beside_context_events(self, folder):
        content = "customer_id,item_id,timestamp,value,behaviour\na,x,1700000000,4,rate\na,x,1700000000,99,paid\n"
        log = folder.log(content, context=["paid"], **RATED)
        assert log.behaviour.tolist() == ["positive", "paid"]
        assert log.value.tolist() == [4, 99]
        with pytest.raises(UserError, match=r"unknown behaviour label 'click' \(first in row 3\)"):
            folder.log(content + "a,x,1700000000,,click\n", context=["paid"], **RATED)


class TestIds:
    def ids(self, folder, *customers, **settings):
        content = HEAD + "".join(f"{customer},1,1700000000,buy\n" for customer in customers)
        return folder.log(content, **settings).customer_id.tolist()

    @pytest.mark.parametrize(
        ("rule", "given", "expected"),
        [
            ("auto", ["a1", " b ", "c"], ["a1", "b", "c"]),
            ("auto", ["17", "007"], ["17", "007"]),
            ("auto", ["17850.0", "9.0"], ["17850", "9"]),
            ("text", ["17", "17.0", "a"], ["17", "17.0", "a"]),
            ("integer", ["17", "007", "+3", "17.0", "0", "-05"], ["17", "7", "3", "17", "0", "-5"]),
        ],
    )
    def test_spelling(self, folder, rule, given, expected):
        assert self.ids(folder, *given, ids=rule) == expected

    def test_blank_ids_are_null(self, folder):
        assert [id_ is None or id_ != id_ for id_ in self.ids(folder, "a", " ", ids="auto")] == [False, True]

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (
                ["1", "2", "guest"],
                r"'customer_id' of log\.csv mixes numbers \(first in row 1\) and text \(first in row 3\)",
            ),
            (["17.0", "17"], r"mixes decimals \(17\.0\) \(first in row 1\) and numbers \(first in row 2\)"),
        ],
    )
    def test_mixtures(self, folder, given, message):
        with pytest.raises(UserError, match=message + ".*ids: text") as caught:
            self.ids(folder, *given)
        assert "guest" not in str(caught.value)

    def test_integer_ids_never_show_the_id(self, folder):
        with pytest.raises(UserError, match="row 2, column 'customer_id': the cell is not a whole number") as caught:
            self.ids(folder, "1", "secret@mail", ids="integer")
        assert "secret" not in str(caught.value)


class TestBlanks:
    @settings(max_examples=25, deadline=None)
    @given(texts=st.lists(st.text(alphabet="a!é0~ \t\n\r\f\x01", max_size=5), min_size=1, max_size=20))
    def test_a_trimmed_cell_is_what_python_strips(self, connection, texts):
        table = connection.create_table("blanks", pd.DataFrame({"cell": texts}), temp=True, overwrite=True)
        trimmed = cells.trimmed(table["cell"]).execute()
        assert [None if pd.isna(cell) else cell for cell in trimmed] == [
            text.strip(" \t\n\f\r") or None for text in texts
        ]
