"""The published formats on small fixtures in their own layout, quirks included."""

import json

import pytest

from crm_pipelines.errors import UserError
from crm_pipelines.sources import movielens

LABELS = {"pv": "pv", "cart": "cart", "fav": "fav", "buy": "buy"}
CATEGORY = {"categorical": ["category"], "group_by": "category"}
RATED = {"ids": "text", "rating_classes": {"negative": 2, "neutral": 3, "positive": 5}}


OLD = {  # a review of the 2014 edition
    "reviewerID": "A1",
    "asin": "0205616461",
    "reviewerName": "Ann",
    "helpful": [0, 1],
    "overall": 5.0,
    "summary": "Good",
    "reviewText": "Works.\nReally.",
    "unixReviewTime": 1393545600,
    "reviewTime": "02 28, 2014",
}
NEW = {  # a review of the 2018 edition
    "overall": 2.0,
    "verified": True,
    "reviewerID": "A2",
    "asin": "B0",
    "style": {"Size:": " 7 oz"},
    "vote": "1,003",
    "image": ["u.jpg"],
    "summary": "Meh",
    "unixReviewTime": 1472688000,
}
MILL = {  # metadata of the 2018 edition
    "asin": "B0",
    "title": "Salt &amp; Pepper",
    "brand": "A&amp;B",
    "price": "$1,012.50",
    "also_buy": ["B3"],
    "category": ["Home", "Kitchen &amp; Bar", "Mills"],
}


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


class TestTaobao:
    LOG = "1,10,500,pv,1511544070\n1,10,501,buy,1511544070\n2,10,501,fav,1505145600\n1000,11,500,cart,1511544071\n"

    def block(self, file, **interactions):
        interactions = {"file": file, "ids": "integer", "behaviours": LABELS, **interactions}
        return {"reader": "taobao", "interactions": interactions, "items": CATEGORY}

    @pytest.mark.parametrize("name", ["UserBehavior.csv", "UserBehavior.csv.gz"])
    def test_read(self, folder, rows, name):
        tables = folder.read(self.block(folder.write(name, self.LOG)))
        assert rows(tables.interactions)[:2] == [
            ("1", "10", 1511544070, "pv", None, None, 1),
            ("1", "10", 1511544070, "buy", None, None, 2),
        ]
        assert rows(tables.customers) == [("1",), ("1000",), ("2",)]
        assert rows(tables.items) == [("10", "501"), ("11", "500")]  # one item carries two categories

    def test_repeats_and_faulty_clocks_are_kept_for_cleaning(self, folder):
        tables = folder.read(self.block(folder.write("log.csv", self.LOG * 2)))
        assert tables.notes["interactions"] == tables.interactions.count().execute() == 8

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (
                "1,10,pv,1511544070\n",
                r"line 1 \(row 1\) has 4 columns instead of 5 columns \(user_id, item_id, category,",
            ),
            (LOG + "x,10,500,pv,1511544070\n", "row 5, column 'user_id': the cell is not a whole number"),
            (LOG + "3,10,500,click,1511544070\n", r"unknown behaviour label 'click' \(first in row 5\)"),
        ],
    )
    def test_bad_files(self, folder, content, message):
        with pytest.raises(UserError, match=message):
            folder.read(self.block(folder.write("log.csv", content)))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"items": {"categorical": ["brand"]}}, r"'items' declares 'brand'.*\(it has: category\)"),
            ({"extra_files": {"metadata": "m.json"}}, "knows no extra file 'metadata'; it may have: none"),
            ({"interactions": {"file": "log.csv", **RATED}}, "needs 'interactions.behaviours'"),
            (
                {"interactions": {"file": "log.csv", "behaviours": LABELS, "columns": {"text": "t"}}},
                "knows its columns",
            ),
        ],
    )
    def test_blocks_that_do_not_fit(self, folder, change, message):
        with pytest.raises(UserError, match=message):
            folder.read({**self.block(folder.write("log.csv", self.LOG)), **change})


