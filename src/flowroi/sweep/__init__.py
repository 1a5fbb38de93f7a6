"""The parameter search: options of `compress` that meet targets, found on a sample of frames."""

from flowroi.sweep.goal import Candidate as Candidate
from flowroi.sweep.goal import Goal as Goal
from flowroi.sweep.run import Sweep as Sweep
from flowroi.sweep.run import run_sweep as run_sweep
