"""The experiments by their names."""

from __future__ import annotations

from collections.abc import Sequence

from flowroi.errors import InvalidParameterError
from flowroi.experiments import fig2, fig3, fig4, fig5, fig6, fig7, fig8, fig9, runtime, table2
from flowroi.experiments.finding import Experiment

_MODULES = (fig2, fig3, fig4, fig5, fig6, fig7, fig8, fig9, table2, runtime)
EXPERIMENTS: dict[str, Experiment] = {module.EXPERIMENT.name: module.EXPERIMENT for module in _MODULES}
ALL = "all"


def chosen(names: Sequence[str]) -> list[Experiment]:
    """Return experiments by name, in the paper's order; "all" is all of them.

    Raises
    ------
    InvalidParameterError
        For an unknown name, or none.

    Examples
    --------
    >>> [experiment.name for experiment in chosen(["fig7", "fig2", "fig7"])]
    ['fig2', 'fig7']
    """
    for name in names:
        if name not in (*EXPERIMENTS, ALL):
            raise InvalidParameterError(
                f"{name!r} is not an experiment; expected some of {', '.join(EXPERIMENTS)}, or {ALL}"
            )
    if not names:
        raise InvalidParameterError(f"no experiment was named; expected some of {', '.join(EXPERIMENTS)}, or {ALL}")
    return [experiment for name, experiment in EXPERIMENTS.items() if name in names or ALL in names]
