"""Raw files: what is read as it stands, and what stops with a message."""

import gzip
from pathlib import Path

import pytest

from crm_pipelines.errors import UserError
from crm_pipelines.sources.raw import ROW_NUMBER, RawFolder


def read(folder, name, content, **options):
    folder.write(name, content)
    raw = folder.raw.csv(name, **options) if options else folder.raw.read(name)
    raw.first(raw.table.aggregate(n=raw.table[raw.columns[0]].count()))
    return raw


def cells(raw):
    return raw.table.drop(ROW_NUMBER).execute().values.tolist()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param('a,b\n1,"x\ny"\n2,z\n', [["1", "x\ny"], ["2", "z"]], id="line break in quotes"),
        pytest.param("a,b\r\n1,x\r\n\r\n2,z\r\n", [["1", "x"], ["2", "z"]], id="CRLF and a blank line"),
        pytest.param("a;b\n1;x,y\n", [["1", "x,y"]], id="semicolons"),
        pytest.param("\ufeffa\tb\n1\tx", [["1", "x"]], id="byte order mark, tabs, no last line end"),
        pytest.param('a,b\n1,"say ""hi"""\n', [["1", 'say "hi"']], id="doubled quotes"),
    ],
)
def test_csv_dialects(folder, content, expected):
    raw = read(folder, "t.csv", content)
    assert raw.columns == ("a", "b")
    assert cells(raw) == expected


def test_rows_are_numbered_in_file_order_also_by_several_threads(folder):
    n = 200_000
    raw = read(folder, "big.csv", "a\n" + "\n".join(map(str, range(1, n + 1))))
    wrong = raw.table.filter(raw.table["a"].cast("int64") != raw.table[ROW_NUMBER])
    assert raw.table.count().execute() == n
    assert wrong.count().execute() == 0


def test_latin_1_without_quotes(folder):
    raw = read(
        folder,
        "u.csv",
        '1|Amélie "x\n'.encode("latin-1"),
        names=("a", "b"),
        delimiter="|",
        quote="",
        encoding="latin-1",
    )
    assert cells(raw) == [["1", 'Amélie "x']]


EURO = "a;b\n1;Zoë\n2;12 € – “so”\n".encode("windows-1252")


def test_windows_1252_is_read_with_its_euro_sign(folder):
    found = read(folder, "w.csv", EURO, encoding="windows-1252")
    assert cells(found) == [["1", "Zoë"], ["2", "12 € – “so”"]]
    assert list(folder.raw.staging.glob("*w.csv*.csv")) == []  # the copy is gone


def test_windows_1252_is_read_from_a_packed_file(folder):
    folder.write("w.csv.gz", gzip.compress(EURO, mtime=0))
    assert cells(folder.raw.csv("w.csv.gz", encoding="windows-1252"))[1] == ["2", "12 € – “so”"]


@pytest.mark.parametrize(
    ("encoding", "content", "message"),
    [
        ("latin-1", EURO, r"w\.csv, line 3: a character that Latin-1 does not have.*'encoding: windows-1252'"),
        ("utf-8", EURO, r"w\.csv, line 2: not valid UTF-8 text.*'encoding: windows-1252'"),
        ("windows-1252", EURO + b"3;\x81\n", r"w\.csv, line 4: not valid WINDOWS-1252 text; save the file as UTF-8"),
        ("windows-1252", EURO + b"3;4;5\n", r"w\.csv cannot be read: line 4 .*3 columns instead of 2"),
    ],
)
def test_what_is_wrong_with_an_encoding_is_told(folder, encoding, content, message):
    with pytest.raises(UserError, match=message):
        read(folder, "w.csv", content, encoding=encoding)


