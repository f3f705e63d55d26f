"""One training loop around a plain ``nn.Module``, run by Lightning."""

import logging
import math
import multiprocessing
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, nn

from crm_pipelines.errors import UserError
from crm_pipelines.training import ranks
from crm_pipelines.training.parameters import TrainingParameters
from crm_pipelines.training.weights import load_weights, save_weights

logger = logging.getLogger(__name__)

Loss = Callable[[Tensor], Tensor]
"""Event ids of one batch (B,) -> scalar loss."""


class Batches:
    """Event ids in batches, shuffled anew each epoch by a generator of its own.

    A batch is a slice of ids, not a list of rows: collating row by row costs several times the step itself.
    A batch of fewer than ``least`` events is left out of training, since batch normalisation has no variance over one.

    Args:
        events: event ids.
        batch_size: most events of a batch.
        seed: shuffles; None keeps the order.
        group: group of each of ``events``; a batch then holds events of one group, and groups come in batches of
            about equal size, so that no event counts much more than another.
        least: events of the smallest batch: two for each process that takes a share of it.
    """

    def __init__(
        self,
        events: np.ndarray,
        batch_size: int,
        seed: int | None,
        group: np.ndarray | None = None,
        least: int = 2,
    ) -> None:
        ids = np.array(events, dtype=np.int64)
        if group is None:
            self.parts = [torch.from_numpy(ids)]
        else:
            self.parts = [torch.from_numpy(ids[group == value]) for value in np.unique(group)]
        self.even = group is not None
        self.batch_size, self.least = batch_size, least
        self.generator = None if seed is None else torch.Generator().manual_seed(seed)
        self._sizes = [size for part in self.parts for size in self._split(len(part))]

    def _split(self, n: int) -> list[int]:
        """Sizes of the batches of ``n`` events."""
        if self.even:
            count = -(-n // self.batch_size)
            return [n * (i + 1) // count - n * i // count for i in range(count)]
        full, rest = divmod(n, self.batch_size)
        return [self.batch_size] * full + [rest] * (rest > 0)

    def _kept(self, size: int) -> bool:
        return size >= self.least or self.generator is None

    def __len__(self) -> int:
        return sum(map(self._kept, self._sizes))

    def __iter__(self) -> Iterator[Tensor]:
        batches: list[Tensor] = []
        for part in self.parts:
            order = part
            if self.generator is not None:
                order = part[torch.randperm(len(part), generator=self.generator)]
            batches += torch.split(order, self._split(len(part)))
        if self.even and self.generator is not None:
            batches = [batches[i] for i in torch.randperm(len(batches), generator=self.generator).tolist()]
        return (batch for batch in batches if self._kept(len(batch)))


class _Module(lightning.LightningModule):
    """Glue between a network, its loss and Lightning; keeps the best weights in memory.

    With several processes the mean loss of a batch is the mean of its shares, each weighted by its events, so that the
    gradients that they average are those of one process. A forked process ends with all it knows: the first one puts
    the outcome into ``outcome``.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        after_epoch: Callable[[int], None],
        parameters: TrainingParameters,
        epochs: int,
        seed: int,
        outcome: Path | None = None,
    ) -> None:
        super().__init__()
        self.network, self.loss, self.after_epoch, self.parameters_ = network, loss, after_epoch, parameters
        self.epochs, self.seed, self.outcome = epochs, seed, outcome
        if outcome is not None:  # torch warns where it looks for unused parameters, as it must, and finds none
            self.never_used = nn.Parameter(torch.zeros(()))
        self.history: list[dict[str, float]] = []
        self.best: tuple[float, dict[str, Tensor]] | None = None
        self._train: list[Tensor] = []
        self._validation: list[tuple[Tensor, int]] = []
        self._started = 0.0

    def on_fit_start(self) -> None:
        if self.outcome is not None:
            torch.set_num_threads(1)  # a forked process has lost the threads of its parent
            if self.global_rank:  # the first goes on as its parent would
                torch.manual_seed(self.seed + self.global_rank)

    def on_fit_end(self) -> None:
        if self.outcome is not None and self.global_rank == 0:
            value, weights = self.best or (None, {})
            save_weights(self.outcome, {"history": self.history, "best": value}, weights)

    def on_train_epoch_start(self) -> None:
        self._train.clear()
        self._started = time.perf_counter()

    def training_step(self, batch: Tensor, _: int) -> Tensor:
        events, size = ranks.share(batch)
        loss = self.loss(events)
        if size != len(batch):
            loss = loss * (size * ranks.world_size() / len(batch))
        self._train.append(loss.detach())
        return loss

    def on_validation_epoch_start(self) -> None:
        self._validation.clear()
        self._train_seconds = time.perf_counter() - self._started
        ranks.agree(self.network)

    def validation_step(self, batch: Tensor, _: int) -> None:
        events, size = ranks.share(batch)
        self._validation.append((self.loss(events), size))

    def on_validation_epoch_end(self) -> None:
        total = float(sum(size for _, size in self._validation))
        weighted = sum(float(loss) * size for loss, size in self._validation)
        train = float(torch.stack(self._train).mean())
        weighted, total, train = ranks.total(weighted, total, train)
        value, train = weighted / total, train / ranks.world_size()
        self.log("validation_loss", value)
        epoch = self.current_epoch
        self.history.append(
            {"epoch": epoch, "train_loss": train, "validation_loss": value, "seconds": self._train_seconds}
        )
        better = math.isfinite(value) and (self.best is None or value < self.best[0])
        if better:
            self.best = (value, {name: tensor.clone() for name, tensor in self.network.state_dict().items()})
        left = (self.epochs - epoch - 1) * self._train_seconds
        if self.global_rank == 0:
            logger.info(
                "epoch %2d of at most %d: training loss %.4f, validation loss %.4f%s (%.1f s, at most %.0f s left)",
                *(epoch + 1, self.epochs, train, value, " *" if better else "", self._train_seconds, left),
            )
        self.after_epoch(epoch)
        ranks.agree(self.network)

    def configure_optimizers(self) -> Any:
        p = self.parameters_
        optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=p.learning_rate, weight_decay=p.weight_decay, fused=True
        )
        if not p.annealed:
            return optimizer
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=self.epochs)
        return {"optimizer": optimizer, "lr_scheduler": schedule}


def train(
    network: nn.Module,
    loss: Loss,
    train_events: np.ndarray,
    validation_events: np.ndarray,
    parameters: TrainingParameters,
    seed: int,
    after_epoch: Callable[[int], None] = lambda _: None,
    groups: np.ndarray | None = None,
) -> list[dict[str, float]]:
    """Train ``network`` in place and leave it with the weights of its best validation epoch.

    Args:
        network: module whose parameters are optimised.
        loss: mean loss over a batch of event ids; called in training and in evaluation mode.
        train_events: event ids to learn from.
        validation_events: event ids, in time order, that decide when to stop and which weights to keep.
        parameters: how to train.
        seed: shuffles the batches.
        after_epoch: called with the epoch's number when it is over; with several processes in each of them, where it
            may change the network, but nothing that outlasts the training.
        groups: group of every event of the log, where a batch may hold events of one group only.

    Returns:
        One row an epoch: epoch, train_loss, validation_loss, seconds (training steps only).

    Raises:
        UserError: the validation loss was never finite, so that there are no weights to keep; or the platform cannot
            fork the processes asked for.
    """
    devices = parameters.devices
    if devices > 1 and "fork" not in multiprocessing.get_all_start_methods():
        raise UserError("'devices' above 1 needs an operating system that can fork processes; set it to 1")
    epochs = parameters.passes(len(train_events))

    def of(events: np.ndarray) -> np.ndarray | None:
        return None if groups is None else groups[events]

    quiet = ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.accelerators", "lightning.fabric")
    for name in quiet:
        logging.getLogger(name).setLevel(logging.ERROR)
    several = devices > 1
    with (
        warnings.catch_warnings(),
        tempfile.TemporaryDirectory(prefix="crm_pipelines-") if several else nullcontext() as folder,
        ranks.free_port() if several else nullcontext(),
    ):
        warnings.filterwarnings("ignore", module="lightning")
        module = _Module(network, loss, after_epoch, parameters, epochs, seed, Path(folder) if folder else None)
        trainer = lightning.Trainer(
            max_epochs=epochs,
            callbacks=[EarlyStopping("validation_loss", patience=parameters.patience, check_finite=True)],
            gradient_clip_val=parameters.clip,
            accelerator="cpu",  # where the tensors of the log are
            devices=devices,
            strategy=_forked() if several else "auto",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        of_train, of_validation = of(train_events), of(validation_events)
        trainer.fit(
            module,
            train_dataloaders=Batches(train_events, parameters.batch_size, seed, of_train, 2 * devices),
            val_dataloaders=Batches(validation_events, 4 * parameters.batch_size, None, of_validation),
        )
        if module.outcome is not None:
            told, weights = load_weights(module.outcome)
            module.history = told["history"]
            module.best = None if told["best"] is None else (told["best"], weights)
    if module.best is None:
        raise UserError(
            "training failed: the validation loss was never a finite number; lower 'learning_rate' under 'training' "
            "of this model, or look for extreme values in the data"
        )
    network.load_state_dict(module.best[1])
    network.eval()
    return module.history


def _forked() -> DDPStrategy:
    """Processes forked from this one: they share the log in memory, and work below Kedro, in notebooks and workers.

    Processes started anew would need the log, the loss and the whole model as pickles, and a launch by script would run
    the command once more for each. A network need not use every parameter in every step (an ablation, a second head).
    """
    return DDPStrategy(
        cluster_environment=LightningEnvironment(),
        process_group_backend="gloo",
        start_method="fork",
        find_unused_parameters=True,
    )


def time_steps(
    network: nn.Module,
    loss: Loss,
    train_events: np.ndarray,
    batch_size: int,
    steps: int,
    parameters: TrainingParameters,
    groups: np.ndarray | None = None,
) -> float:
    """Median seconds of a training step (forward, backward, clipping, optimiser) at another batch size.

    Changes the weights: keep a copy. Three steps come first, untimed; fewer are timed where events run out.
    """
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=parameters.learning_rate, weight_decay=parameters.weight_decay, fused=True
    )
    group = None if groups is None else groups[train_events]
    network.train()
    seconds = []
    for number, batch in enumerate(Batches(train_events, batch_size, 0, group)):
        if number == steps + 3:
            break
        started = time.perf_counter()
        optimizer.zero_grad()
        loss(batch).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), parameters.clip)
        optimizer.step()
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds[3:] or seconds))
