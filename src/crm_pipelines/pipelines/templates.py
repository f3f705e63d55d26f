"""The template that every pipeline of models repeats: one training node per model, in a namespace of its own."""

from collections.abc import Callable, Iterable, Mapping

from kedro.pipeline import Pipeline, node


def runs_of(pipeline: str, model: str) -> str:
    """Dataset that holds a model's runs: flat, since other namespaces read it."""
    return f"{pipeline}_{model}_runs"


def training(
    pipeline: str,
    model: str,
    train: Callable[..., object],
    inputs: Iterable[str],
    shared: Iterable[str],
    renamed: Mapping[str, str] | None = None,
) -> Pipeline:
    """The pipeline that trains one model, ``--namespaces=<pipeline>.<model>``.

    Args:
        pipeline: its pipeline, such as ``coldstart``.
        model: the model's name, also the node's tag.
        train: takes ``inputs``, the ``shared`` parameters and the model's own ``config``, in this order; gives runs.
        inputs: datasets that all models of the pipeline read.
        shared: parameters that all models of the pipeline read, without ``params:``.
        renamed: parameters of the namespace that lie elsewhere, such as ``params:config`` of a model that borrows one.
    """
    data, parameters = list(inputs), [f"params:{name}" for name in shared]
    template = Pipeline([node(train, [*data, *parameters, "params:config"], "runs", name="train", tags=model)])
    return Pipeline(
        template,
        namespace=f"{pipeline}.{model}",
        inputs=set(data),
        outputs={"runs": runs_of(pipeline, model)},
        parameters={**{name: name for name in parameters}, **(renamed or {})},
    )
