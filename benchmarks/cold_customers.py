"""What helps customers of whom little is known: counting members on MovieLens customers who are not tested.

    python benchmarks/cold_customers.py DIR

DIR holds the published files. The customers whom the protocol `held_out` tests are put aside; of the others a fifth is
withheld again, five times by other seeds. Prints NDCG@10 with 0, 1, 3 and 5 likes shown, averaged over the withheld
customers, and the difference to popularity with its standard error over them.
"""

import argparse
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import yaml

from crm_pipelines import columns as c
from crm_pipelines.cleaning import clean_interactions
from crm_pipelines.config import SourceSpec
from crm_pipelines.models.layers.count_member import shares
from crm_pipelines.models.layers.pooling import list_quality
from crm_pipelines.models.recommendation.attribute_popularity import AttributePopularity
from crm_pipelines.models.recommendation.followers import Followers
from crm_pipelines.models.recommendation.recent_popularity import RecentPopularity
from crm_pipelines.models.recommendation.together import Together
from crm_pipelines.recommendation.config import OfferParameters
from crm_pipelines.recommendation.inputs import ProductInputs
from crm_pipelines.recommendation.preparation import SHOTS, build, split
from crm_pipelines.sources import RawFolder, read

SEEDS = range(1, 6)
SOURCES = Path(__file__).parents[1] / "conf/base/parameters/sources.yml"


def main() -> None:
    """Print a line per member."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw_root", type=Path)
    options = parser.parse_args()
    spec = SourceSpec.model_validate(yaml.safe_load(SOURCES.read_text())["sources"]["movielens"])
    tables = read(RawFolder(options.raw_root, ibis.duckdb.connect()), spec)
    log = clean_interactions(tables.interactions, spec.interactions)[0].to_pandas()
    people, goods = tables.customers.to_pandas(), tables.items.to_pandas()

    def inputs_of(log: Any, seed: int) -> tuple[ProductInputs, dict[str, np.ndarray]]:
        arrays, _ = build(log, log[c.CUSTOMER_ID], goods[c.ITEM_ID], spec.offers, spec.interactions.file)
        return split(arrays, people, goods, spec, c.PROTOCOL_HELD_OUT, OfferParameters(seed=seed)), arrays

    inputs, arrays = inputs_of(log, OfferParameters().seed)
    tested = arrays["customer_ids"][np.unique(inputs.asked[c.cold_slice(c.CUSTOMER, 0)].customer)]
    log = log[~log[c.CUSTOMER_ID].isin(tested)].reset_index(drop=True)
    found: dict[tuple[str, int], list[np.ndarray]] = {}
    for seed in SEEDS:
        for name, shown, quality in judged(inputs_of(log, seed)[0]):
            found.setdefault((name, shown), []).append(quality)
    for name in dict.fromkeys(name for name, _ in found):
        print(f"{name:<34}", end="")
        for shown in SHOTS:
            quality, popular = (np.concatenate(found[each, shown]) for each in (name, "popularity"))
            error = (quality - popular).std() / len(quality) ** 0.5
            print(f"  {quality.mean():.4f} ({(quality - popular).mean():+.4f} +- {error:.4f})", end="")
        print()


def judged(inputs: ProductInputs) -> list[tuple[str, int, np.ndarray]]:
    """Member, likes shown, and NDCG@10 of each withheld customer."""
    whole = AttributePopularity(AttributePopularity.Config(steps=1))
    recent = RecentPopularity(RecentPopularity.Config())
    stepped = AttributePopularity(AttributePopularity.Config())
    followers, together = Followers(Followers.Config()), Together(Together.Config())
    for member in (whole, stepped, recent, followers, together):
        member.fit(inputs)
    popularity = np.log(shares(inputs))
    found = []
    for shown in SHOTS:
        queries = inputs.asked[c.cold_slice(c.CUSTOMER, shown)]
        histories, offered = inputs.before(queries), inputs.offered(queries)
        wanted = np.zeros(offered.shape, dtype=bool)
        wanted[queries.relevant.owner, queries.relevant.items] = True
        late = recent.log_probabilities(histories)
        scores = {
            "popularity": np.tile(popularity, (len(queries), 1)),
            "attributes, none in steps": whole.log_probabilities(histories),
            "attributes": stepped.log_probabilities(histories),
            "recent": late,
            "attributes + (recent - popularity)/2": stepped.log_probabilities(histories) + (late - popularity) / 2,
            "followers": followers.log_probabilities(histories),
            "together": together.log_probabilities(histories),
        }
        for name, table in scores.items():
            ranked = np.where(offered, table, -np.inf)
            each = [list_quality(ranked[row : row + 1], wanted[row : row + 1]) for row in range(len(queries))]
            found.append((name, shown, np.array(each)))
    return found


if __name__ == "__main__":
    main()
