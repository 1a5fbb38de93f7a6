"""What the measured costs (docs/data/cost.json) say: fits, and the plan for so much raw data a year."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parent.parent / "docs" / "data" / "cost.json"
HEIGHT, WIDTH = 648, 864
# The frames of a well's sequence: those of a video in the paper.
SEQUENCE = 438
YEAR_S = 365.25 * 86400
# A core that is planned to be busy all the time has nothing left for a bad day.
UTILISATION = 0.6
COPIES, YEARS = 2, 5
# How long raw data stay until they are compared and deleted.
RAW_DAYS = 7

Run = dict[str, Any]


@dataclass(frozen=True)
class Cost:
    """Processor time of a movie: what it costs by itself, and what each of its images adds, in s."""

    fixed_s: float
    image_s: float

    def of_image_s(self, images: int) -> float:
        """Return the cost of an image with its share of a movie of so many."""
        return self.image_s + self.fixed_s / images

    @property
    def bend(self) -> float:
        """The number of images that cost as much as the movie by itself."""
        return self.fixed_s / self.image_s


def runs_of(data: dict[str, Any], series: str, target: str) -> list[Run]:
    """Return the runs of a series, by what grows in it."""
    found = [run for run in data["runs"] if (run["series"], run["target"]) == (series, target)]
    return sorted(found, key=lambda run: run["x"])


def run_of(data: dict[str, Any], series: str, target: str, x: int) -> Run:
    return next(run for run in runs_of(data, series, target) if run["x"] == x)


def cost_of(data: dict[str, Any], series: str, target: str) -> Cost:
    """Fit processor time = fixed + image * images, by relative errors; neither is below 0."""
    from scipy.optimize import nnls

    runs = runs_of(data, series, target)
    frames, seconds = (np.array([run[name] for run in runs], float) for name in ("frames", "cpu_s"))
    (fixed, image), _ = nnls(np.column_stack([1 / seconds, frames / seconds]), np.ones(len(runs)))
    return Cost(float(fixed), float(image))


def slope_of(x: Any, y: Any) -> float:
    """Return the slope of a straight line through points, log over log."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def growth(data: dict[str, Any], series: str, target: str) -> tuple[list[float], list[float]]:
    """Return what grows, and the processor time: s a movie where frames or wells grow, else ms an image."""
    runs = [run for run in runs_of(data, series, target) if run["x"] > 0]
    whole = series in ("frames", "plate")
    return (
        [run["x"] for run in runs],
        [run["cpu_s"] if whole else 1e3 * run["cpu_s"] / run["frames"] for run in runs],
    )


def reference_s(data: dict[str, Any], series: str = "frames", target: str = "noise") -> float:
    """Return OpenJPEG's processor time for a frame, at the target's rate, beside the runs of a series."""
    return statistics.median(run["openjpeg_cpu_s"] for run in runs_of(data, series, target))


def pixel_factor(data: dict[str, Any], height: int, width: int) -> float:
    """Return what an image of another size costs, over one of the usual size: log over log, between measured sizes."""
    sizes, ms = growth(data, "pixels", "noise")
    at = np.interp(np.log([height * width, HEIGHT * WIDTH]), np.log(sizes), np.log(ms))
    return float(np.exp(at[0] - at[1]))


@dataclass(frozen=True)
class Item:
    """A line of the plan: what, how it is reckoned, what comes out."""

    what: str
    formula: str
    value: str


