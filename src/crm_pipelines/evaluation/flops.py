"""Size and arithmetic of torch models. torch is imported on use."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import torch

MOVES: Final = frozenset(
    {
        "_local_scalar_dense",
        "_to_copy",
        "_unsafe_view",
        "alias",
        "arange",
        "cat",
        "clone",
        "constant_pad_nd",
        "contiguous",
        "copy_",
        "detach",
        "embedding",
        "empty",
        "empty_like",
        "empty_strided",
        "expand_copy",
        "fill_",
        "full",
        "full_like",
        "gather",
        "index",
        "index_select",
        "lift_fresh",
        "new_empty",
        "new_zeros",
        "ones",
        "ones_like",
        "repeat",
        "scalar_tensor",
        "stack",
        "transpose_",
        "unsafe_split",
        "zero_",
        "zeros",
        "zeros_like",
    }
)
"""Operations that make, move or pick values and compute none."""


def parameter_count(module: "torch.nn.Module") -> int:
    """Trainable parameters of a torch module."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def count_flops(call: Callable[[], object]) -> tuple[int, tuple[str, ...]]:
    """Floating-point operations of one call, by torch's counter, and the names of operations it does not count.

    torch counts matrix products, convolutions and attention (two operations per multiply-add). Every other operation
    that computed values is named, in alphabetical order, whatever it costs: element-wise operations and reductions,
    but also fused recurrent and attention layers of the CPU, whose matrix products are then missing from the number.
    ``call`` runs a torch model; it is run once, without gradients.
    """
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import FlopCounterMode, flop_registry

    seen: set[str] = set()

    class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call, unused-ignore]
        def __torch_dispatch__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
        ) -> Any:
            packet = func.overloadpacket
            if packet in flop_registry or func.is_view or packet.__name__ in MOVES:
                return func(*args, **(kwargs or {}))
            with self:  # in inference mode composite operations arrive whole: look at their parts
                parts = func.decompose(*args, **(kwargs or {}))
            if parts is not NotImplemented:
                return parts
            seen.add(packet.__name__)
            return func(*args, **(kwargs or {}))

    recorder = Recorder()  # type: ignore[no-untyped-call, unused-ignore]
    with torch.no_grad(), FlopCounterMode(display=False) as counter, recorder:
        call()
    return int(counter.get_total_flops()), tuple(sorted(seen))
