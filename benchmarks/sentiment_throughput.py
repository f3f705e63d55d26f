"""How fast documents are scored: raw texts to probabilities, documents per second on one thread.

    kedro run --pipelines=documents --params=source=amazon_instruments,raw_root=DIR
    python benchmarks/sentiment_throughput.py data amazon_instruments

Fits each model on the first shuffled fold, quickly but for the pool (how well does not matter here, but how many
documents leave its questions in doubt does), then scores the test documents from their texts as they lie in
`clean_documents`: markup out, words, n-grams, model. Tokens of words are found anew in every round. Beside it stand the
model alone, its words ready, and scikit-learn's TF-IDF of the same n-grams with as many coefficients. CPU time, which
other work on the machine disturbs less than wall time.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer

from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.documents.preparation import assemble
from crm_pipelines.models.registry import TEXT_MODELS, text_model
from crm_pipelines.text.normalise import forget
from crm_pipelines.training.seeds import seed_everything

QUICK = {"iterations": 5}
NETWORK = {"training": {"epochs": 1}, "vectors": {"epochs": 1}}
CHANGES = {"svm": QUICK, "tfidf_logistic": QUICK, "cnn_gru": NETWORK}


def main() -> None:
    """Print documents per second of every model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", type=Path)
    parser.add_argument("source")
    parser.add_argument("--models", nargs="*", default=list(TEXT_MODELS))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    seed_everything(42, threads=1)
    folder = options.data_root / "03_primary" / options.source
    words = pd.read_parquet(folder / "document_words.parquet")
    raw = pd.read_parquet(folder / "clean_documents.parquet").set_index("document_id").loc[words["document_id"]]
    arrays_folder = options.data_root / "04_feature" / options.source / "sentiment_arrays"
    arrays = {p.relative_to(arrays_folder).with_suffix("").as_posix(): np.load(p) for p in arrays_folder.rglob("*.npy")}
    splits = options.data_root / "08_reporting" / options.source / "documents" / "splits.json"
    inputs = assemble(json.loads(splits.read_text())[0], arrays, words)
    chosen = raw.iloc[arrays["rows"][inputs.test]]
    summary = [text if isinstance(text, str) else None for text in chosen["summary"]]
    text = chosen["text"].tolist()
    length = np.mean([len(one) for one in text])
    print(f"{options.source}: {len(text):,} documents of {length:.0f} characters, one thread")
    everything = np.arange(len(text))
    for name in options.models:
        kind = text_model(name)
        model = kind(kind.Config(**CHANGES.get(name, {})), 42)
        model.fit(inputs)
        ready = TextInputs.of_texts(summary, text, inputs.classes, kind.reads_words)

        def whole(model: object = model, reads: bool = kind.reads_words) -> object:
            forget()
            fresh = TextInputs.of_texts(summary, text, inputs.classes, reads)
            return model.predict_proba(fresh, everything)  # type: ignore[attr-defined]

        def alone(model: object = model, ready: TextInputs = ready) -> object:
            return model.predict_proba(ready, everything)  # type: ignore[attr-defined]

        print(f"{name}: {rate(whole, len(text), options.rounds):,.0f} documents/s from texts, ", end="")
        print(f"{rate(alone, len(text), options.rounds):,.0f} by the model alone")
    peer = [
        TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2)),
        TfidfVectorizer(analyzer="char", ngram_range=(2, 5)),
    ]
    known = [str(one) for one in inputs.text[inputs.train]]
    for vectorizer in peer:
        vectorizer.fit(known)
    sizes = [np.zeros((len(vectorizer.vocabulary_), len(inputs.classes))) for vectorizer in peer]

    def theirs() -> object:
        return [vectorizer.transform(text) @ weights for vectorizer, weights in zip(peer, sizes, strict=True)]

    print(f"scikit-learn's TF-IDF of words and characters, linear: {rate(theirs, len(text), 1):,.0f} documents/s")


def rate(call: Callable[[], object], documents: int, rounds: int) -> float:
    """Documents in a second of CPU time, the best of some rounds."""
    seconds = []
    for _ in range(rounds):
        started = time.process_time()
        call()
        seconds.append(time.process_time() - started)
    return documents / min(seconds)


if __name__ == "__main__":
    main()
