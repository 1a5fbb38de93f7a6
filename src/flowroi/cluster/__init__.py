"""Movies and plates on a cluster: workers of Dask, which see the same files, make the archives of the same bytes."""

from flowroi.cluster.connect import Cluster, connect

__all__ = ["Cluster", "connect"]