def plan(
    data: dict[str, Any],
    wells: int,
    interval_s: float,
    height: int,
    width: int,
    petabytes: float = 1.0,
    openjpeg_ms_per_mp: float | None = None,
) -> list[Item]:
    """Reckon what raw data of so many petabytes (10^15 bytes) a year ask for.

    `openjpeg_ms_per_mp` is what `flowroi bench` says of OpenJPEG on the core that is planned for; without it the core
    is that of the measurement.
    """
    image = height * width
    instrument = wells / interval_s
    images = petabytes * 1e15 / image
    mean = images / YEAR_S
    factor = pixel_factor(data, height, width)
    if openjpeg_ms_per_mp is not None:
        factor *= openjpeg_ms_per_mp / (1e3 * reference_s(data, "frames", "rate 40") / (HEIGHT * WIDTH / 1e6))
    ms = {
        name: 1e3 * factor * cost_of(data, *which).of_image_s(SEQUENCE)
        for name, which in {
            "noise": ("frames", "noise"),
            "rate 40": ("frames", "rate 40"),
            "AV1": ("av1", "noise"),
            "watch": ("watch", "noise"),
            "verify": ("verify", "noise"),
            "against": ("verify --against", "noise"),
        }.items()
    }
    long = runs_of(data, "frames", "noise")[-1]
    cold = run_of(data, "cold", "noise", 240)
    live = runs_of(data, "watch", "noise")[-1]
    raw = long["frames"] * HEIGHT * WIDTH
    ratio = {"noise": raw / long["file_bytes"]}
    for name, run in (("rate 40", runs_of(data, "frames", "rate 40")[-1]), ("AV1", runs_of(data, "av1", "noise")[-1])):
        ratio[name] = run["frames"] * HEIGHT * WIDTH / run["file_bytes"]
    reals = [run for run in data["runs"] if run["series"].startswith("real: ") and run["target"] == "noise"]
    least = min([ratio["noise"], *(run["raw_bytes"] / run["file_bytes"] for run in reals)])
    stored = {name: petabytes * 1e3 / each for name, each in ratio.items()}
    most = petabytes * 1e3 / least
    raw_kept = petabytes * 1e3 * RAW_DAYS * 86400 / YEAR_S
    sequences = images / SEQUENCE
    asked = long["read_bytes"] / raw
    amplified = long["disk_written_bytes"] / long["file_bytes"]
    live_flushes = live["flushes"] / live["frames"]
    live_written = live["disk_written_bytes"] / live["file_bytes"]

    archives = {"OME-Zarr 0.5": "a.ome.zarr", "OME-Zarr 0.4": "b.ome.zarr", "JP2 folder": "jp2"}
    counted = {name: run_of(data, "formats", target, 240) for name, target in archives.items()}
    files = {"OME-TIFF": 1.0} | {name: _files(run) for name, run in counted.items()}

    def cores(what: str, name: str) -> Item:
        value = mean * ms[name] / 1e3
        text = f"{mean:.1f} images/s × {ms[name]:.1f} ms = {value:.2f} busy; over {UTILISATION:g}"
        return Item(what, text, f"{value / UTILISATION:.1f} cores")

    peak = int(np.ceil(mean / instrument))
    live_cores = peak * instrument * ms["watch"] / 1e3
    work = {name: mean * ms[name] / 1e3 for name in ("noise", "against", "verify")}
    total = sum(work.values()) / UTILISATION
    return [
        Item("an image", f"{height} × {width} × 1 byte", f"{image:,} bytes"),
        Item("an instrument", f"{wells} wells / {interval_s:g} s", f"{3600 * instrument:,.0f} images an hour"),
        Item("images a year", f"{petabytes:g} × 10¹⁵ / {image:,}", f"{images / 1e9:.2f} × 10⁹"),
        Item("on average", f"/ {YEAR_S / 1e6:.2f} × 10⁶ s", f"{mean:.1f} images/s"),
        Item("instruments, day and night", f"{mean:.1f} / {instrument:.1f}", f"{mean / instrument:.1f}"),
        cores("compress, noise target", "noise"),
        cores("or compress --rate 40", "rate 40"),
        cores("or compress --codec av1, noise target", "AV1"),
        Item(
            "or live (watch), all instruments at once",
            f"{peak} × {instrument:.1f} images/s × {ms['watch']:.1f} ms = {live_cores:.2f} busy; over {UTILISATION:g}",
            f"{live_cores / UTILISATION:.1f} cores",
        ),
        cores("verify --against, before raw is deleted", "against"),
        cores("verify, a year's images once a year", "verify"),
        Item(
            "compress, compare, and scrub the year's images",
            f"({work['noise']:.2f} + {work['against']:.2f} + {work['verify']:.2f}) / {UTILISATION:g}",
            f"{total:.1f} cores",
        ),
        Item(
            f"scrub of {YEARS} years' images, once a year",
            f"{YEARS} × {work['verify']:.2f} / {UTILISATION:g}",
            f"{YEARS * work['verify'] / UTILISATION:.1f} cores",
        ),
        Item(
            f"the same in one week, after a doubt about {YEARS} years",
            f"{YEARS} × {work['verify']:.2f} × {YEAR_S / 604800:.1f} / {UTILISATION:g}",
            f"{YEARS * work['verify'] * YEAR_S / 604800 / UTILISATION:,.0f} cores",
        ),
        Item("memory, a worker", f"peak of {long['frames']} frames", f"{long['peak_mb']:.0f} MB"),
        Item("memory, watch", f"peak with {live['wells']} wells, one worker", f"{live['peak_mb']:.0f} MB"),
        Item("raw data in", f"{petabytes:g} × 10¹⁵ / {YEAR_S / 1e6:.2f} × 10⁶ s", _rate(petabytes * 1e15 / YEAR_S)),
        Item("asked of the file system", f"× {asked:.2f}", _rate(asked * petabytes * 1e15 / YEAR_S)),
        Item(
            "of it from the disk, nothing in the cache before",
            f"× {cold['disk_read_bytes'] / (cold['frames'] * HEIGHT * WIDTH):.2f}",
            _rate(cold["disk_read_bytes"] / (cold["frames"] * HEIGHT * WIDTH) * petabytes * 1e15 / YEAR_S),
        ),
        *(
            Item(f"archives, {name}", f"{petabytes:g} × 10³ TB / {ratio[name]:.1f}", f"{stored[name]:.1f} TB a year")
            for name in ratio
        ),
        Item(
            "archives, noise target, at the least rate measured on real movies",
            f"{petabytes:g} × 10³ TB / {least:.1f}",
            f"{most:.1f} TB a year",
        ),
        Item(
            f"to store in {YEARS} years, {COPIES} copies, noise target: synthetic, and at that rate",
            f"{stored['noise']:.1f} × {YEARS} × {COPIES}, {most:.1f} × {YEARS} × {COPIES}",
            f"{stored['noise'] * YEARS * COPIES:,.0f} TB, {most * YEARS * COPIES:,.0f} TB",
        ),
        Item(
            "archives out, noise target, to both copies",
            f"{COPIES} × {stored['noise']:.1f} TB a year",
            _rate(COPIES * stored["noise"] * 1e12 / YEAR_S),
        ),
        Item(
            "written, over the archives' size: compress, watch",
            "bytes that went to the disk / bytes of the archive",
            f"{amplified:.2f}, {live_written:.2f}",
        ),
        Item(
            "flushes: compress, watch",
            f"{long['flushes']} a sequence; {live['flushes']} for {live['frames']} images",
            f"{sequences * long['flushes'] / YEAR_S:.2f}/s, {live_flushes * mean:.1f}/s",
        ),
        Item("sequences, an archive each", f"images / {SEQUENCE}", f"{sequences / 1e6:.2f} × 10⁶ a year"),
        *(
            Item(f"files, {name}", f"{count:.3g} a sequence", f"{sequences * count / 1e6:,.0f} × 10⁶ a year")
            for name, count in files.items()
        ),
        Item(
            "lost work when a worker dies",
            f"at most {SEQUENCE} × {ms['noise']:.1f} ms",
            f"{SEQUENCE * ms['noise'] / 1e3:.0f} s of a core",
        ),
        Item(
            f"raw data on disk, {RAW_DAYS} days until compared and deleted",
            f"{petabytes * 1e3:g} TB × {RAW_DAYS} / {YEAR_S / 86400:g}",
            f"{raw_kept:.0f} TB",
        ),
        Item(
            f"for example, {COPIES} servers, each of which does for all, a copy on each",
            f"{total:.1f} cores; {stored['noise']:.1f} to {most:.1f} × {YEARS} + {raw_kept:.0f} TB",
            f"{COPIES} × {int(np.ceil(total))} cores, "
            f"{COPIES} × {stored['noise'] * YEARS + raw_kept:.0f} to {most * YEARS + raw_kept:.0f} TB",
        ),
    ]


def _files(run: Run) -> float:
    """Return the files of an archive of a sequence: where each frame has one, more than were measured."""
    more = SEQUENCE - run["frames"] if run["files"] > run["frames"] else 0
    return float(run["files"] + more)


def _rate(bytes_per_s: float) -> str:
    return f"{bytes_per_s / 1e6:.1f} MB/s ({8 * bytes_per_s / 1e9:.2f} Gbit/s)"


def plan_text(items: list[Item]) -> str:
    """Return a plan as lines for people."""
    widths = [max(len(text) for text in column) for column in zip(*((i.what, i.value) for i in items), strict=True)]
    return "\n".join(f"{item.what:{widths[0]}}  {item.value:>{widths[1]}}  {item.formula}" for item in items)
