"""Object stores: OME-Zarr read from, and archives written to, whatever fsspec has a URL for (S3, GCS, Azure, HTTP)."""

from flowroi.stores.path import AnyPath, StorePath, as_path

__all__ = ["AnyPath", "StorePath", "as_path"]