def test_json_values_become_text(folder):
    raw = read(folder, "t.jsonl", '{"id": 7, "tags": ["a", "b"], "x": 1.5}\n\n{"id": null, "y": true}\n')
    assert raw.columns == ("id", "tags", "x", "y")
    assert raw.table.execute().fillna("-").values.tolist() == [
        [1, "7", '["a","b"]', "1.5", "-"],
        [2, "-", "-", "-", "true"],
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "t.csv",
            "a,b\n1,2\n3\n",
            r"t\.csv cannot be read: line 3 \(row 2\) has 1 columns instead of 2 columns \(a, b\)",
        ),
        ("t.csv", 'a,b\n1,"x\ny"\n3,4,5\n', r"line 4 \(row 2\) has 3 columns"),
        ("t.csv", 'a,b\n1,"x\n2,z\n', r"line 2 \(row 1\).*a quoted cell may not be closed"),
        ("t.csv", "a,b\n1,\0\n", r"t\.csv, line 2: a NUL byte"),
        ("t.csv", "a,b\n1,é\n".encode("latin-1"), r"t\.csv, line 2: not valid UTF-8 text; save the file as UTF-8"),
        ("t.csv", b"a,b\n1,\xc3", "line 2: the text ends inside a character"),
        ("t.csv", "a,b\n".encode("utf-16"), "is UTF-16 text: save it as UTF-8"),
        ("t.csv", "", "t.csv is empty"),
        ("t.csv", "\na,b\n", "the first line must hold the column names"),
        ("t.csv", "a,A\n1,2\n", "two columns are called 'A'"),
        ("t.jsonl", '{"a": 1}\n\n{"a": \n', "line 3 is not JSON"),
        ("t.jsonl", '{"a": 1}\n7\n', "line 2 is a JSON int, not an object"),
        ("t.jsonl", '[{"a": 1}]\n', "line 1 is a JSON list, not an object; the file must hold one JSON object a line"),
        ("t.jsonl", '\ufeff{"a": 1}\n', "byte order mark"),
        ("t.jsonl", '{"a": 1, "A": 2}\n', "two keys are called 'A'"),
        ("t.json.gz", gzip.compress(b'{"a": 1}\n' * 99, mtime=0)[:-9], "damaged gzip file"),
        ("t.json.gz", b'{"a": 1}\n', r"is not a gzip file: its name must not end in '\.gz'"),
        ("t.csv", gzip.compress(b"a\n1\n", mtime=0), r"packed with gzip: its name must end in '\.gz'"),
        ("t.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("t.parquet", "PAR1 no", r"t\.parquet cannot be read"),
        ("t.xlsx", "x", r"the ending must be \.csv, \.jsonl"),
    ],
)
def test_bad_files_are_named(folder, name, content, message):
    with pytest.raises(UserError, match=message):
        read(folder, name, content)


def test_nul_byte_beyond_the_first_chunk_has_its_line(folder):
    with pytest.raises(UserError, match="line 300001: a NUL byte"):
        read(folder, "t.csv", "a,b\n" + "1,2345\n" * 299_999 + "\0,1\n")


def test_character_split_between_chunks_is_fine(folder):
    content = "a\n" + "x" * ((1 << 20) - 3) + "é\n"  # its two bytes lie on both sides of the first chunk's end
    assert cells(read(folder, "t.csv", content)) == [[content[2:-1]]]


class TestPaths:
    def test_missing_file_names_the_path_and_the_parameter(self, folder):
        with pytest.raises(UserError, match=r"'no/such\.csv' not found: raw_root is '.*--params=raw_root=DIR"):
            folder.raw.read("no/such.csv")

    def test_missing_folder(self, folder, tmp_path):
        with pytest.raises(UserError, match="folder of raw files does not exist"):
            RawFolder(tmp_path / "nowhere", folder.raw.connection).read("t.csv")

    def test_link_out_of_the_folder_is_refused(self, folder, tmp_path_factory):
        secret = tmp_path_factory.mktemp("elsewhere") / "secret.csv"
        secret.write_text("a\n1\n")
        (folder.raw.root / "link.csv").symlink_to(secret)
        with pytest.raises(UserError, match="leads outside the folder of raw files"):
            folder.raw.read("link.csv")

    def test_folder_itself_may_be_a_link(self, folder, tmp_path_factory):
        folder.write("t.csv", "a\n1\n")
        link = Path(tmp_path_factory.mktemp("elsewhere")) / "raw"
        link.symlink_to(folder.raw.root)
        assert cells(RawFolder(link, folder.raw.connection).read("t.csv")) == [["1"]]

    def test_a_folder_is_no_file(self, folder):
        for name in ("sub.csv", "parts"):
            (folder.raw.root / name).mkdir()
            with pytest.raises(UserError, match=r"is not a file .* join part files first"):
                folder.raw.read(name)
