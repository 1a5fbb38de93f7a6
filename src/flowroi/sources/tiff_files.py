"""Open TIFF files: one, or the few last used of an OME-TIFF set."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import BinaryIO, Self

import tifffile

from flowroi.errors import CorruptDataError, MissingInputError, UnsupportedFormatError
from flowroi.sources.files import InputFile, located
from flowroi.sources.names import text_name
from flowroi.sources.tiff_chain import PageChain, page_offsets
from flowroi.sources.tiff_page import tifffile_errors

# A set may have a file for every frame.
_MAX_OPEN = 8


class OpenTiff:
    """A TIFF file, its chain of pages, and the handle that is closed with it."""

    def __init__(self, file: InputFile) -> None:
        self.file = file
        self.handle: BinaryIO = file.open()
        try:
            with located(file.path):
                self.chain: PageChain = page_offsets(self.handle)
                if not self.chain.offsets:
                    raise CorruptDataError(f"{self.chain.broken}: no frame is there; copy the file again")
                self.handle.seek(0)
                with tifffile_errors():
                    self.tiff = tifffile.TiffFile(self.handle, _multifile=False)
        except BaseException:
            self.handle.close()
            raise

    @property
    def first(self) -> tifffile.TiffPage:
        """The first page."""
        return self.page(self.chain.offsets[0])

    def page(self, offset: int) -> tifffile.TiffPage:
        """Read the directory of the page at a byte offset of the chain."""
        with tifffile_errors():
            self.tiff.filehandle.seek(offset)
            return tifffile.TiffPage(self.tiff, index=0)

    def close(self) -> None:
        """Close the file."""
        self.tiff.close()
        self.handle.close()


class TiffFiles:
    """The files of a movie by name; None is the one that was given. A context manager.

    Parameters
    ----------
    path : Path
        The file that was given.
    """

    def __init__(self, path: Path) -> None:
        self.main = OpenTiff(InputFile.find(path))
        self._found: dict[str, InputFile] = {}
        self._open: OrderedDict[str, OpenTiff] = OrderedDict()

    def __getitem__(self, name: str | None) -> OpenTiff:
        if name is None:
            return self.main
        if name in self._open:
            self._open.move_to_end(name)
            return self._open[name]
        if len(self._open) >= _MAX_OPEN:
            self._open.popitem(last=False)[1].close()
        self._open[name] = opened = OpenTiff(self.find(name))
        return opened

    def find(self, name: str) -> InputFile:
        """Find a file that the OME-XML names; only beside the given file.

        Raises
        ------
        UnsupportedFormatError
            If it is elsewhere; it is not opened.
        MissingInputError
            If it is not there; its planes are not made up.
        """
        if name in self._found:
            return self._found[name]
        main = self.main.file.path
        plain = PurePosixPath(name).name == name and "\\" not in name and "\0" not in name
        companion = main.parent / name
        if not plain or name == ".." or companion.resolve().parent != main.parent.resolve():
            raise UnsupportedFormatError(
                f"the OME-XML refers to {text_name(name)!r}, outside the folder of the file; it was not opened: put "
                "all files of the image into one folder",
                path=main,
            )
        try:
            file = InputFile.find(companion)
        except MissingInputError as error:
            raise MissingInputError(
                f"the OME-XML of {text_name(main.name)} says that frames are in this file, and it is not there; "
                "nothing was filled in: copy it beside that file",
                path=companion,
            ) from error
        self._found[name] = file
        return file

    @property
    def used(self) -> list[InputFile]:
        """The files that were needed until now."""
        return [self.main.file, *self._found.values()]

    def close(self) -> None:
        """Close all files."""
        self.main.close()
        for opened in self._open.values():
            opened.close()
        self._open.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
