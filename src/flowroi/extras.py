"""Optional packages: imported where they are used, named where they are absent."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from flowroi.errors import MissingDependencyError


def need(module: str, *, extra: str) -> Any:
    """Import a module of an optional package.

    Parameters
    ----------
    module : str
        Its dotted name.
    extra : str
        The extra of FlowRoI that installs it.

    Raises
    ------
    MissingDependencyError
        If it is not installed.

    Examples
    --------
    >>> need("no_such_package.part", extra="video")
    Traceback (most recent call last):
    flowroi.errors.MissingDependencyError: no_such_package is not installed: pip install 'flowroi[video]'
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.split(".")[0]
        if error.name is None or error.name.split(".")[0] != package:
            raise
        raise MissingDependencyError(f"{package} is not installed: pip install 'flowroi[{extra}]'") from error
