"""What the linear members of CNN-GRU+ are worth, on folds that are not the reported ones.

    kedro run --pipelines=documents --params=source=amazon_instruments,raw_root=DIR
    python benchmarks/sentiment_members.py data amazon_instruments

Folds are those of `StratifiedKFold(5, shuffle=True, random_state=7)`, the reported ones have 42. Each document is
scored by questions fitted on the other folds; judge and offsets for one fold are fitted on such scores of the others.
Prints macro-F1 and neutral F1, means over folds, for questions about classes, about grades, and both.
"""

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold

from crm_pipelines.documents.preparation import assemble
from crm_pipelines.evaluation.decision import fit_decision_rule
from crm_pipelines.models.layers.ngram_questions import NGramQuestions, QuestionParameters
from crm_pipelines.training.seeds import seed_everything

SEED, FOLDS, NEUTRAL = 7, 5, 1


def main() -> None:
    """Print a line for each choice of questions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", type=Path)
    parser.add_argument("source")
    parser.add_argument("--folds", type=int, default=4, help="of the five")
    parser.add_argument("--resamples", type=int, default=8, help="of the offsets")
    options = parser.parse_args()
    seed_everything(42, threads=1)
    words = pd.read_parquet(options.data_root / "03_primary" / options.source / "document_words.parquet")
    folder = options.data_root / "04_feature" / options.source / "sentiment_arrays"
    arrays = {p.relative_to(folder).with_suffix("").as_posix(): np.load(p) for p in folder.rglob("*.npy")}
    splits = options.data_root / "08_reporting" / options.source / "documents" / "splits.json"
    inputs = assemble(json.loads(splits.read_text())[0], arrays, words)
    labels, classes = inputs.labels, len(inputs.classes)
    folding = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(labels, labels)
    parts, said = [], {}
    for fold, (known, tested) in enumerate(folding):
        if fold == options.folds:
            break
        asked = NGramQuestions(QuestionParameters(parts=2), 42)
        asked.fit(dataclasses.replace(inputs, train=known))
        said[fold] = asked.said(inputs, tested)
        parts.append(tested)
    columns = {"classes": slice(0, classes), "grades": slice(classes, None), "both": slice(0, None)}
    for name, chosen in columns.items():
        scores = []
        for fold, tested in enumerate(parts):
            others = [other for other in range(len(parts)) if other != fold]
            x, y = np.vstack([said[o][:, chosen] for o in others]), labels[np.concatenate([parts[o] for o in others])]
            mean, scale = x.mean(axis=0), x.std(axis=0)
            judge = LogisticRegression(C=0.1, max_iter=200).fit((x - mean) / scale, y)
            rule = fit_decision_rule(judge.predict_proba((x - mean) / scale), y, options.resamples)
            decided = rule.apply(judge.predict_proba((said[fold][:, chosen] - mean) / scale))
            by_class = f1_score(labels[tested], decided, average=None)
            scores.append((by_class.mean(), by_class[NEUTRAL]))
        macro, neutral = np.mean(scores, axis=0)
        print(f"{name:8} macro-F1 {macro:.4f}, neutral F1 {neutral:.4f} over {len(parts)} folds")


if __name__ == "__main__":
    main()
