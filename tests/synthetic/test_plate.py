import numpy as np
import pytest
from PIL import Image

from flowroi.errors import InvalidParameterError, OutputExistsError
from flowroi.plates import open_plate
from flowroi.synthetic import write_synthetic_plate

SMALL = {"height": 32, "width": 40, "cells": 1}


def test_a_plate_by_its_usual_names(tmp_path):
    files = write_synthetic_plate(tmp_path / "p", wells=("B1", "A2", "A1"), fields=2, frames=3, **SMALL)
    assert [file.name for file in files[:3]] == [f"A01_f00_t000{t}_c0.png" for t in range(3)]
    plate = open_plate(tmp_path / "p")
    assert [str(p) for p in plate] == ["A1_f0", "A1_f1", "A2_f0", "A2_f1", "B1_f0", "B1_f1"]
    movies = [np.stack(list(plate.open(position))) for position in plate]
    assert {movie.shape for movie in movies} == {(3, 32, 40)}
    assert len({movie.tobytes() for movie in movies}) == 6


def test_a_well_does_not_depend_on_the_others(tmp_path):
    for name, wells in (("p", ("A1",)), ("q", ("H12", "A1"))):
        write_synthetic_plate(tmp_path / name, wells=wells, frames=2, seed=3, template="{well}/t{time}.tif", **SMALL)
    for t in range(2):
        one, two = (np.asarray(Image.open(tmp_path / name / "A1" / f"t{t}.tif")) for name in "pq")
        assert (one == two).all()


def test_bad_templates_and_folders(tmp_path):
    for template in ("{well}.gif", "{well}.png", "{nothing}.png"):
        with pytest.raises(InvalidParameterError, match="template"):
            write_synthetic_plate(tmp_path / "p", frames=2, template=template, **SMALL)
    (tmp_path / "x").write_text("x")
    with pytest.raises(OutputExistsError, match="not empty"):
        write_synthetic_plate(tmp_path, **SMALL)
