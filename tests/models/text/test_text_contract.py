"""What every text model must do; models are discovered in the registry."""

import dataclasses
from functools import cache

import numpy as np
import pytest
from documents_planted import documents
from sklearn.metrics import f1_score, roc_auc_score

from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.errors import UserError
from crm_pipelines.models.layers.ngram_questions import NGramQuestions, QuestionParameters
from crm_pipelines.models.registry import TEXT_MODELS, text_code_of, text_model

LINEAR = {"ngrams": {"words": 1, "characters": [3, 3], "bits": 12}}
NETWORK = {
    "channels": 16,
    "state": 8,
    "vectors": {"width": 16, "epochs": 2},
    "dropout": 0.1,
    "training": {"epochs": 14, "batch_size": 16, "learning_rate": 0.01, "patience": 14},
}
SMALL = {
    "svm": LINEAR,
    "tfidf_logistic": LINEAR,
    "cnn_gru": NETWORK,
    "cnn_gru_plus": {**NETWORK, "parts": 2, "questions": LINEAR},
}
BLIND = {"majority"}

models = pytest.mark.parametrize("name", TEXT_MODELS)


def build(name: str, seed: int = 1):
    model = text_model(name)
    return model(model.Config(**SMALL.get(name, {})), seed)


@cache
def data(planted: bool = True) -> TextInputs:
    return documents(planted)


@cache
def fitted(name: str, planted: bool = True):
    model = build(name)
    return model, model.fit(data(planted))


@models
@pytest.mark.parametrize("size", [0, 1, 7])
def test_probabilities_of_any_batch_are_finite_and_sum_to_one(name, size):
    probabilities = fitted(name)[0].predict_proba(data(), data().test[:size])
    assert probabilities.shape == (size, 3)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


@models
def test_one_document_is_scored_as_in_a_batch(name):
    model, rows = fitted(name)[0], data().test[:10]
    together = model.predict_proba(data(), rows)
    alone = np.vstack([model.predict_proba(data(), rows[i : i + 1]) for i in range(10)])
    np.testing.assert_allclose(alone, together, atol=1e-5)


@models
def test_odd_documents_are_scored(name):
    texts = ["", "😍😍", "!!!", "<b>great</b>", "x" * 20_000, "ещё не видел", "great " * 3000]
    odd = TextInputs.of_texts([None, "", None, "Great", None, None, None], texts, data().classes)
    probabilities = fitted(name)[0].predict_proba(odd, np.arange(len(texts)))
    assert np.isfinite(probabilities).all()


@models
def test_the_same_seed_gives_the_same_bytes(name):
    again = build(name)
    again.fit(data())
    first = fitted(name)[0].predict_proba(data(), data().test)
    assert again.predict_proba(data(), data().test).tobytes() == first.tobytes()


@models
def test_a_saved_model_scores_the_same_and_holds_no_pickle(name, tmp_path):
    model, _ = fitted(name)
    model.save(tmp_path / "model")
    loaded = text_model(name).load(tmp_path / "model")
    expected = model.predict_proba(data(), data().test)
    np.testing.assert_allclose(loaded.predict_proba(data(), data().test), expected, atol=1e-6)
    assert loaded.n_parameters == model.n_parameters > 0
    files = [path for path in (tmp_path / "model").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".safetensors"}
    with pytest.raises(UserError, match="train it again"):
        text_model(name).load(tmp_path / "nothing")


@models
def test_telling_words_are_learned(name):
    probabilities = fitted(name)[0].predict_proba(data(), data().test)
    score = f1_score(data().labels[data().test], probabilities.argmax(axis=1), average="macro")
    if name in BLIND:
        assert score < 0.4
    elif name != "vader":  # which knows "okay" and "great" but no "middling", and learns no words
        assert score > 0.7


@models
def test_random_labels_stay_at_chance(name):
    inputs = data(planted=False)
    probabilities = fitted(name, False)[0].predict_proba(inputs, inputs.test)
    labels = inputs.labels[inputs.test]
    auc = np.mean([roc_auc_score(labels == code, probabilities[:, code]) for code in range(3)])
    assert abs(auc - 0.5) < 0.17  # sixty documents


