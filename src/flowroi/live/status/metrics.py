"""A run's status as Prometheus reads it, through its own client: names with units, one label at most."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flowroi.extras import need
from flowroi.live.status.snapshot import PlaceStatus, Status
from flowroi.live.status.tally import LAG_BOUNDS_S

_PREFIX = "flowroi_watch_"

# Of every position: name, what it is, its value; counters end in _total there.
_COUNTERS: tuple[tuple[str, str, Callable[[PlaceStatus], float]], ...] = (
    ("frames", "Frames on the disk, those of earlier runs included.", lambda place: place.frames),
    ("raw_bytes", "Bytes of those frames' pixels.", lambda place: place.raw_bytes),
    ("coded_bytes", "Bytes of those frames as they are coded.", lambda place: place.coded_bytes),
)
_GAUGES: tuple[tuple[str, str, Callable[[PlaceStatus], float]], ...] = (
    ("frames_missing", "Frames that are known to be missing.", lambda place: place.missing),
    ("files_waiting", "Files in the folder that are still to be coded.", lambda place: place.waiting),
    ("behind_seconds", "For how long the next file has been in turn.", lambda place: place.behind_s),
)
# Of the run.
_WHOLE: tuple[tuple[str, str, Callable[[Status], float | None]], ...] = (
    ("max_lag_seconds", "From when on a frame counts as late.", lambda status: status.max_lag_s),
    ("stalled", "Whether nothing can be written.", lambda status: status.stalled),
    ("source_lost", "Whether an incoming folder cannot be read.", lambda status: status.source_lost),
    ("degraded", "Whether masks are found for some frames only.", lambda status: status.degraded),
    ("finishing", "Whether the archives are being made.", lambda status: status.state == "finishing"),
    ("start_time_seconds", "When the process began to watch, since 1970.", lambda status: status.started_at),
    ("last_file_timestamp_seconds", "When a file last came, since 1970.", lambda status: status.last_file_at),
    ("output_free_bytes", "Free at the output.", lambda status: status.free_bytes),
    ("gain", "Bytes of plain JPEG 2000 over ours at equal quality, on a sample.", lambda status: status.gain.mean),
)


class StatusCollector:
    """Prometheus' collector of a run, which asks for its status whenever it is scraped.

    Parameters
    ----------
    status : callable
        Returns the `Status`.
    """

    def __init__(self, status: Callable[[], Status]) -> None:
        self._status = status
        self._core = need("prometheus_client.core", extra="status")

    def describe(self) -> list[Any]:
        """Return nothing: the registry need not ask for a status to learn the names."""
        return []

    def collect(self) -> Iterator[Any]:
        """Yield every metric."""
        core, status = self._core, self._status()
        yield core.InfoMetricFamily(
            f"{_PREFIX[:-1]}", "What is running.", value={"version": status.version, "target": status.target}
        )
        for name, text, value in _WHOLE:
            number = value(status)
            if number is not None:
                yield core.GaugeMetricFamily(_PREFIX + name, text, value=number)
        for families, kind in ((_COUNTERS, core.CounterMetricFamily), (_GAUGES, core.GaugeMetricFamily)):
            for name, text, of_place in families:
                family = kind(_PREFIX + name, text, labels=["position"])
                for place in status.places:
                    family.add_metric([place.name], of_place(place))
                yield family
        faults = core.CounterMetricFamily(_PREFIX + "faults", "What was wrong, by kind.", labels=["kind"])
        for fault, number in status.counts.faults.items():
            faults.add_metric([fault], number)
        yield faults
        yield core.CounterMetricFamily(
            _PREFIX + "gain_samples", "Frames whose gain was measured.", value=status.gain.samples
        )
        yield self._lags(status)

    def _lags(self, status: Status) -> Any:
        buckets, total = [], 0
        for bound, number in zip([*map(str, LAG_BOUNDS_S), "+Inf"], status.counts.lags, strict=True):
            total += number
            buckets.append((bound, total))
        text = "From a file's turn to its frame on the disk, of the frames of this run."
        return self._core.HistogramMetricFamily(
            _PREFIX + "lag_seconds", text, buckets=buckets, sum_value=status.counts.lag_sum_s
        )


def metrics_text(status: Callable[[], Status]) -> tuple[bytes, str]:
    """Return the metrics as text, and its media type.

    Raises
    ------
    MissingDependencyError
        Without Prometheus' client.
    """
    client = need("prometheus_client", extra="status")
    registry = client.CollectorRegistry(auto_describe=False)
    registry.register(StatusCollector(status))
    return client.generate_latest(registry), client.CONTENT_TYPE_LATEST
