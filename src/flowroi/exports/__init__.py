"""Exports: an archive's decoded frames, without further loss, for tools that read no JPEG 2000."""

from flowroi.exports.export import EXPORT_FORMATS, ExportFormat, export, export_format

__all__ = ["EXPORT_FORMATS", "ExportFormat", "export", "export_format"]
