"""The JPEG 2000 RoI encoder (C++)."""

import enum
from typing import Annotated, Any, overload

import numpy
from numpy.typing import NDArray


class Container(enum.Enum):
    jp2 = 0

    j2k = 1

class Progression(enum.Enum):
    LRCP = 0

    RLCP = 1

    RPCL = 2

    PCRL = 3

    CPRL = 4

class RoiMode(enum.Enum):
    scaling = 0

    maxshift = 1

class Lossless(enum.Enum):
    none = 0

    all = 1

    roi = 2

class Simd(enum.Enum):
    automatic = 0

    portable = 1

class Params:
    def __init__(self) -> None: ...

    @property
    def bit_depth(self) -> int: ...

    @bit_depth.setter
    def bit_depth(self, arg: int, /) -> None: ...

    @property
    def significant_bits(self) -> int: ...

    @significant_bits.setter
    def significant_bits(self, arg: int, /) -> None: ...

    @property
    def levels(self) -> int: ...

    @levels.setter
    def levels(self, arg: int, /) -> None: ...

    @property
    def code_block_width_exp(self) -> int: ...

    @code_block_width_exp.setter
    def code_block_width_exp(self, arg: int, /) -> None: ...

    @property
    def code_block_height_exp(self) -> int: ...

    @code_block_height_exp.setter
    def code_block_height_exp(self, arg: int, /) -> None: ...

    @property
    def layers(self) -> int: ...

    @layers.setter
    def layers(self, arg: int, /) -> None: ...

    @property
    def progression(self) -> Progression: ...

    @progression.setter
    def progression(self, arg: Progression, /) -> None: ...

    @property
    def container(self) -> Container: ...

    @container.setter
    def container(self, arg: Container, /) -> None: ...

    @property
    def tlm(self) -> bool | None: ...

    @tlm.setter
    def tlm(self, arg: bool | None, /) -> None: ...

    @property
    def plt(self) -> bool | None: ...

    @plt.setter
    def plt(self, arg: bool | None, /) -> None: ...

    @property
    def roi_mode(self) -> RoiMode: ...

    @roi_mode.setter
    def roi_mode(self, arg: RoiMode, /) -> None: ...

    @property
    def scaling_factor(self) -> float: ...

    @scaling_factor.setter
    def scaling_factor(self, arg: float, /) -> None: ...

    @property
    def refinement(self) -> int | None: ...

    @refinement.setter
    def refinement(self, arg: int | None, /) -> None: ...

    @property
    def budget_bytes(self) -> int | None: ...

    @budget_bytes.setter
    def budget_bytes(self, arg: int | None, /) -> None: ...

    @property
    def psnr(self) -> float | None: ...

    @psnr.setter
    def psnr(self, arg: float | None, /) -> None: ...

    @property
    def step(self) -> float | None: ...

    @step.setter
    def step(self, arg: float | None, /) -> None: ...

    @property
    def lossless(self) -> Lossless: ...

    @lossless.setter
    def lossless(self, arg: Lossless, /) -> None: ...

    @property
    def measure(self) -> bool: ...

    @measure.setter
    def measure(self, arg: bool, /) -> None: ...

    @property
    def comment(self) -> str: ...

    @comment.setter
    def comment(self, arg: str, /) -> None: ...

    @property
    def simd(self) -> Simd: ...

    @simd.setter
    def simd(self, arg: Simd, /) -> None: ...

@overload
def encode(frame: Annotated[NDArray[numpy.uint8], dict(shape=(None, None), order='C', device='cpu', writable=False)], mask: Annotated[NDArray[numpy.uint8], dict(shape=(None, None), order='C', device='cpu', writable=False)] | None, weights: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)] | None, params: Params) -> tuple[bytes, dict[str, Any]]: ...

@overload
def encode(frame: Annotated[NDArray[numpy.uint16], dict(shape=(None, None), order='C', device='cpu', writable=False)], mask: Annotated[NDArray[numpy.uint8], dict(shape=(None, None), order='C', device='cpu', writable=False)] | None, weights: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)] | None, params: Params) -> tuple[bytes, dict[str, Any]]:
    """
    Encode one (Y, X) frame; returns the stream and its statistics. Raises ValueError for parameters the encoder cannot honour and ArithmeticError for a target that the frame cannot reach.
    """

def simd_name() -> str:
    """Name of the instruction set that the encoder uses on this machine."""

MAX_SIDE: int = 32768
