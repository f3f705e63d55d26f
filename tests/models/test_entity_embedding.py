"""Entities as vectors: the same whether they are projected once or as often as they are met."""

import pytest
import torch

from crm_pipelines.models.layers.entities import EntityEmbedding

WIDTH = 5


@pytest.mark.parametrize("entities", [7, 2_000])
def test_an_entity_met_often_has_the_vector_of_one_met_once(entities: int) -> None:
    torch.manual_seed(0)
    embedding = EntityEmbedding(3, (4,), WIDTH)
    static, codes = torch.randn(entities, 3), torch.randint(4, (entities, 1))
    ids = torch.randint(entities, (6, 4))
    met = embedding(static, codes, ids)  # (6, 4, width), each distinct one projected once
    assert met.shape == (6, 4, WIDTH)
    torch.testing.assert_close(met.reshape(-1, WIDTH), embedding(static, codes, ids.flatten()))


@pytest.mark.parametrize("entities", [7, 2_000])
def test_each_meeting_adds_to_the_gradient(entities: int) -> None:
    torch.manual_seed(0)
    embedding = EntityEmbedding(3, (), WIDTH)
    static, codes = torch.randn(entities, 3), torch.zeros(entities, 0, dtype=torch.int64)
    ids = torch.tensor([[1, 1, 2], [5, 1, 2]])
    gradients = []
    for some in (ids, ids.flatten()):
        embedding.zero_grad()
        embedding(static, codes, some).sum().backward()
        gradients.append(embedding.project.weight.grad.clone())
    torch.testing.assert_close(*gradients)


def test_codes_are_hidden_in_training_only() -> None:
    torch.manual_seed(0)
    embedding = EntityEmbedding(0, (4,), WIDTH, unknown=0.999)
    static, codes, ids = torch.zeros(50, 0), torch.full((50, 1), 3), torch.arange(50).view(10, 5)
    unknown = embedding.tables[0].weight[0]
    in_training = embedding.train()(static, codes, ids)
    assert torch.isclose(in_training, unknown).all(dim=-1).float().mean() > 0.9
    assert not torch.isclose(embedding.eval()(static, codes, ids), unknown).all(dim=-1).any()
