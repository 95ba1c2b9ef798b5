"""A runtime beside a peer: the rounds are made by a child process, in which the peer lives."""

import sys
from pathlib import Path

from builder.benching.figures import Row
from builder.benching.peers.job import DOES_NOT_RUN, NOT_HERE, Job, from_json
from builder.benching.programs import Program
from builder.benching.rounds import take_turns, timed
from builder.foundation.process import Command, Host
from builder.foundation.resources import IMPORT_PATH
from builder.vocabulary.errors import ModelError, ToolchainError, VerificationError


def measure(program: Program, threads: int, rounds: int, host: Host) -> Row:
    """Time a runtime alone."""
    (samples,) = take_turns((timed(program, threads, host),), rounds)
    return Row(threads, samples)


def measure_against(job: Job, host: Host) -> Row:
    """Time a runtime and a peer in turns; raise what says why there is no answer."""
    argv = (sys.executable, "-m", "builder.benching.peers", job.to_json())
    command = Command(argv, Path.cwd(), host.child_env(PYTHONPATH=str(IMPORT_PATH)))
    done = host.runner.capture(command)
    reason = (done.stderr.strip().splitlines() or [done.ending])[-1]
    match done.status:
        case 0:
            ours, peer = from_json(done.stdout.strip().splitlines()[-1])
            return Row(job.threads, ours, peer)
        case code if code == NOT_HERE:
            raise ToolchainError(
                f"{job.peer} is not installed here: no {reason}",
                looked_in=[sys.executable],
                hint=f"pip install {reason.replace(',', '')}",
            )
        case code if code == DOES_NOT_RUN:
            raise ModelError(
                f"{job.model} does not run in {job.peer}: {reason}",
                hint="compare with another peer, or leave --against out",
            )
        case _:
            raise VerificationError(
                f"the comparison with {job.peer} failed: {reason}",
                hint=f"repeat it by hand: {command}",
            )
