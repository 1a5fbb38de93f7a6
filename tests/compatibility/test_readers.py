"""Our files in the programs that are at hand: the quick part of `benchmarks/compatibility`."""

import warnings

import pytest
from benchmarks.compatibility import files, matrix, readers

ENVIRONMENTS = ("images", "zarr", "bioio")
# Of the rest, the matrix itself: they are slow, or need what is not part of Python.
LEFT_OUT = ("glymur",)
CELLS = [
    (reader, kind, bits)
    for reader in matrix.READERS
    if reader.environment in ENVIRONMENTS and reader.function not in LEFT_OUT and not reader.second_python
    for kind in reader.kinds
    for bits in files.KINDS[kind].bits
    if not (reader.function == "bioio" and "zarr" in kind)
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Our files, each made once."""
    folder = tmp_path_factory.mktemp("files")
    known = {}

    def get(kind, bits):
        if (kind, bits) not in known:
            known[kind, bits] = files.make(kind, bits, folder)
        return known[kind, bits]

    return get


@pytest.mark.parametrize(
    ("reader", "kind", "bits"), CELLS, ids=[f"{reader.function}-{kind}-{bits}" for reader, kind, bits in CELLS]
)
def test_a_program_reads_what_we_wrote(made, reader, kind, bits):
    ours = made(kind, bits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = readers.READERS[reader.function](ours.path)
        except Exception as error:
            cell = matrix.Cell("refused", str(error))
        else:
            cell = matrix.compare(ours, found)
    assert matrix.is_stated(reader, kind, bits, cell), cell
