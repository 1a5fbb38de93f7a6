"""What `flowroi verify --against` prints: the raw files that a person may delete. Nothing here deletes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flowroi.cli import DONE, NOT_VERIFIED
from flowroi.cli.output import Output, shown

if TYPE_CHECKING:
    from flowroi.comparison import Comparison
    from flowroi.plates.comparison import PlateComparison
    from flowroi.stores import AnyPath


def tell_comparison(
    path: AnyPath,
    against: AnyPath,
    out: Output,
    pattern: str | None,
    channel: int | None,
    max_pixels: int,
    workers: int | None,
) -> int:
    """Compare an archive or a plate with its raw data, print what came of it, and return the exit code."""
    from flowroi.archives.plate import is_plate_archive

    reading: dict[str, Any] = {"pattern": pattern, "channel": channel, "max_pixels": max_pixels, "workers": workers}
    if is_plate_archive(path):
        from flowroi.plates.comparison import compare_plate

        with out.progress(path.name) as progress:
            plate = compare_plate(path, against, progress=progress, **reading)
        _tell_plate(plate, out)
        return DONE if plate.all_safe else NOT_VERIFIED
    from flowroi.cli.verify import tell_verification
    from flowroi.comparison import compare

    with out.progress(path.name) as progress:
        found = compare(path, against, progress=progress, **reading)
    tell_verification(found.verification, path, out)
    _tell_movie(found, out)
    return DONE if found.all_safe else NOT_VERIFIED


def _tell_movie(found: Comparison, out: Output) -> None:
    lines = [f"  differs: {reason}" for reason in found.differences]
    head = _head(found.against, found.archive, found.safe, found.kept)
    quality = "every frame compared is exact" if found.least_psnr is None else f"worst frame {found.least_psnr:.1f} dB"
    data = {
        "archive": found.archive,
        "against": found.against,
        "all_safe": found.all_safe,
        "least_psnr": found.least_psnr,
        "differences": list(found.differences),
        **_files(found.safe, found.kept),
    }
    text = "\n".join([f"{head}; {quality}", *lines, *_listed(found.safe, found.kept)])
    out.result("comparison", data, text)


def _tell_plate(found: PlateComparison, out: Output) -> None:
    head = _head(found.against, found.archive, found.safe, found.kept)
    lines = [f"  {shown(name)}: {why}" for name, why in found.problems]
    for position, one in found.positions:
        lines += [f"  {position} differs: {reason}" for reason in one.differences]
    data = {
        "archive": found.archive,
        "against": found.against,
        "all_safe": found.all_safe,
        "problems": [{"name": name, "message": why} for name, why in found.problems],
        "positions": [
            {
                "well": position.well,
                "field": position.field,
                "all_safe": one.all_safe,
                "least_psnr": one.least_psnr,
                "bad_frames": list(one.verification.bad_frames),
                "differences": list(one.differences),
            }
            for position, one in found.positions
        ],
        **_files(found.safe, found.kept),
    }
    out.result("plate-comparison", data, "\n".join([head, *lines, *_listed(found.safe, found.kept)]))


def _head(against: str, archive: str, safe: tuple[AnyPath, ...], kept: tuple[tuple[AnyPath, str], ...]) -> str:
    return (
        f"{shown(against)}: of {len(safe) + len(kept)} files {len(safe)} are, byte for byte, what {shown(archive)} was "
        "made of, with every frame sound in it; FlowRoI deletes nothing"
    )


def _listed(safe: Iterable[AnyPath], kept: Iterable[tuple[AnyPath, str]]) -> list[str]:
    return [f"  keep {shown(file)}: {why}" for file, why in kept] + [f"  safe {shown(file)}" for file in safe]


def _files(safe: Iterable[AnyPath], kept: Iterable[tuple[AnyPath, str]]) -> dict[str, Any]:
    return {
        "safe": [str(file) for file in safe],
        "kept": [{"file": str(file), "reason": why} for file, why in kept],
    }