@models
def test_neither_labels_nor_words_of_test_documents_reach_the_fit(name):
    inputs = data()
    labels, texts, words = (np.array(each) for each in (inputs.labels, inputs.text, inputs.words))
    labels[inputs.test], texts[inputs.test], words[inputs.test] = 0, "unheard of", "unheard of"
    model = build(name)
    model.fit(dataclasses.replace(inputs, labels=labels, text=texts, words=words))
    expected = fitted(name)[0].predict_proba(inputs, inputs.test)
    assert model.predict_proba(inputs, inputs.test).tobytes() == expected.tobytes()


@models
def test_a_class_that_training_lacks_gets_hardly_anything(name):
    inputs = data()
    rows = inputs.train[inputs.labels[inputs.train] != 1]
    validation = inputs.validation[inputs.labels[inputs.validation] != 1]
    model = build(name)
    model.fit(dataclasses.replace(inputs, train=rows, validation=validation))
    probabilities = model.predict_proba(inputs, inputs.test)
    assert np.isfinite(probabilities).all()
    assert probabilities[:, 1].mean() < 0.25


def test_documents_the_pool_has_learnt_from_are_scored_by_members_that_had_not_seen_them():
    model, _ = fitted("cnn_gru_plus", False)
    inputs = data(planted=False)
    known = np.concatenate([inputs.train, inputs.validation])
    right = model.predict_proba(inputs, known).argmax(axis=1) == inputs.labels[known]
    assert right.mean() < 0.6  # a linear model alone learns random labels of such documents by heart


def test_marks_finer_than_classes_are_asked_about_one_by_one():
    inputs = data()
    stars = np.array([1, 3, 4])[inputs.labels] + (np.arange(len(inputs)) % 2) * (inputs.labels != 1)  # 1 to 5
    for grades, questions in ((stars, 7), (inputs.labels, 5), (np.where(stars > 4, np.nan, stars), 5)):
        asked = NGramQuestions(QuestionParameters(**LINEAR), 1)
        known = dataclasses.replace(inputs, grades=np.asarray(grades, dtype=np.float64))
        assert asked.fit(known).shape == (len(inputs.train), questions)
        assert asked.said(known, inputs.test).shape == (len(inputs.test), questions)


def test_scores_are_those_of_the_matrix_that_is_not_made():
    model, inputs = fitted("tfidf_logistic")[0], data()
    matrix = model.ngrams.transform(inputs, inputs.test)
    expected = matrix @ model.coefficients.T + model.intercept
    np.testing.assert_allclose(model.scores(inputs, inputs.test), expected, atol=1e-4)


def test_the_code_of_a_model_is_what_it_imports():
    assert "models/layers/ngram_linear.py" in text_code_of("svm")
    assert "models/layers/ngram_linear.py" not in text_code_of("cnn_gru")
    assert set(text_code_of("cnn_gru")) < set(text_code_of("cnn_gru_plus"))
    with pytest.raises(UserError, match="vader"):
        text_model("vadr")


def test_networks_are_asked_only_where_the_questions_leave_doubt():
    inputs, config = data(), text_model("cnn_gru_plus").Config
    fits = {sure: text_model("cnn_gru_plus")(config(**SMALL["cnn_gru_plus"], sure=sure), 1) for sure in (0.01, 1.0)}
    for sure, model in fits.items():
        model.fit(inputs)
        whole = model.predict_proba(inputs, inputs.test)
        model.networks = []
        if sure == 1.0:  # every document is in doubt
            with pytest.raises(IndexError):
                model.predict_proba(inputs, inputs.test)
        else:
            assert model.predict_proba(inputs, inputs.test).tobytes() == whole.tobytes()


def test_documents_without_words_get_them_when_they_are_asked_for():
    inputs = TextInputs.of_texts(["Great", None], ["It's <b>loud</b>!", "..."], data().classes, tokens=False)
    assert inputs.words.tolist() == ["", ""]
    found = inputs.only(np.array([1, 0]))
    assert found.words.tolist() == ["", "great it's loud !"]
    assert found.text.tolist() == ["...", "It's loud !"]
