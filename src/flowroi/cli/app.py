"""The verbs, and what becomes of their errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from flowroi.cli import (
    DONE,
    FAILED,
    INTERRUPTED,
    NOT_VERIFIED,
    TARGET_MISSED,
    USAGE,
    bench,
    compress,
    decompress,
    demo,
    evaluate,
    experiment,
    inspect,
    roi,
    segment,
    sweep,
    verify,
    watch,
)
from flowroi.cli.output import Output
from flowroi.errors import InvalidParameterError, QualityTargetError, VerificationError

app = typer.Typer(
    help="FlowRoI finds migrating cells by their motion and spends the bits of a compressed movie on them.",
    epilog="Exit codes: 0 done; 1 failed; 2 usage; 3 partly done; 4 verification failed; 5 quality target not met.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("demo")(demo.demo)
app.command("compress")(compress.compress)
app.command("decompress")(decompress.decompress)
app.command("roi")(roi.roi)
app.command("segment")(segment.segment)
app.command("inspect")(inspect.inspect)
app.command("verify")(verify.verify)
app.command("evaluate")(evaluate.evaluate)
app.command("sweep")(sweep.sweep)
app.command("experiment")(experiment.experiment)
app.command("watch")(watch.watch)
app.command("bench")(bench.bench)

# Typer exports only this one of the usage errors; the family's base is what all of them share.
_UsageError = typer.BadParameter.__bases__[0]


def _print_versions(asked: bool) -> None:
    if asked:
        from flowroi.versions import codec_versions

        for name, version in codec_versions().items():
            print(name, version)
        raise typer.Exit


@app.callback()
def _top(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Versions of FlowRoI and its codecs.", callback=_print_versions, is_eager=True),
    ] = False,
    _debug: Annotated[bool, typer.Option("--debug", help="Show where in the program an error came up.")] = False,
) -> None:
    return


def exit_code_of(error: Exception) -> int:
    """Return the documented exit code for an error.

    Examples
    --------
    >>> exit_code_of(InvalidParameterError("rate is 0.5")), exit_code_of(QualityTargetError("too few bytes"))
    (2, 5)
    """
    if isinstance(error, InvalidParameterError):
        # With a file or a frame it is the input that does not fit, not the command line.
        return USAGE if error.path is None and error.frame is None else FAILED
    if isinstance(error, VerificationError):
        return NOT_VERIFIED
    return TARGET_MISSED if isinstance(error, QualityTargetError) else FAILED


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    given, rest = _split_at_dashes(arguments)
    debug = "--debug" in given or os.environ.get("FLOWROI_DEBUG", "") not in ("", "0")
    given = [argument for argument in given if argument != "--debug"]
    out = Output(as_json="--json" in given)
    try:
        code = app(args=[*given, *rest], prog_name="flowroi", standalone_mode=False)
    except Exception as error:
        if isinstance(error, _UsageError):
            error.show()  # type: ignore[attr-defined]
            out.error(error, USAGE, to_people=False)
            return USAGE
        if isinstance(error, typer.Abort):
            code = INTERRUPTED
            out.notes(error.__cause__ or error.__context__)
        elif isinstance(error, BrokenPipeError):
            # Nobody reads our output any more; Python would complain again when it flushes it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return FAILED
        elif debug:
            raise
        else:
            code = exit_code_of(error)
            out.error(error, code)
    if code == INTERRUPTED:
        out.message("interrupted; nothing incomplete was left behind")
    return code if isinstance(code, int) else DONE


def _split_at_dashes(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split at `--`, behind which everything is a name."""
    everything = list(arguments)
    at = everything.index("--") if "--" in everything else len(everything)
    return everything[:at], everything[at:]
