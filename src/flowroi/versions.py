"""Versions of FlowRoI and of every codec library in use."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


def codec_versions() -> dict[str, str]:
    """Return the version of every library that touches pixels, by name; absent optional ones are left out."""
    return dict(_found())


@cache
def _found() -> dict[str, str]:
    """Look once: a plate asks for every position."""
    import imagecodecs

    found = {"flowroi": version("flowroi"), "openjpeg": imagecodecs.jpeg2k_version().split()[-1]}
    for package in ("imagecodecs", "numpy", "opencv-python-headless", "tifffile", "pillow", "av"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