class TestAmazon:
    def block(self, file, **more):
        return {"reader": "amazon", "interactions": {"file": file, **RATED}, **more}

    def test_read(self, folder, rows):
        empty = {**OLD, "reviewText": "", "summary": " ", "overall": 3}
        file = folder.write("reviews_5.json.gz", lines(OLD, NEW, empty, {**NEW, "summary": None}))
        tables = folder.read(self.block(file))
        assert rows(tables.interactions) == [
            ("A1", "0205616461", 1393545600, "positive", 5, "Good\nWorks.\nReally.", 1),
            ("A2", "B0", 1472688000, "negative", 2, "Meh", 2),
            ("A1", "0205616461", 1393545600, "neutral", 3, None, 3),
            ("A2", "B0", 1472688000, "negative", 2, None, 4),
        ]
        assert rows(tables.items) == [("0205616461",), ("B0",)]

    def test_metadata(self, folder, rows):
        meta = [
            MILL,
            {"asin": "B1", "title": '<span class="a"', "brand": "", "category": "Home", "price": ".a-box{x:1}"},
            {"asin": "B0", "title": "Again", "price": "$1"},
            {"asin": "B2", "title": "Range", "category": [], "price": "$1.00 - $2.00"},
            {"asin": "B3", "price": 7.5, "categories": [["Toys"]]},
        ]
        items = {"numeric": ["price"], "categorical": ["category", "brand"], "text": ["title"]}
        files = {"metadata": folder.write("meta.json", lines(*meta))}
        file = folder.write("reviews.json", lines(OLD, NEW))
        tables = folder.read(self.block(file, items=items, extra_files=files))
        assert rows(tables.items) == [
            ("0205616461", None, None, None, None),
            ("B0", 1012.5, "Kitchen & Bar", "A&B", "Salt & Pepper"),
            ("B1", None, "Home", None, None),
            ("B2", None, None, None, "Range"),
            ("B3", 7.5, None, None, None),
        ]
        notes = {key: n for key, n in tables.notes.items() if n and key != "interactions"}
        assert notes == {
            "items_rows": 5,
            "items_repeated_ids": 1,
            "items_only_in_log": 1,
            "metadata_titles_not_text": 1,
            "metadata_prices_unreadable": 2,
        }

    def test_metadata_and_items_file_exclude_each_other(self, folder):
        file = folder.write("reviews.json", lines(OLD))
        block = self.block(file, items={"file": file, "id": "asin"}, extra_files={"metadata": file})
        with pytest.raises(UserError, match=r"either 'items.file' or 'extra_files.metadata'"):
            folder.read(block)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (lines(OLD) + lines(OLD)[:40], "line 2 is not JSON"),
            (lines({**OLD, "overall": "five"}), "row 1, column 'overall': 'five' is not a number"),
            (lines({**OLD, "overall": 10}), "'10' is above 5"),
            (lines({"reviewerId": "A", "asin": "B"}), "no column 'reviewerID'.*did you mean 'reviewerId'"),
        ],
    )
    def test_bad_files(self, folder, content, message):
        with pytest.raises(UserError, match=message):
            folder.read(self.block(folder.write("reviews.json", content)))


