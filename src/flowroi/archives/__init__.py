"""Archives: where encoded frames are kept, with a manifest of what they are and where they came from."""

from flowroi.archives.base import Archive, ArchiveLayout, ArchiveWriter
from flowroi.archives.create import FORMATS, container_of, create_archive, format_of
from flowroi.archives.open import open_archive

__all__ = [
    "FORMATS",
    "Archive",
    "ArchiveLayout",
    "ArchiveWriter",
    "container_of",
    "create_archive",
    "format_of",
    "open_archive",
]
