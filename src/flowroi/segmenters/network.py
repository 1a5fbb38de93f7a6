"""What the Cellpose networks have in common: the right package, weights that are safe to load, a device, one frame."""

from __future__ import annotations

import hashlib
import logging
import pickle
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from flowroi.errors import (
    CorruptDataError,
    FlowRoIError,
    InvalidParameterError,
    MissingDependencyError,
    MissingInputError,
    UnsupportedFormatError,
)
from flowroi.segmenters.base import Frame, Labels, check_frame, consecutive, library_versions

# Cellpose drops dimensions of one pixel, and its percentiles want a few pixels.
_SMALLEST_SIDE_PX = 32


def require_cellpose(major: int, extra: str) -> None:
    """Raise MissingDependencyError unless Cellpose of this major version is installed; it is not imported."""
    advice = f"pip install 'flowroi[{extra}]'"
    try:
        found = version("cellpose")
        version("torch")
    except PackageNotFoundError as error:
        raise MissingDependencyError(f"the segmenter {extra} needs Cellpose {major}: {advice}") from error
    if int(found.split(".")[0]) != major:
        raise MissingDependencyError(
            f"the segmenter {extra} needs Cellpose {major}, and cellpose {found} is installed; cellpose3 and "
            f"cellpose-sam need different versions, so make an environment of its own, and there: {advice}"
        )


def check_weights_path(path: Path) -> None:
    """Raise MissingInputError unless the weights are there."""
    if not path.is_file():
        raise MissingInputError("no such file of weights; nothing is downloaded: give the path of one", path=path)


def weights_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits; it is read again when it has changed."""
    check_weights_path(path)
    known = path.stat()
    return _sha256(path, known.st_size, known.st_mtime_ns)


@lru_cache(maxsize=8)
def _sha256(path: Path, _size_bytes: int, _changed_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_weights(path: Path, *, needs: frozenset[str], refuses: frozenset[str], kind: str) -> frozenset[str]:
    """Load weights without running anything that they hold, and return the names of their tensors.

    Parameters
    ----------
    path : Path
    needs, refuses : frozenset of str
        Names of tensors that such weights have, and that another architecture's have.
    kind : str
        What is expected, for messages.

    Raises
    ------
    UnsupportedFormatError
        If the file holds more than tensors, or those of another network.
    CorruptDataError
        If it is damaged.
    """
    import torch

    try:
        with warnings.catch_warnings():
            # What PyTorch would warn of, other pickles than its own, is refused or harmless here.
            warnings.simplefilter("ignore")
            # Weights of more than a gigabyte stay on disk: only their names are looked at.
            held = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        raise UnsupportedFormatError(
            f"the file is not plain weights, or holds more than tensors, which could run code; expected {kind}; "
            "it was not loaded: save the network's state_dict alone",
            path=path,
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise CorruptDataError(f"the weights cannot be read; expected {kind}; copy the file anew", path=path) from error
    tensors = isinstance(held, dict) and all(isinstance(value, torch.Tensor) for value in held.values())
    # Training on several GPUs puts a prefix before every name.
    names = frozenset(str(name).removeprefix("module.") for name in held) if tensors else frozenset()
    if not needs <= names or names & refuses:
        raise UnsupportedFormatError(f"the file holds other things than {kind}; it was not used", path=path)
    return names


def check_complete(network: Any, names: frozenset[str], path: Path) -> None:
    """Raise CorruptDataError if a network has tensors that its weights lack: Cellpose would leave them random."""
    # Diameters have defaults.
    missing = sorted(set(network.state_dict()) - names - {"diam_mean", "diam_labels"})
    if missing:
        raise CorruptDataError(
            f"the weights lack {len(missing)} tensors of the network, {missing[0]} first; copy the file anew", path=path
        )


@contextmanager
def quiet_import() -> Iterator[None]:
    """Keep what Cellpose logs on import, advice on other networks, off the terminal."""
    logger = logging.getLogger("cellpose")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def choose_device(gpu: bool | None) -> str:
    """Return "cuda" or "cpu"; None takes the GPU where there is one.

    Raises
    ------
    InvalidParameterError
        If a GPU is asked for and there is none.
    """
    import torch

    there = torch.cuda.is_available()
    if gpu and not there:
        raise InvalidParameterError("gpu is asked for, but PyTorch sees none; leave it out to run on the CPU")
    return "cuda" if there and gpu is not False else "cpu"


def segment_with(model: Any, frame: Frame, **options: Any) -> Labels:
    """Return the labels that a `CellposeModel` gives a frame of any size.

    Raises
    ------
    FlowRoIError
        If the network runs out of memory.
    """
    import torch

    check_frame(frame)
    if frame.min() == frame.max():
        return np.zeros(frame.shape, np.int32)
    height, width = frame.shape
    missing = [(0, max(_SMALLEST_SIDE_PX - side, 0)) for side in frame.shape]
    padded = np.pad(frame, missing, mode="edge").astype(np.float32)
    try:
        with torch.inference_mode(), _deterministic():
            masks = model.eval(padded, **options)[0]
    except torch.OutOfMemoryError as error:
        raise FlowRoIError(
            f"the GPU has not enough memory for a frame of {height}x{width}; use the CPU (gpu=False)"
        ) from error
    return consecutive(np.asarray(masks).reshape(padded.shape)[:height, :width])


@contextmanager
def _deterministic() -> Iterator[None]:
    """Let the same frame give the same labels: no algorithms chosen by their time, no reduced precision."""
    import torch

    with (
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False),
        # Cellpose makes sparse tensors, of which PyTorch warns unless it is told whether to check them.
        torch.sparse.check_sparse_tensor_invariants(True),
    ):
        yield


def describe_network(name: str, path: Path, parameters: dict[str, Any], gpu: bool | None) -> dict[str, Any]:
    """Return what `Segmenter.describe` says of a network."""
    return {
        "name": name,
        "versions": library_versions(("flowroi", "cellpose", "torch", "numpy")),
        "parameters": parameters,
        "weights": {"name": path.name, "sha256": weights_sha256(path)},
        "device": choose_device(gpu),
    }
