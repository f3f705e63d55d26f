"""What the members of CNN-GRU+ are worth, on folds that are not the reported ones.

    kedro run --pipelines=documents --params=source=amazon_instruments,raw_root=DIR
    python benchmarks/sentiment_members.py data amazon_instruments

Folds are those of `StratifiedKFold(5, shuffle=True, random_state=7)`, the reported ones have 42. As in the model, the
judge and the offsets rest on what cross-fitted members say of the other folds. Prints macro-F1 and neutral F1, means
over folds, of questions about classes, about grades, and both; and of both with networks: one of each part, averaged,
or one of all documents. `--questions-only` leaves the networks out, `--changes '{"pool": 4}'` tries other ones.
"""

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold

from crm_pipelines.documents.preparation import assemble
from crm_pipelines.evaluation.decision import fit_decision_rule
from crm_pipelines.models.text.cnn_gru_plus import CNNGRUPlus, CNNGRUPlusConfig, logs
from crm_pipelines.models.text.neural import known_words
from crm_pipelines.training.seeds import seed_everything

SEED, FOLDS, NEUTRAL = 7, 5, 1


def main() -> None:
    """Print a line for each choice of questions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", type=Path)
    parser.add_argument("source")
    parser.add_argument("--folds", type=int, default=4, help="of the five")
    parser.add_argument("--questions-only", action="store_true")
    parser.add_argument("--changes", type=json.loads, default={}, help="of the pool's hyper-parameters, as JSON")
    options = parser.parse_args()
    seed_everything(42, threads=1)
    words = pd.read_parquet(options.data_root / "03_primary" / options.source / "document_words.parquet")
    folder = options.data_root / "04_feature" / options.source / "sentiment_arrays"
    arrays = {p.relative_to(folder).with_suffix("").as_posix(): np.load(p) for p in folder.rglob("*.npy")}
    splits = options.data_root / "08_reporting" / options.source / "documents" / "splits.json"
    inputs = assemble(json.loads(splits.read_text())[0], arrays, words)
    labels, classes = inputs.labels, len(inputs.classes)
    folding = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(labels, labels)
    scores: dict[str, list[np.ndarray]] = {}
    for fold, (known, tested) in enumerate(folding):
        if fold == options.folds:
            break
        pool = CNNGRUPlus(CNNGRUPlusConfig(**options.changes), 42)
        everything = dataclasses.replace(inputs, train=known)
        asked, said = pool.questions.fit(everything), pool.questions.said(inputs, tested)
        choices = {
            "classes": (asked[:, :classes], said[:, :classes]),
            "grades": (asked[:, classes:], said[:, classes:]),
            "both": (asked, said),
        }
        if not options.questions_only:
            words = known_words(everything, pool.network_config(), pool.seed)
            unseen, networks, _ = pool.cross_fit(inputs, known, words)
            averaged = np.mean([logs(network.predict_proba(inputs, tested)) for network in networks], axis=0)
            one = logs(pool.fit_network(inputs, known, words, pool.seed)[0].predict_proba(inputs, tested))
            choices["both, averaged networks"] = np.hstack([unseen, asked]), np.hstack([averaged, said])
            choices["both, one network"] = np.hstack([unseen, asked]), np.hstack([one, said])
            choices["averaged networks"], choices["one network"] = (unseen, averaged), (unseen, one)
        for name, (learnt, new) in choices.items():
            pool.judge(learnt, labels[known], classes)
            rule = fit_decision_rule(pool.judged(learnt), labels[known])
            decided = rule.apply(pool.judged(new))
            by_class = f1_score(labels[tested], decided, average=None)
            scores.setdefault(name, []).append(np.array([by_class.mean(), by_class[NEUTRAL]]))
            print(f"fold {fold}, {name}: {by_class.mean():.4f}, {by_class[NEUTRAL]:.4f}", flush=True)
    for name, found in scores.items():
        macro, neutral = np.mean(found, axis=0)
        print(f"{name:24} macro-F1 {macro:.4f}, neutral F1 {neutral:.4f} over {len(found)} folds")


if __name__ == "__main__":
    main()
