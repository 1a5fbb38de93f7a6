"""One run of all experiments on a tiny movie, which all tests look at."""

import pytest

from flowroi.experiments import workbench
from flowroi.experiments.run import run_experiments
from flowroi.segmenters import open_segmenter

TINY = {"frames": 6, "seed": 3, "height": 160, "width": 200, "cells": 14}


@pytest.fixture
def tiny():
    """Options of `run_experiments` for the tiny movie, in this process."""
    return {**TINY, "segmenter": open_segmenter("classical"), "workers": 1}


@pytest.fixture(scope="session")
def everything(tmp_path_factory):
    """(folder, result) of `all`."""
    folder = tmp_path_factory.mktemp("experiments") / "all"
    options = {**TINY, "segmenter": open_segmenter("classical"), "workers": 1}
    return folder, run_experiments(["all"], folder, **options)


@pytest.fixture
def compressions(monkeypatch):
    """The targets of every compression that a workbench makes."""
    targets = []
    compress = workbench.compress_as_movie

    def counted(source, target, **options):
        targets.append(target)
        return compress(source, target, **options)

    monkeypatch.setattr(workbench, "compress_as_movie", counted)
    return targets
