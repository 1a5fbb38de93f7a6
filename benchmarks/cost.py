"""What an image costs: processor time, memory, bytes and flushes; how that grows; and a plan for a petabyte a year.

    python benchmarks/cost.py                        # measures everything, three rounds; writes docs/data/cost.json
    python benchmarks/cost.py --rounds 1 --add       # one round more: of all rounds the smallest time counts
    python benchmarks/cost.py --plot-only            # figures and tables of docs/scale.md, from the JSON
    python benchmarks/cost.py --plan --wells 64 --interval 8 --height 648 --width 864

Every measurement is of one worker, in a process of its own (cost_runs.py), with warm caches unless it says otherwise.
Rounds go over everything, so that the smallest of a point's times are minutes apart on a machine that others use, too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cost_plan import DATA, plan, plan_text

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
TARGETS: dict[str, list[str]] = {"noise": [], "rate 40": ["--rate", "40"]}
FRAMES = {"noise": (15, 30, 60, 120, 240, 480, 960), "rate 40": (15, 60, 240, 960)}
CELLS = (0, 25, 50, 100, 200, 400)
WELLS = (4, 16, 64)
FEW, MANY = 60, 240
Found = dict[tuple[str, str, int], dict[str, Any]]


@dataclass(frozen=True)
class Point:
    """One measurement: what, of how much (`x`), and the command with what it is warmed up by."""

    series: str
    target: str
    x: int
    frames: int
    arguments: list[str]
    warm: list[str]
    more: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, int]:
        return self.series, self.target, self.x


def points(folder: Path, real: list[Path]) -> Iterator[Point]:
    """Yield every measurement; movies and archives are made as they come."""
    import flowroi
    from cost_movies import SIZES, Movies

    movies = Movies(folder)
    tiny = movies.of_size(*SIZES[0], 1, 24)
    flags = ["--overwrite", "--workers", "1"]

    def compress(
        series: str,
        target: str,
        x: int,
        frames: int,
        movie: Path,
        options: list[str],
        name: str = "a.ome.tif",
        **more: Any,
    ) -> Point:
        warm = ["compress", str(tiny), "-o", str(folder / f"warm-{name}"), *flags, *options]
        arguments = ["compress", str(movie), "-o", str(folder / name), *flags, *options]
        given = {"movie": str(movie), "rate": 40.0 if target == "rate 40" else None} | more.pop("run", {})
        return Point(series, target, x, frames, arguments, warm, given, more)

    for target, options in TARGETS.items():
        for count in FRAMES[target]:
            yield compress("frames", target, count, count, movies.of_frames(count), options)
        for cells in CELLS:
            yield compress("cells", target, cells, FEW, movies.of_cells(cells, FEW), options)
    for height, width in SIZES:
        for target, sample_bytes in (("noise", 1), ("rate 40", 1), ("noise", 2)):
            movie = movies.of_size(height, width, sample_bytes, 24)
            series = "pixels" if sample_bytes == 1 else "pixels 16 bit"
            yield compress(series, target, height * width, 24, movie, TARGETS[target], size=[height, width])
    base = movies.of_frames(MANY)
    for name in ("a.ome.zarr", "b.ome.zarr", "jp2"):
        archive_format = {"b.ome.zarr": ["--format", "ome-zarr-0.4"]}.get(name, [])
        yield compress("formats", name, MANY, MANY, base, archive_format, name)
    yield compress("cold", "noise", MANY, MANY, base, [], run={"cold": str(base)})
    methods = {**TARGETS, "flow": ["--roi-method", "flow"]}
    for target, options in methods.items():
        yield compress("stages", target, 120, 120, movies.of_frames(120), options, run={"stages": True})
    for count in (15, FEW):
        yield compress("method", "flow", count, count, movies.of_frames(count), methods["flow"])
    for count in (64, 128):
        movie = movies.of_frames(count)
        for target, options in (("noise", []), ("rate 100", ["--rate", "100"])):
            yield compress("av1", target, count, count, movie, ["--codec", "av1", *options], "a.mkv")
    kept = {target: folder / f"kept-{target.replace(' ', '')}" for target in TARGETS}
    for target, options in TARGETS.items():
        archive = f"{kept[target]}{FEW}.ome.tif", f"{kept[target]}{MANY}.ome.tif"
        for count, path in zip((FEW, MANY), archive, strict=True):
            if not Path(path).exists():
                rate = {"rate": 40.0} if options else {}
                flowroi.compress(movies.of_frames(count), path, **rate)
            size = {"file_bytes": Path(path).stat().st_size}
            verify = ["verify", path, "--workers", "1"]
            yield Point("verify", target, count, count, verify, ["verify", archive[0]], facts=size)
            if target == "noise":
                against = [*verify, "--against", str(movies.of_frames(count))]
                yield Point("verify --against", target, count, count, against, ["verify", archive[0]], facts=size)
                plain = ["decompress", path, "-o", str(folder / "plain.ome.tif"), "--overwrite"]
                warm = ["decompress", archive[0], "-o", str(folder / "warm.ome.tif"), "--overwrite", "--frames", "0:4"]
                yield Point("decompress", target, count, count, plain, warm)
    for wells in WELLS:
        yield compress("plate", "noise", wells, wells * 15, movies.plate(wells, 15), [], "plate", run={"movie": None})
    for count in (15, 60):
        yield from _watch(movies, folder, count)
    for path in real:
        for target, options in {**TARGETS, "av1 noise": ["--codec", "av1"]}.items():
            name = "a.mkv" if "av1" in target else "a.ome.tif"
            yield compress(f"real: {path.parent.name}", target, 0, 0, path, options, name, run={"movie": None})


def _watch(movies: Any, folder: Path, count: int) -> Iterator[Point]:
    wells = 4
    target = folder / f"live{count}.ome.zarr"
    pattern = ["--pattern", r"(?P<well>[A-H]\d+)/t(?P<time>\d+)\.bmp"]
    options = [*pattern, "--end-marker", "DONE", "--settle", "0.1", "--interval", "0.2", "--workers", "1"]
    arguments = ["watch", str(movies.incoming(wells, count)), "-o", str(target), *options]
    warm = ["watch", str(movies.incoming(1, 10)), "-o", str(folder / "warm-live.ome.zarr"), *options]
    yield Point("watch", "noise", count, wells * count, arguments, warm, facts={"wells": wells})


def measure(folder: Path, real: list[Path], only: list[str], found: Found) -> Iterator[str]:
    """Take one round, and keep of each point the run that took the least processor time; yield what was done."""
    import shutil

    from cost_runs import measured
    from flowroi.report.compression import size_on_disk

    for point in points(folder, real):
        if only and not {point.series, f"{point.series}/{point.target}"}.intersection(only):
            continue
        if point.series.startswith("real: ") and point.key in found and not only:
            # It is their size that counts, which every round would find again.
            continue
        for name in ("warm-live.ome.zarr", f"live{point.x}.ome.zarr"):
            shutil.rmtree(folder / name, ignore_errors=True)
        run = measured(point.arguments, point.warm, **point.more)
        target = Path(point.arguments[point.arguments.index("-o") + 1]) if "-o" in point.arguments else None
        if target is not None:
            run["file_bytes"] = size_on_disk(target)
            run["files"] = sum(p.is_file() for p in target.rglob("*")) if target.is_dir() else 1
        frames = point.frames or _frames_of(target)
        facts = {"series": point.series, "target": point.target, "x": point.x, "frames": frames, **point.facts}
        before = found.get(point.key)
        ratio = run["cpu_s"] / frames / run["openjpeg_cpu_s"] if "openjpeg_cpu_s" in run else None
        wall = run["wall_s"] / frames / run["openjpeg_wall_s"] if "openjpeg_wall_s" in run else None
        rounds = [*(before["rounds"] if before else []), [run["cpu_s"], ratio, wall, os.getloadavg()[0]]]
        best = run if before is None or run["cpu_s"] < before["cpu_s"] else before
        found[point.key] = {**best, **facts, "rounds": rounds}
        yield f"{'/'.join(map(str, point.key)):32} {1e3 * run['cpu_s'] / frames:8.2f} ms a frame"


def _frames_of(archive: Path | None) -> int:
    import flowroi

    assert archive is not None
    with flowroi.open_archive(archive) as opened:
        return int(opened.shape[0])


def _rounded(value: Any) -> Any:
    """Return JSON with five digits, which is more than any of it is worth."""
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def save(path: Path, found: Found) -> None:
    from flowroi import __version__
    from flowroi.baselines.openjpeg import openjpeg_version

    names = [line.split(": ")[1] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    machine = {"processor": names[0] if names else platform.machine(), "cores": len(os.sched_getaffinity(0))}
    versions = {"flowroi": __version__, "openjpeg": openjpeg_version(), "python": platform.python_version()}
    facts = {"machine": machine, "versions": versions}
    runs = ",\n ".join(json.dumps(_rounded(run)) for run in found.values())
    path.write_text(f'{{"about": {json.dumps(_rounded(facts))},\n"runs": [\n {runs}\n]}}\n')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--add", action="store_true", help="to what the JSON has already")
    parser.add_argument("--only", nargs="+", default=[], metavar="SERIES[/TARGET]")
    parser.add_argument("--real", type=Path, nargs="*", default=[], metavar="MOVIE", help="whose rates are wanted, too")
    parser.add_argument("--data", type=Path, default=DATA, help="another file leaves the page and its figures alone")
    parser.add_argument("--work", type=Path, help="folder for the movies, which stay there")
    parser.add_argument("--plot-only", action="store_true")
    parser.add_argument("--plan", action="store_true")
    parser.add_argument("--wells", type=int, default=64)
    parser.add_argument("--interval", type=float, default=8.0, help="s from image to image of a well")
    parser.add_argument("--height", type=int, default=648)
    parser.add_argument("--width", type=int, default=864)
    parser.add_argument("--petabytes", type=float, default=1.0, help="raw, a year")
    parser.add_argument(
        "--openjpeg", type=float, metavar="MS_PER_MP", help="of a core of yours, as `flowroi bench` says"
    )
    args = parser.parse_args()
    if args.plan:
        data = json.loads(args.data.read_text())
        scale = args.wells, args.interval, args.height, args.width, args.petabytes, args.openjpeg
        print(plan_text(plan(data, *scale)))
        return
    if not args.plot_only:
        old = json.loads(args.data.read_text())["runs"] if args.add and args.data.exists() else []
        found = {(run["series"], run["target"], run["x"]): run for run in old}
        with contextlib.ExitStack() as stack:
            name = args.work or stack.enter_context(tempfile.TemporaryDirectory(prefix="flowroi-cost-"))
            Path(name).mkdir(exist_ok=True)
            for number in range(args.rounds):
                print(f"round {number + 1} of {args.rounds}", file=sys.stderr)
                for line in measure(Path(name), args.real, args.only, found):
                    print(line, file=sys.stderr, flush=True)
                    save(args.data, found)
    if args.data != DATA:
        return
    from cost_figures import draw
    from cost_tables import write_tables

    data = json.loads(args.data.read_text())
    draw(data, IMAGES)
    write_tables(data, ROOT / "docs" / "scale.md")


if __name__ == "__main__":
    main()
