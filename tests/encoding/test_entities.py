"""Static features see the training part only, never a sensitive column, and survive saving."""

import numpy as np
import pandas as pd
import pytest

from crm_pipelines.config import EncodingParameters, EntitySpec
from crm_pipelines.encoding import EntityEncoder
from crm_pipelines.encoding.entities import align
from crm_pipelines.errors import UserError

N, N_TRAIN = 60, 40
TRAINING = np.arange(N) < N_TRAIN
PARAMETERS = EncodingParameters(max_categories=2, tfidf_min_df=2, text_dimensions=3)
SPEC = EntitySpec(numeric=("price", "year"), categorical=("brand",), text=("title",), sensitive=("gender",))


def items(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "item_id": [f"i{n}" for n in range(N)],
            "price": np.where(rng.random(N) < 0.1, np.nan, rng.lognormal(3, 1.5, N)),
            "year": rng.integers(1990, 2000, N).astype(float),
            "brand": np.resize(["yamaha", "fender", "yamaha", "ibanez", "fender", "yamaha", None], N),
            "title": rng.choice(["red guitar", "blue drum kit", "guitar strings", "red drum", None], N),
            "gender": rng.choice(["f", "m"], N),
        }
    )


def test_matrix_has_scaled_log_text_and_one_hot_columns() -> None:
    features = EntityEncoder.fit(items(), SPEC, PARAMETERS, TRAINING).transform(items())
    assert features.names == (
        *("price", "year", "log1p(price)", "title[0]", "title[1]", "title[2]"),
        *("brand=yamaha", "brand=fender", "brand=(other)"),
    )
    assert features.matrix.dtype == np.float32
    assert features.matrix.shape == (N, 9)
    seen = features.matrix[TRAINING]
    np.testing.assert_allclose(seen[:, :6].min(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(seen[:, :6].max(axis=0), 1, atol=1e-6)
    assert (features.matrix[:, 6:].sum(axis=1) == 1).all()
    assert (features.codes.dtype, features.codes.shape) == (np.int32, (N, 1))
    assert (features.code_names, features.cardinalities) == (("brand",), (4,))


def test_nothing_is_fitted_on_other_entities() -> None:
    changed = items()
    changed.loc[~TRAINING, ["price", "year"]] = 1e9
    changed.loc[~TRAINING, "brand"] = "novel"
    changed.loc[~TRAINING, "title"] = "words never read before"
    one = EntityEncoder.fit(items(), SPEC, PARAMETERS, TRAINING)
    other = EntityEncoder.fit(changed, SPEC, PARAMETERS, TRAINING)
    assert one.to_dict() == other.to_dict()
    assert one.texts["title"].terms == other.texts["title"].terms
    assert np.array_equal(one.texts["title"].components, other.texts["title"].components)


def test_scaling_entire_fits_ranges_on_all_entities_and_nothing_else() -> None:
    table = items()
    table.loc[N - 1, ["price", "brand"]] = [1e6, "novel"]
    leaky = EntityEncoder.fit(table, SPEC, PARAMETERS.model_copy(update={"scaling": "entire"}), TRAINING)
    honest = EntityEncoder.fit(table, SPEC, PARAMETERS, TRAINING)
    assert leaky.transform(table).matrix[:, :6].max() <= 1
    assert honest.transform(table).matrix[N - 1, 0] > 1
    assert leaky.imputer == honest.imputer
    assert leaky.vocabularies == honest.vocabularies


def test_sensitive_columns_are_never_encoded() -> None:
    swapped = items().assign(gender=items()["gender"].map({"f": "m", "m": "f"}))
    one, other = (EntityEncoder.fit(table, SPEC, PARAMETERS, TRAINING).transform(table) for table in (items(), swapped))
    assert np.array_equal(one.matrix, other.matrix)
    assert not any("gender" in name for name in (*one.names, *one.code_names))


def test_unseen_category_has_code_0_and_the_shared_column() -> None:
    table = items()
    table.loc[N - 1, "brand"] = "novel"
    features = EntityEncoder.fit(table, SPEC, PARAMETERS, TRAINING).transform(table)
    assert features.codes[N - 1] == 0
    assert features.matrix[N - 1, 6:].tolist() == [0, 0, 1]
    assert features.codes[:N_TRAIN].min() > 0


@pytest.mark.parametrize("spec", [EntitySpec(), EntitySpec(sensitive=("gender",))])
def test_entities_without_attributes_have_width_0(spec: EntitySpec) -> None:
    features = EntityEncoder.fit(items(), spec, PARAMETERS, TRAINING).transform(items())
    assert features.matrix.shape == features.codes.shape == (N, 0)
    assert features.names == features.cardinalities == ()


def test_saved_encoder_gives_the_same_features(tmp_path) -> None:
    encoder = EntityEncoder.fit(items(), SPEC, PARAMETERS, TRAINING)
    encoder.save(tmp_path / "items")
    table = items(seed=1)
    one, other = encoder.transform(table), EntityEncoder.load(tmp_path / "items").transform(table)
    assert np.array_equal(one.matrix, other.matrix)
    assert np.array_equal(one.codes, other.codes)
    assert (one.names, one.cardinalities, one.code_names) == (other.names, other.cardinalities, other.code_names)


def test_align_orders_rows_by_dense_id_and_keeps_absent_entities() -> None:
    table = align(items(), "item_id", ["i5", "absent", "i0"])
    assert table["item_id"].tolist() == ["i5", "absent", "i0"]
    assert table["year"].isna().tolist() == [False, True, False]
    encoder = EntityEncoder.fit(items(), SPEC, PARAMETERS, TRAINING)
    assert np.isfinite(encoder.transform(table).matrix).all()


def test_mistakes_are_told() -> None:
    with pytest.raises(UserError, match=r"items\.csv: no column colour"):
        EntityEncoder.fit(items(), EntitySpec(file="items.csv", categorical=("colour",)), PARAMETERS, TRAINING)
    with pytest.raises(UserError, match="training part"):
        EntityEncoder.fit(items(), SPEC, PARAMETERS, np.zeros(N, dtype=bool))