class TestMovieLens:
    RATINGS = "196\t242\t3\t881250949\n186\t1\t5\t891717742\n"
    ITEM = "|".join(["1", "Toy Story (1995)", "01-Jan-1995", "", "http://x", *"0001110000000000000"])
    UNKNOWN = "|".join(["267", "unknown", "", "", "", *"1000000000000000000"])

    def block(self, folder, **more):
        file = folder.write("u.data.gz", self.RATINGS)
        return {"reader": "movielens", "interactions": {"file": file, **RATED, "ids": "integer"}, **more}

    def test_read(self, folder, rows):
        folder.write("u.user", "196|49|M|writer|55105\n186|39|F|executive|00000\n".encode("latin-1"))
        folder.write("u.item", (f"{self.ITEM}\n{self.UNKNOWN}\n").replace("Toy", 'Tö"y').encode("latin-1"))
        customers = {"file": "u.user", "numeric": ["age"], "categorical": ["occupation"], "sensitive": ["gender"]}
        flags = ["genre_animation", "genre_childrens", "genre_sci_fi"]
        items = {"file": "u.item", "numeric": ["release_year", *flags], "categorical": ["genre"], "text": ["title"]}
        tables = folder.read(self.block(folder, customers=customers, items=items))
        assert rows(tables.interactions)[0] == ("196", "242", 881250949, "neutral", 3, None, 1)
        assert rows(tables.customers) == [("186", 39, "executive", "F"), ("196", 49, "writer", "M")]
        assert rows(tables.items) == [
            ("1", 1995, 1, 1, 0, "Animation", 'Tö"y Story (1995)'),
            ("242", None, None, None, None, None, None),
            ("267", None, 0, 0, 0, "unknown", "unknown"),
        ]

    def test_every_genre_but_unknown_has_a_flag(self):
        names = [movielens.flag(genre) for genre in movielens.GENRES]
        assert len(set(names)) == 19
        assert {"genre_film_noir", "genre_western", "genre_unknown"} <= set(names)

    def test_wrong_number_of_columns(self, folder):
        folder.write("u.item", self.ITEM + "|1\n")
        with pytest.raises(UserError, match=r"u\.item cannot be read: line 1 \(row 1\) has 25 columns instead of 24"):
            folder.read(self.block(folder, items={"file": "u.item", "text": ["title"]}))


class TestDemo:
    def block(self, folder, **more):
        log = folder.write("UserBehavior.csv", "7,100,5,pv,1730419300\n7,100,5,buy,1730419400\n8,101,5,pv,1730419200\n")
        review = {"reviewerID": "7", "asin": "100", "overall": 4.0, "unixReviewTime": 1730505600, "summary": "Nice"}
        interactions = {"file": log, "behaviours": LABELS, "context": ["review"]}
        files = {
            "reviews": folder.write("reviews_5.json", lines(review, {**review, "overall": 1.0})),
            "metadata": folder.write(
                "meta.json", lines({"asin": "100", "category": ["Toys", "Robots"], "price": "$5"})
            ),
        }
        folder.write("customers.csv", "customer_id,age,gender\n7,30,F\n8,,X\n")
        return {
            "reader": "demo",
            "interactions": interactions,
            "extra_files": files,
            "customers": {"file": "customers.csv", "numeric": ["age"], "sensitive": ["gender"]},
            "items": {"categorical": ["category"], "numeric": ["price"]},
            **more,
        }

    def test_reviews_follow_the_log(self, folder, rows):
        tables = folder.read(self.block(folder))
        assert rows(tables.interactions) == [
            ("7", "100", 1730419300, "pv", None, None, 1),
            ("7", "100", 1730419400, "buy", None, None, 2),
            ("8", "101", 1730419200, "pv", None, None, 3),
            ("7", "100", 1730505600, "review", 4, "Nice", 4),
            ("7", "100", 1730505600, "review", 1, "Nice", 5),
        ]
        assert rows(tables.customers) == [("7", 30, "F"), ("8", None, "X")]
        assert rows(tables.items) == [("100", 5, "Robots"), ("101", None, None)]
        assert tables.notes["interactions"] == 5

    def test_without_metadata_the_category_comes_from_the_log(self, folder, rows):
        tables = folder.read(self.block(folder, extra_files={}, items={"categorical": ["category"]}))
        assert rows(tables.items) == [("100", "5"), ("101", "5")]
        assert tables.notes["interactions"] == 3

    def test_reviews_must_be_declared(self, folder):
        block = self.block(folder)
        block["interactions"].pop("context")
        with pytest.raises(UserError, match=r"unknown behaviour label 'review'.*behaviours or context"):
            folder.read(block)
