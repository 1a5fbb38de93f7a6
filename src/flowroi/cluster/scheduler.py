"""Where a scheduler of Dask is, and whether it answers."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flowroi.extras import need

SCHEMES = ("tcp://", "tls://")


def scheduler_address(where: str) -> str:
    """Return the address that is given, or that stands in the scheduler file that is given.

    Raises
    ------
    OSError
        If the file cannot be read, or has no address, or not yet: a scheduler that begins anew writes it.
    """
    if where.startswith(SCHEMES):
        return where
    try:
        address = json.loads(Path(where).read_bytes())["address"]
    except (ValueError, TypeError, KeyError):
        address = None
    if not isinstance(address, str) or not address.startswith(SCHEMES):
        raise ConnectionError("that is no scheduler file; expected what dask scheduler --scheduler-file wrote")
    return address


def greet(address: str, timeout_s: float) -> None:
    """Exchange the first words with a scheduler: a client of Dask would wait for them for ever.

    So it does where something else is at the address, or a scheduler that hangs.

    Raises
    ------
    OSError
        If none answers in time.
    TypeError, ValueError
        If the address, or what TLS needs for it, is wrong.
    """
    connect = need("distributed.comm", extra="dask").connect
    options = need("distributed.security", extra="dask").Security().get_connection_args("client")

    async def exchange() -> None:
        async with asyncio.timeout(timeout_s):
            comm = await connect(address, timeout=timeout_s, **options)
            comm.abort()

    # The caller's thread may have a loop of its own, as notebooks do.
    with ThreadPoolExecutor(1) as pool:
        try:
            pool.submit(asyncio.run, exchange()).result()
        except TimeoutError as error:
            raise TimeoutError(f"it did not answer within {timeout_s:.0f} s") from error
