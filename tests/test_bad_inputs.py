"""What a user may get wrong: one line says where it is and what to do, and nothing is left half done."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

HEADER = "Client,Product,When,Action,Amount\n"
LOG = "shop/events.csv"
CLIENTS = "shop/clients.csv"

BLOCK: dict[str, Any] = {
    "title": "My shop",
    "reader": "tables",
    "interactions": {
        "file": LOG,
        "columns": {
            "customer_id": "Client",
            "item_id": "Product",
            "timestamp": "When",
            "behaviour": "Action",
            "value": "Amount",
        },
        "behaviours": {"seen": "view", "basket": "cart", "paid": "buy"},
    },
    "customers": {"file": CLIENTS, "id": "Client", "numeric": ["age"]},
}
TAOBAO: dict[str, Any] = {
    "title": "My Taobao",
    "reader": "taobao",
    "interactions": {"file": LOG, "ids": "integer", "behaviours": {"pv": "view", "buy": "buy"}},
}

TABLES = {f"02_intermediate/{name}" for name in ("interactions", "customers", "items")}
CLEAN = {"03_primary/clean_interactions", "08_reporting/cleaning_report"}
NOTES = {"08_reporting/ingestion_notes"}


def good_log(n: int = 400) -> str:
    """A log in which nothing is wrong."""
    labels = ("seen", "basket", "paid")
    rows = (f"c{i * 7 % 30},p{i * 5 % 20},{1_700_000_000 + 3_600 * i},{labels[i % 3]},{i % 9}.5\n" for i in range(n))
    return HEADER + "".join(rows)


GOOD_CLIENTS = "Client,age\n" + "".join(f"c{i},{20 + i}\n" for i in range(30))


def swapped(old: str, new: str, text: str | None = None) -> bytes:
    """The good log (or another) with one place changed."""
    text = good_log() if text is None else text
    assert old in text
    return text.replace(old, new, 1).encode()


@dataclass(frozen=True)
class Mistake:
    """One mistake.

    Attributes:
        says: what the last line must hold: the place, and what to do.
        files: raw files by name in place of the good ones; None for one that is missing.
        block: the source block, in place of `BLOCK`.
        arguments: further arguments of ``kedro run``.
        configuration: further YAML files, by path below ``conf``.
        written: what is written all the same, by the stages before (folder and stem).
        pipelines: what is run.
    """

    says: tuple[str, ...]
    files: Mapping[str, bytes | None] = field(default_factory=dict)
    block: Mapping[str, Any] = field(default_factory=lambda: BLOCK)
    arguments: tuple[str, ...] = ()
    configuration: Mapping[str, str] = field(default_factory=dict)
    written: frozenset[str] = frozenset()
    pipelines: str = "coldstart"


def interactions(**changes: Any) -> dict[str, Any]:
    """The block with other entries under ``interactions``."""
    return {**BLOCK, "interactions": {**BLOCK["interactions"], **changes}}


MILLISECONDS = HEADER + "".join(f"c{i % 9},p{i % 7},{1_700_000_000_000 + i},seen,1\n" for i in range(400))
NO_LABELS = HEADER + "".join(f"c{i % 9},p{i % 7},{1_700_000_000 + i},,1\n" for i in range(400))
LATE_CLASS = HEADER + "".join(
    f"c{i % 9},p{i % 7},{1_700_000_000 + i},{'seen' if i < 390 else 'paid'},1\n" for i in range(400)
)

CHECKED = {f"08_reporting/{name}" for name in ("check", "columns", "findings", "requirements")}
GERMAN = HEADER.replace(",", ";") + "".join(
    f"c{i % 9};p{i % 7};{i % 28 + 1:02}.03.2024 10:{i % 60:02};seen;{i},50\n" for i in range(400)
)
LOANS = "loan,defaulted,age\n" + "".join(f"{i},{'yes' if i % 4 == 0 else 'no'},{20 + i % 40}\n" for i in range(200))
LOAN_BLOCK: dict[str, Any] = {
    "file": "shop/loans.csv",
    "id": "loan",
    "label": "defaulted",
    "classes": {"no": "pays", "yes": "defaults"},
    "numeric": ["age"],
}


def records(**changes: Any) -> dict[str, Any]:
    """A block of records alone."""
    return {"title": "My loans", "records": {**LOAN_BLOCK, **changes}}


def loans(*names: str, n: int = 200, cell: Callable[[int, str], str] = lambda i, name: f"{i % 17}") -> bytes:
    """The loans with further columns."""
    rows = (
        f"{i},{'yes' if i % 4 == 0 else 'no'},{20 + i % 40}{''.join(f',{cell(i, name)}' for name in names)}\n"
        for i in range(n)
    )
    return ("loan,defaulted,age" + "".join(f",{name}" for name in names) + "\n" + "".join(rows)).encode()


def texts(rows: Iterable[tuple[str, str, str]]) -> bytes:
    """A file of tickets: customer, sentiment, text."""
    return ("Who,Mood,Said\n" + "".join(f'{who},{mood},"{text}"\n' for who, mood, text in rows)).encode()


TICKETS = "shop/tickets.csv"
TICKET_BLOCK: dict[str, Any] = {
    "file": TICKETS,
    "columns": {"customer_id": "Who", "label": "Mood", "text": "Said"},
    "channel": "ticket",
    "labels": {"bad": "negative", "fine": "neutral", "good": "positive"},
}


def documents(**changes: Any) -> dict[str, Any]:
    """A block of documents alone."""
    return {"title": "My tickets", "documents": {"tickets": {**TICKET_BLOCK, **changes}}}


def with_log(**blocks: Any) -> dict[str, Any]:
    """The shop with further blocks."""
    return {**BLOCK, **blocks}


ONE_EACH = HEADER + "".join(f"c{i},p{i % 7},{1_700_000_000 + i},seen,1\n" for i in range(400))
LOOP = HEADER + "".join(
    [f"c1,p1,{1_700_000_000 + i},seen,1\n" for i in range(10_000)]
    + [f"c{2 + i % 9},p{i % 7},{1_700_020_000 + i},paid,1\n" for i in range(300)]
)
BACKWARDS = HEADER + "".join(f"c{i % 9},p{i % 7},{1_700_000_000 - 90 * i},paid,1\n" for i in range(300))
READ_RECORDS = frozenset({"02_intermediate/records", "02_intermediate/records_layout", "08_reporting/ingestion_notes"})
ARRAYS = {f"03_primary/{name}" for name in ("items", "start", "timestamp", "customer_ids", "item_ids")}
SEQUENCES = ARRAYS | {"08_reporting/sequence_report"}
NAMES = frozenset({"02_intermediate/annotated_sentences", "02_intermediate/catalogue_names"})
PRODUCTS = frozenset(
    NOTES
    | ARRAYS
    | {"03_primary/predicted", "03_primary/until", "08_reporting/general_report", "08_reporting/product_report"}
    | {f"02_intermediate/product_{name}" for name in ("interactions", "customers", "items")}
    | {f"02_intermediate/general_{name}" for name in ("customers", "items")}
)
CLEAN_RECORDS = READ_RECORDS | {"03_primary/clean_records", "08_reporting/cleaning_report"}


MISTAKES = {
    "labels that YAML takes for truth values": Mistake(
        ("'sources.mine.interactions.behaviours'", "in quotes"), block=interactions(behaviours={True: "a", False: "b"})
    ),
    "a log of one kind": Mistake(
        ("one kind of event", "--pipelines=engagement"),
        block=interactions(behaviours={"seen": "x", "basket": "x", "paid": "x"}),
        written=frozenset(TABLES | NOTES | {"03_primary/clean_interactions", "08_reporting/cleaning_report"}),
    ),
    "labels without their meaning": Mistake(
        ("maps 'behaviour'", "what its labels mean"), block=interactions(behaviours={})
    ),
    "dates of another country": Mistake(
        (LOG, "row 1", "column 'When'", "'%d.%m.%Y %H:%M'", "timestamp_format"),
        {LOG: GERMAN.encode()},
        interactions(timestamp_format="iso"),
    ),
    "decimals of another country": Mistake(
        (LOG, "column 'Amount'", "'0,50' is not a number", 'decimal: ","'),
        {LOG: GERMAN.encode()},
        interactions(timestamp_format="%d.%m.%Y %H:%M"),
    ),
    "a source's name that leads elsewhere": Mistake(
        ("source '../mine'", "letters, digits"), arguments=("--params=source=../mine",)
    ),
    "YAML that builds an object": Mistake(
        ("configuration", "python/object"),
        configuration={"test/parameters/evil.yml": "evil: !!python/object/apply:os.system ['exit 1']\n"},
    ),
    "check: the file is missing": Mistake(
        ("source 'mine', interactions", LOG, "not found"),
        {LOG: None},
        written=frozenset(CHECKED),
        pipelines="check",
    ),
    "risk: an unknown outcome": Mistake(
        ("column 'defaulted'", "unknown label 'maybe' (first in row 2)", "add the label under 'classes'"),
        {"shop/loans.csv": LOANS.replace("1,no", "1,maybe", 1).encode()},
        records(),
        pipelines="risk",
    ),
    "risk: outcomes that YAML takes for truth values": Mistake(
        ("'sources.mine.records.classes'", "in quotes"),
        {"shop/loans.csv": LOANS.encode()},
        records(classes={False: "pays", True: "defaults"}),
        pipelines="risk",
    ),
    "risk: the outcome under another name": Mistake(
        ("no column 'default'", "did you mean 'defaulted'?"),
        {"shop/loans.csv": LOANS.encode()},
        records(label="default"),
        pipelines="risk",
    ),
    "risk: no outcome yet": Mistake(
        ("none of the 200 records is valid (missing_label: 200)",),
        {"shop/loans.csv": LOANS.replace(",no,", ",,").replace(",yes,", ",,").encode()},
        records(),
        written=READ_RECORDS,
        pipelines="risk",
    ),
    "risk: an outcome of three kinds": Mistake(
        ("'sources.mine.records'", "must name two classes"),
        {"shop/loans.csv": LOANS.encode()},
        records(classes={"no": "pays", "yes": "defaults", "maybe": "waits"}),
        pipelines="risk",
    ),
    "risk: an id for two records": Mistake(
        ("shop/loans.csv", "an id stands for different records, first in rows 1 and 2", "under 'customer'"),
        {"shop/loans.csv": LOANS.replace("1,no,", "0,no,", 1).encode()},
        records(),
        written=READ_RECORDS,
        pipelines="risk",
    ),
    "risk: a column filled in afterwards": Mistake(
        ("shop/loans.csv", "the outcome can be read off 'recovered'", "'leaky'", "'trusted'"),
        {"shop/loans.csv": loans("recovered", cell=lambda i, _: "0" if i % 4 else "1")},
        records(numeric=["age", "recovered"]),
        written=CLEAN_RECORDS,
        pipelines="risk",
    ),
    "risk: thirty records": Mistake(
        ("shop/loans.csv", "30 records", "100"),
        {"shop/loans.csv": loans(n=30)},
        records(),
        written=CLEAN_RECORDS,
        pipelines="risk",
    ),
    "risk: every column is blank": Mistake(
        ("shop/loans.csv", "no column is left to learn from", "'numeric' or 'categorical'"),
        {"shop/loans.csv": loans("blank", cell=lambda i, name: "")},
        records(numeric=["blank"]),
        written=CLEAN_RECORDS,
        pipelines="risk",
    ),
    "risk: cells separated by something else": Mistake(
        ("shop/loans.csv", "single column", "separat"),
        {"shop/loans.csv": LOANS.replace(",", ";").encode()},
        {**records(), "delimiter": ","},
        pipelines="risk",
    ),
    "engagement: a threshold above one": Mistake(
        ("'engagement.policy.threshold", "less than or equal to 1"),
        arguments=("--params=engagement.policy.threshold=1.5",),
        pipelines="engagement",
    ),
    "engagement: an action without its cost": Mistake(
        ("'engagement.policy.actions.gift.cost'", "is missing"),
        configuration={
            "test/parameters/engagement.yml": "engagement: {policy: {actions: {gift: {kind: retention}}}}",
        },
        pipelines="engagement",
    ),
    "engagement: nobody with a second event": Mistake(
        (LOG, "no customer has two events", "check the columns of customer and item"),
        {LOG: ONE_EACH.encode()},
        written=frozenset(TABLES | NOTES | CLEAN),
        pipelines="sequences",
    ),
    "engagement: churn of a behaviour that never occurs": Mistake(
        ("'churn.behaviours' names 'refund'", "buy, cart, view"),
        block=with_log(churn={"behaviours": ["refund"], "within_days": 3}),
        written=frozenset(TABLES | NOTES | CLEAN | SEQUENCES),
        pipelines="sequences",
    ),
    "engagement: a log shorter than the silence that is churn": Mistake(
        ("leaves no history", "'churn.within_days'"),
        block=with_log(churn={"within_days": 90}),
        written=frozenset(TABLES | NOTES | CLEAN | SEQUENCES),
        pipelines="sequences",
    ),
    "feedback: an unknown mood": Mistake(
        (TICKETS, "column 'Mood'", "'furious'", "Add it under"),
        {TICKETS: texts(("c1", "furious" if i == 3 else "bad", f"too late {i}") for i in range(60))},
        documents(),
        written=NAMES,
        pipelines="documents",
    ),
    "feedback: no text at all": Mistake(
        ("none of the 60 documents can be used (empty_text: 60)", "column of the text"),
        {TICKETS: texts(("c1", "bad", "") for _ in range(60))},
        documents(),
        written=NAMES | {"02_intermediate/documents", *NOTES},
        pipelines="documents",
    ),
    "feedback: moods without their meaning": Mistake(
        ("'sources.mine.documents.tickets'", "'labels' and 'columns.label' go together"),
        {TICKETS: texts([("c1", "bad", "late")])},
        documents(labels={}),
        pipelines="feedback",
    ),
    "feedback: the text under another name": Mistake(
        (TICKETS, "no column 'Text'", "Columns found: Who, Mood, Said"),
        {TICKETS: texts([("c1", "bad", "late")])},
        documents(columns={**TICKET_BLOCK["columns"], "text": "Text"}),
        written=NAMES,
        pipelines="documents",
    ),
    "recommendation: a class that is none": Mistake(
        ("'offers' names the class 'bought'", "view, cart, buy"),
        block=with_log(offers={"takes": ["bought"]}),
        pipelines="recommendation",
    ),
    "recommendation: a rule for a product that is none": Mistake(
        ("'eligible' names a product 'p99' that is not known",),
        block=with_log(offers={"takes": ["buy"], "eligible": {"p99": {"at_least": {"age": 18}}}}),
        written=PRODUCTS,
        pipelines="recommendation",
    ),
    "recommendation: a product withdrawn that is none": Mistake(
        ("'offers.withdrawn' names a product 'p99' that is not known",),
        block=with_log(offers={"takes": ["buy"], "withdrawn": ["p99"]}),
        written=PRODUCTS,
        pipelines="recommendation",
    ),
    "scoring: pseudonyms without a key": Mistake(
        ("'scoring.id_key'", "CRM_TEST_NO_SUCH_KEY", "put a secret"),
        arguments=("--params=scoring.id_key=CRM_TEST_NO_SUCH_KEY",),
        pipelines="scoring",
    ),
    "scoring: a limit below another": Mistake(
        ("'scoring.drift'", "'moderate' must not exceed 'major'"),
        arguments=("--params=scoring.drift.moderate=0.5",),
        pipelines="scoring",
    ),
    "scoring: a file is missing": Mistake((LOG, "not found"), {LOG: None}, pipelines="scoring"),
    "the file is missing": Mistake((LOG, "not found", "put the file there"), {LOG: None}),
    "the attribute file is missing": Mistake((CLIENTS, "not found", "correct the source block"), {CLIENTS: None}),
    "the folder of raw files is missing": Mistake(
        ("nowhere", "does not exist", "raw_root"), arguments=("--params=raw_root=nowhere",)
    ),
    "a column is missing": Mistake(
        (LOG, "no column 'Action'", "Columns found: Client, Product, When, Amount"),
        {
            LOG: "".join(f"{','.join(line.split(',')[:3])},1\n" for line in good_log().splitlines())
            .encode()
            .replace(b"When,1", b"When,Amount", 1)
        },
    ),
    "a column has another name": Mistake(
        (LOG, "no column 'Product'", "did you mean 'Produkt'?"), {LOG: swapped("Product", "Produkt")}
    ),
    "an attribute has another name": Mistake(
        (CLIENTS, "no column 'age'", "Correct the file's header or the parameter"),
        {CLIENTS: swapped("age", "alter", GOOD_CLIENTS)},
    ),
    "the file is empty": Mistake((LOG, "is empty", "put the data there"), {LOG: b""}),
    "there is a header and nothing else": Mistake((LOG, "no rows", "put the data there"), {LOG: HEADER.encode()}),
    "no row is valid": Mistake(
        (LOG, "none of the 400 interactions is valid (missing_behaviour: 400)", "check the columns, labels"),
        {LOG: NO_LABELS.encode()},
        written=frozenset(TABLES | NOTES),
    ),
    "no row lies in the window": Mistake(
        (LOG, "outside_window: 400", "window of this source"),
        block=interactions(window={"start": "2030-01-01"}),
        written=frozenset(TABLES | NOTES),
    ),
    "a label is unknown": Mistake(
        (LOG, "unknown behaviour label 'returned' (first in row 4)", "Add it under behaviours or context"),
        {LOG: swapped("seen,3.5", "returned,3.5")},
    ),
    "text where a number belongs": Mistake(
        (LOG, "row 2", "column 'Amount'", "'a lot' is not a number", "unreadable: drop"),
        {LOG: swapped("basket,1.5", "basket,a lot")},
    ),
    "text among an attribute's numbers": Mistake(
        (CLIENTS, "row 6", "column 'age'", "'old' is not a number"), {CLIENTS: swapped("c5,25", "c5,old", GOOD_CLIENTS)}
    ),
    "a time that is none": Mistake(
        (LOG, "row 1", "column 'When'", "'yesterday'"), {LOG: swapped("1700000000", "yesterday")}
    ),
    "a NUL byte": Mistake((LOG, "line 3", "NUL byte", "export it again"), {LOG: swapped("basket", "bas\0ket")}),
    "another encoding": Mistake(
        (LOG, "line 2", "not valid UTF-8", "save the file as UTF-8"),
        {LOG: good_log().replace("c0", "Zoë", 1).encode("latin-1")},
    ),
    "UTF-16": Mistake((LOG, "UTF-16", "save it as UTF-8"), {LOG: good_log().encode("utf-16")}),
    "a cell too many": Mistake((LOG, "line 3", "6 columns instead of 5"), {LOG: swapped("basket,", "basket,again,")}),
    "packed, but not by its name": Mistake((LOG, "gzip", "'.gz'"), {LOG: gzip.compress(good_log().encode(), mtime=0)}),
    "ids of two kinds": Mistake((LOG, "column 'Client'", "mixes", "ids: text"), {LOG: swapped("c7,p5", "17,p5")}),
    "milliseconds for seconds": Mistake((LOG, "column 'When'", "milliseconds"), {LOG: MILLISECONDS.encode()}),
    "too few events to split": Mistake(
        ("120 events with a class", "375 are needed", "Give a longer log"),
        {LOG: good_log(120).encode()},
        written=frozenset(TABLES | NOTES | CLEAN),
    ),
    "a class that training never sees": Mistake(
        ("no event of class 'cart', 'buy'", "training", "longer log"),
        {LOG: LATE_CLASS.encode()},
        written=frozenset(TABLES | NOTES | CLEAN),
    ),
    "another format: a header where there is none": Mistake(
        (LOG, "row 1", "column 'user_id'", "whole number"),
        {LOG: b"user,item,category,behaviour,time\n1,2,3,pv,1700000000\n"},
        block=TAOBAO,
    ),
    "another format: an unknown label": Mistake(
        (LOG, "unknown behaviour label 'fav'", "Add it under behaviours"),
        {LOG: b"1,2,3,pv,1700000000\n1,2,3,fav,1700000001\n1,2,3,buy,1700000002\n"},
        block=TAOBAO,
    ),
    "another format: a number of columns": Mistake(
        (LOG, "line 2", "4 columns instead of 5"),
        {LOG: b"1,2,3,pv,1700000000\n1,2,3,1700000001\n"},
        block=TAOBAO,
    ),
    "a source nobody declared": Mistake(("source 'mein'", "did you mean 'mine'?"), arguments=("--params=source=mein",)),
    "a key of the source block": Mistake(
        ("'sources.mine.interactions.behaviors' is not known", "did you mean 'behaviours'?"),
        block=interactions(behaviors={}),
    ),
    "a file outside the folder": Mistake(
        ("sources.mine.interactions.file", "below raw_root"), block=interactions(file="../secret.csv")
    ),
    "a run-time parameter": Mistake(
        ("--params", "'sorce' is not a parameter", "did you mean 'source'?"), arguments=("--params=sorce=mine",)
    ),
    "a key of a model, in YAML": Mistake(
        ("'coldstart.tfpnet.config.widht' is not known", "did you mean 'width'?"),
        configuration={"test/parameters/coldstart.yml": "coldstart: {tfpnet: {config: {widht: 8}}}"},
    ),
    "a key of a model, on the command line": Mistake(
        ("'coldstart.tfpnet.config.training.epoch' is not known", "did you mean 'epochs'?"),
        arguments=("--params=coldstart.tfpnet.config.training.epoch=1",),
    ),
    "a value of a model": Mistake(
        ("'coldstart.lightgbm.config.leaves'", "greater than or equal to 2 (given: 1)"),
        arguments=("--params=coldstart.lightgbm.config.leaves=1",),
    ),
    "a network without hidden layers": Mistake(
        ("'coldstart.gnn.config.hidden'", "at least 1 item"),
        configuration={"test/parameters/coldstart.yml": "coldstart: {gnn: {config: {hidden: []}}}"},
    ),
    "the name of a model": Mistake(
        ("'coldstart.tpfnet' is not known", "did you mean 'tfpnet'?"),
        configuration={"test/parameters/coldstart.yml": "coldstart: {tpfnet: {config: {width: 8}}}"},
    ),
    "the name of a challenger": Mistake(
        ("coldstart.challengers", "no model 'tfp-net'", "did you mean 'tfpnet'?"),
        configuration={"test/parameters/coldstart.yml": "coldstart: {challengers: [tfp-net]}"},
    ),
    "a challenger instead of a list": Mistake(
        ("coldstart.challengers", "must be a list, such as [tfpnet]"),
        arguments=("--params=coldstart.challengers=tfpnet",),
    ),
    "the name of a model to run": Mistake(
        ("coldstart.runs.models", "no model 'lightgmb'", "did you mean 'lightgbm'?"),
        arguments=("--params=coldstart.runs.models=tfpnet lightgmb",),
    ),
    "the name of a study": Mistake(
        ("'coldstart.runs.studies.0'", "ablation"), arguments=("--params=coldstart.runs.studies=ablations",)
    ),
    "the name of a block": Mistake(
        ("'spilt' is not known", "did you mean 'split'?"),
        configuration={"test/parameters/spelling.yml": "spilt: {folds: 2}"},
    ),
    "a key of the split": Mistake(
        ("'split.fold' is not known", "did you mean 'folds'?"), arguments=("--params=split.fold=2",)
    ),
    "too many folds": Mistake(
        ("'split.folds'", "less than or equal to 5 (given: 50)"), arguments=("--params=split.folds=50",)
    ),
}


@dataclass(frozen=True)
class Shop:
    """Raw files, a configuration of its own and a place for results."""

    root: Path

    @property
    def data(self) -> Path:
        """``data_root``."""
        return self.root / "data"

    def arguments(self, *further: str, pipelines: str = "coldstart") -> list[str]:
        """Of ``kedro run``; what is given later wins."""
        params = {"source": "mine", "raw_root": str(self.root / "raw"), "data_root": str(self.data)}
        for name, value in (item.removeprefix("--params=").split("=") for item in further):
            params[name] = value
        if "sorce" in params:
            del params["source"]
        joined = ",".join(f"{name}={value}" for name, value in params.items())
        return [f"--conf-source={self.root / 'conf'}", "--env=test", f"--pipelines={pipelines}", f"--params={joined}"]

    def set_up(self, mistake: Mistake, project: Path) -> None:
        """Write the raw files and the configuration."""
        shutil.copytree(project / "conf", self.root / "conf", ignore=shutil.ignore_patterns("local"))
        (self.root / "conf/local").mkdir()
        sources = yaml.safe_dump({"sources": {"mine": dict(mistake.block)}}, sort_keys=False)
        for name, text in {"test/parameters/sources.yml": sources, **mistake.configuration}.items():
            (self.root / "conf" / name).write_text(text, encoding="utf-8")
        files = {LOG: good_log().encode(), CLIENTS: GOOD_CLIENTS.encode(), **mistake.files}
        for name, content in files.items():
            if content is not None:
                path = self.root / "raw" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)

    def written(self) -> set[str]:
        """Result files as ``layer/stem``; each is read, so that a torn one would be found."""
        found = set()
        for path in self.data.rglob("*"):
            if path.is_dir():
                continue
            assert not path.name.startswith("."), f"{path} was left behind"
            if path.suffix == ".parquet":
                pd.read_parquet(path)
            found.add(f"{path.relative_to(self.data).parts[0]}/{path.stem}")
        return found


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_in_one_line_and_leaves_nothing_half_done(
    mistake: Mistake, shop: Shop, project: Path, kedro_run: Callable
):
    shop.set_up(mistake, project)
    ran = kedro_run(*shop.arguments(*mistake.arguments, pipelines=mistake.pipelines))
    assert ran.exit_code != 0
    assert ran.last_line.startswith("Error: ")
    for part in mistake.says:
        assert part in ran.last_line
    assert "Traceback" not in ran.everything
    assert len(ran.last_line) < 600
    assert shop.written() == mistake.written


@dataclass(frozen=True)
class Oddity:
    """What looks wrong and is not: it is read, and counted where something is left out.

    Attributes:
        counts: reason in the stage's report of rows, or note of its reading -> rows.
        files, block, pipelines: as of a `Mistake`.
    """

    counts: Mapping[str, int]
    files: Mapping[str, bytes | None]
    block: Mapping[str, Any]
    pipelines: str


ODDITIES = {
    "a constant column, a blank one, negative amounts and a category seen once": Oddity(
        {"all": 200, "valid": 200},
        {
            "shop/loans.csv": loans(
                *("same", "blank", "owed", "kind"),
                cell=lambda i, name: {"same": "7", "blank": "", "owed": f"{-i}", "kind": "a" if i else "odd"}[name],
            )
        },
        records(numeric=["age", "same", "blank", "owed"], categorical=["kind"]),
        "records",
    ),
    "records that are there twice, and one without an outcome": Oddity(
        {"all": 202, "duplicate": 1, "missing_label": 1, "valid": 200},
        {"shop/loans.csv": LOANS.encode() + LOANS.splitlines()[-1].encode() + b"\nlast,,30\n"},
        records(),
        "records",
    ),
    "cells separated by semicolons": Oddity(
        {"all": 200, "valid": 200},
        {"shop/loans.csv": LOANS.replace(",", ";").encode()},
        records(),
        "records",
    ),
    "three hundred columns": Oddity(
        {"all": 200, "valid": 200},
        {"shop/loans.csv": loans(*(f"x{i}" for i in range(300)))},
        records(numeric=["age", *(f"x{i}" for i in range(300))]),
        "records",
    ),
    "an item ten thousand times in a row, and customers without a profile": Oddity(
        {
            "item_repeats_itself": 9_999,
            "with_a_single_event": 1,
            "customers_only_in_log": 2,
            "with_a_profile_but_not_in_the_log": 20,
        },
        {LOG: LOOP.encode(), CLIENTS: GOOD_CLIENTS.replace("c9,29\n", "").replace("c10,30\n", "").encode()},
        BLOCK,
        "sequences",
    ),
    "empty texts, a megabyte, control characters, markup, emoji alone, strangers": Oddity(
        {"all": 66, "empty_text": 2, "text_cut": 1, "control_characters": 1, "valid": 64, "without_label": 1},
        {
            TICKETS: texts(
                [(f"c{i}", ("bad", "fine", "good")[i % 3], f"parcel {i} came late") for i in range(60)]
                + [("c1", "bad", ""), ("c2", "bad", "   ")]
                + [("c3", "bad", "late " * 250_000), ("c4", "fine", "be\x07ll")]
                + [("c5", "", "<script>alert(1)</script>"), ("nobody", "good", "\U0001f600\U0001f600")]
            )
        },
        documents(),
        "documents",
    ),
    "products taken again, never sold or held by everybody, and times that run backwards": Oddity(
        {"taken_while_held": 237, "earlier_than_the_row_before": 299, "holding_every_product": 9, "never_sold": 0},
        {LOG: BACKWARDS.encode(), CLIENTS: GOOD_CLIENTS.encode()},
        with_log(offers={"takes": ["buy"]}),
        "products",
    ),
}


@pytest.mark.parametrize("oddity", ODDITIES.values(), ids=ODDITIES)
def test_an_oddity_is_read_and_counted(oddity: Oddity, shop: Shop, project: Path, kedro_run: Callable):
    shop.set_up(Mistake((), oddity.files, oddity.block), project)
    ran = kedro_run(*shop.arguments(pipelines=oddity.pipelines))
    assert ran.exit_code == 0, ran.everything
    counted = {
        note: number
        for path in shop.data.rglob("ingestion_notes.json")
        for note, number in json.loads(path.read_text(encoding="utf-8")).items()
    }
    for path in sorted(shop.data.rglob("08_reporting/**/*.csv")):
        table = pd.read_csv(path)
        if list(table.columns) == ["step", "reason", "rows"]:
            steps = table.groupby("step")["rows"].sum()
            if "rows_in" in steps:
                assert steps["rows_in"] == steps.get("dropped", 0) + steps["rows_out"]
            counted |= dict(zip(table["reason"], table["rows"], strict=True))
    assert {reason: counted.get(reason) for reason in oddity.counts} == dict(oddity.counts)


def test_without_a_mistake_the_same_files_are_read_and_split(shop: Shop, project: Path, kedro_run: Callable):
    """What the table above changes is what is wrong; entries that only serve others are no mistakes."""
    own = "_shared: &sizes {train: 100, validation: 20, test: 20}\nshare: 0.7\n"
    own += "split: {minimum: *sizes, history_share: '${share}'}\n"
    configuration = {"test/parameters/preprocessing.yml": "", "test/parameters/own.yml": own}
    shop.set_up(Mistake((), configuration=configuration), project)
    ran = kedro_run(*shop.arguments(), "--to-nodes=index_events")
    assert ran.exit_code == 0, ran.everything
    assert shop.written() >= TABLES | NOTES | CLEAN | {"08_reporting/splits"}


def test_unreadable_cells_may_be_dropped_on_request(shop: Shop, project: Path, kedro_run: Callable):
    """As the message of the mistake advises."""
    files = {LOG: swapped("1700000000", "yesterday")}
    shop.set_up(Mistake((), files, interactions(unreadable="drop")), project)
    assert kedro_run(*shop.arguments(), "--to-nodes=clean_interactions").exit_code == 0
    report = pd.read_csv(next(shop.data.rglob("cleaning_report.csv"))).set_index("reason")["rows"]
    assert (report["all"], report["missing_timestamp"], report["valid"]) == (400, 1, 399)


def test_a_failed_run_keeps_the_results_of_the_one_before(shop: Shop, project: Path, kedro_run: Callable):
    shop.set_up(Mistake(()), project)
    assert kedro_run(*shop.arguments(), "--to-nodes=index_events").exit_code == 0
    before = {path: path.read_bytes() for path in shop.data.rglob("*") if path.is_file()}
    (shop.root / "raw" / LOG).write_bytes(swapped("basket,1.5", "basket,a lot"))
    assert kedro_run(*shop.arguments()).exit_code != 0
    assert {path: path.read_bytes() for path in shop.data.rglob("*") if path.is_file()} == before


def test_the_message_is_the_last_of_all_that_a_terminal_shows(shop: Shop, project: Path):
    """Both streams as one, from a process of its own, with the log of the steps before."""
    mistake = MISTAKES["no row is valid"]
    shop.set_up(mistake, project)
    done = subprocess.run(
        [sys.executable, "-m", "kedro", "run", *shop.arguments()],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    lines = done.stdout.rstrip().splitlines()
    assert done.returncode == 1
    assert lines[-1].startswith(f"Error: {LOG}: none of the 400 interactions is valid")
    assert "step 2 of" in done.stdout
    assert "Traceback" not in done.stdout
