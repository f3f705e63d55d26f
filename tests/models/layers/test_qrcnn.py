"""Blocks of the QRCNN-LSTM: against hand-worked numbers, and blind to padding."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from crm_pipelines.models.layers.qrcnn import (
    QUANTILES,
    CrossAttention,
    MultiKernelConvolution,
    QuantileHeads,
    RegionPooling,
    SequenceEncoder,
    pinball_loss,
)


def mask_of(*lengths: int, steps: int, right: bool = True) -> torch.Tensor:
    """Rows of so many steps, padded on the left (right-aligned) or on the right."""
    position = torch.arange(steps)
    return torch.stack([position >= steps - n if right else position < n for n in lengths])


class TestPinballLoss:
    def test_it_is_the_formula(self):
        """y = 3: tau (y - q) below, (1 - tau) (q - y) above; 0.9 * 2 = 1.8 and 0.9 * 1 = 0.9, mean 1.35."""
        loss = pinball_loss(torch.tensor([[1.0, 4.0]]), torch.tensor([3.0]), torch.tensor([0.9, 0.1]))
        assert loss.item() == pytest.approx((1.8 + 0.9) / 2)

    @pytest.mark.parametrize("tau", QUANTILES)
    def test_the_quantile_minimises_it(self, tau):
        y = torch.from_numpy(np.random.default_rng(0).exponential(size=4001).astype(np.float32))
        candidates = torch.linspace(0, 4, 801)
        losses = [pinball_loss(c.expand(len(y), 1), y, torch.tensor([tau])).item() for c in candidates]
        assert candidates[int(np.argmin(losses))].item() == pytest.approx(np.quantile(y.numpy(), tau), abs=0.01)

    def test_heads_trained_with_it_find_the_quantiles(self):
        torch.manual_seed(0)
        heads, y = QuantileHeads(1), torch.linspace(0, 1, 1001)
        optimizer = torch.optim.Adam(heads.parameters(), lr=0.01)
        for _ in range(500):
            optimizer.zero_grad()
            heads.loss(heads(torch.zeros(1001, 1)), y).backward()
            optimizer.step()
        np.testing.assert_allclose(heads(torch.zeros(1, 1))[0].detach().numpy(), QUANTILES, atol=0.03)

    def test_rows_without_a_target_do_not_count(self):
        estimates, tau = torch.tensor([[1.0], [7.0]], requires_grad=True), torch.tensor([0.5])
        loss = pinball_loss(estimates, torch.tensor([3.0, float("nan")]), tau, torch.tensor([True, False]))
        loss.backward()
        assert loss.item() == pytest.approx(1.0)
        assert estimates.grad.tolist() == [[-0.5], [0.0]]
        assert pinball_loss(estimates, torch.zeros(2), tau, torch.zeros(2, dtype=torch.bool)).item() == 0.0


class TestMultiKernelConvolution:
    def test_kernels_are_the_convolutions_they_stand_for(self):
        torch.manual_seed(0)
        layer = MultiKernelConvolution(inputs=3, channels=2, kernels=(1, 2, 3, 6))
        torch.nn.init.normal_(layer.bias)
        x = torch.randn(4, 7, 3)
        steps = x.transpose(1, 2)
        expected = [
            functional.conv1d(functional.pad(steps, ((w - 1) // 2, w // 2)), weight, bias)
            for w, weight, bias in zip(layer.kernels, layer.weights, layer.bias.split(2), strict=True)
        ]
        out = layer(x, torch.ones(4, 7, dtype=torch.bool))
        torch.testing.assert_close(out, torch.relu(torch.cat(expected, 1)).transpose(1, 2))

    def test_a_window_past_the_edge_sees_zeros(self):
        layer = MultiKernelConvolution(inputs=1, channels=1, kernels=(3,))
        torch.nn.init.ones_(layer.weights[0])
        x = torch.tensor([[[100.0], [1.0], [2.0], [4.0]]])
        out = layer(x, mask_of(3, steps=4))
        assert out[0, 1:, 0].tolist() == [3.0, 7.0, 6.0]  # moving sums of 1, 2, 4


class TestRegionPooling:
    x = torch.tensor([9.0, 9.0, 1.0, 5.0, 2.0, 4.0, 0.0]).view(1, 7, 1)

    @pytest.mark.parametrize(("pooling", "expected"), [("max", [5.0, 4.0]), ("mean", [8 / 3, 2.0])])
    def test_regions_by_hand(self, pooling, expected):
        """Five steps 1 5 2 4 0 in two regions: [1 5 2] and [2 4 0], the middle step in both."""
        out = RegionPooling(2, pooling)(self.x, mask_of(5, steps=7))
        assert out[0, :, 0].tolist() == pytest.approx(expected)

    @pytest.mark.parametrize("pooling", ["max", "mean"])
    def test_fewer_steps_than_regions_overlap_in_order(self, pooling):
        out = RegionPooling(4, pooling)(self.x, mask_of(2, steps=7))  # steps 4 0
        assert out[0, :, 0].tolist() == [4.0, 4.0, 0.0, 0.0]

    @given(length=st.integers(1, 9), regions=st.integers(1, 12), right=st.booleans())
    @settings(max_examples=60, deadline=None)
    def test_a_row_is_pooled_as_adaptive_pooling_pools_its_steps(self, length, regions, right):
        x = torch.randn(1, 9, 2, generator=torch.Generator().manual_seed(length))
        mask = mask_of(length, steps=9, right=right)
        alone = x[mask].T.unsqueeze(0)  # (1, 2, length)
        largest, mean = (RegionPooling(regions, pooling)(x, mask) for pooling in ("max", "mean"))
        torch.testing.assert_close(largest, functional.adaptive_max_pool1d(alone, regions).transpose(1, 2))
        torch.testing.assert_close(mean, functional.adaptive_avg_pool1d(alone, regions).transpose(1, 2))

    @pytest.mark.parametrize("pooling", ["max", "mean"])
    def test_a_row_without_steps_is_zero(self, pooling):
        assert (RegionPooling(3, pooling)(self.x, mask_of(0, steps=7)) == 0).all()


class TestCrossAttention:
    def test_it_is_the_formula(self):
        torch.manual_seed(0)
        layer = CrossAttention(query=3, memory=4, width=6)
        x, y = torch.randn(1, 2, 3), torch.randn(1, 5, 4)
        q, k, v = x[0] @ layer.query.weight.T, y[0] @ layer.key.weight.T, y[0] @ layer.value.weight.T
        out = layer(x, y, torch.ones(1, 5, dtype=torch.bool))
        torch.testing.assert_close(out.values[0], torch.softmax(q @ k.T / 6**0.5, dim=1) @ v)

    @pytest.mark.parametrize("heads", [1, 2])
    def test_weights_sum_to_one_over_steps_that_exist(self, heads):
        torch.manual_seed(0)
        layer = CrossAttention(query=3, memory=4, width=6, heads=heads)
        mask = mask_of(5, 2, 0, steps=5)
        values, weights = layer(torch.randn(3, 2, 3), torch.randn(3, 5, 4), mask)
        assert values.shape == (3, 2, 6)
        assert weights.shape == (3, heads, 2, 5)
        assert (weights.masked_select(~mask[:, None, None, :]) == 0).all()
        expected = torch.tensor([1.0, 1.0, 0.0]).view(3, 1, 1).expand(3, heads, 2)
        torch.testing.assert_close(weights.sum(-1), expected)
        assert (values[2] == 0).all()

    def test_what_stands_in_padding_is_inert(self):
        torch.manual_seed(0)
        layer, mask = CrossAttention(query=3, memory=4, width=6), mask_of(2, steps=5)
        x, y = torch.randn(1, 2, 3), torch.randn(1, 5, 4)
        noisy = y.masked_fill(~mask.unsqueeze(-1), float("nan"))
        torch.testing.assert_close(layer(x, noisy, mask).values, layer(x, y, mask).values)

    def test_a_width_that_heads_cannot_share_is_refused(self):
        with pytest.raises(ValueError, match="3 heads"):
            CrossAttention(query=2, memory=2, width=4, heads=3)


class TestSequenceEncoder:
    @pytest.fixture
    def encoder(self):
        torch.manual_seed(0)
        return SequenceEncoder(inputs=3, channels=2, regions=3, width=4)

    @pytest.mark.parametrize("filler", [1e3, float("nan")])
    def test_padding_is_inert_wherever_it_lies(self, encoder, filler):
        steps = torch.randn(4, 3)
        plain = encoder(steps.unsqueeze(0), torch.ones(1, 4, dtype=torch.bool))
        for right in (False, True):
            mask = mask_of(4, steps=9, right=right)
            x = torch.full((1, 9, 3), filler)
            x[mask] = steps
            padded = encoder(x, mask)
            torch.testing.assert_close(padded.features, plain.features)
            torch.testing.assert_close(padded.states, plain.states)

    def test_rows_without_steps_and_batches_without_rows_are_finite(self, encoder):
        empty = encoder(torch.randn(2, 5, 3), mask_of(0, 1, steps=5))
        assert (empty.states[0] == 0).all()
        assert empty.mask.tolist() == [[False] * 3, [True] * 3]
        empty.states.sum().backward()
        assert all(torch.isfinite(p.grad).all() for p in encoder.parameters())
        assert encoder(torch.zeros(0, 5, 3), torch.zeros(0, 5, dtype=torch.bool)).states.shape == (0, 3, 4)

    def test_every_step_reaches_the_last_state_and_none_an_earlier_region(self, encoder):
        x = torch.randn(1, 12, 3, requires_grad=True)
        states = encoder(x, torch.ones(1, 12, dtype=torch.bool)).states
        (first,) = torch.autograd.grad(states[0, 0].sum(), x, retain_graph=True)
        (last,) = torch.autograd.grad(states[0, -1].sum(), x)
        assert (first[0, 6:] == 0).all()  # region 0 holds steps 0 to 3, and windows reach two ahead
        assert (last[0, :4] != 0).any()
