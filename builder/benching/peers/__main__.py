"""The child process of a peer: `python -m builder.benching.peers JOB`, JSON in and out.

The last line of stderr says what went wrong; for the exit codes see `job`.
"""

import importlib
import sys
import warnings
from functools import partial
from pathlib import Path
from types import MappingProxyType

from builder.benching.peers.job import DOES_NOT_RUN, NOT_HERE, Job, PeerName, to_json
from builder.benching.peers.onnx_model import missing_libraries, onnx_peer
from builder.benching.peers.torch_model import Timed, torch_peer
from builder.benching.rounds import runs_per_round, take_turns, timed
from builder.extensions.learning import learn_operators
from builder.foundation.process import Host, SubprocessRunner
from builder.models.reference.inputs import told
from builder.vocabulary.errors import VerificationError


def main(argv: list[str]) -> int:
    """Take turns with the runtime of the command line; return the exit code."""
    warnings.simplefilter("ignore")
    job = Job.from_json(argv[0])
    if job.peer is PeerName.ONNXRUNTIME and (missing := missing_libraries()):
        sys.stderr.write(f"{', '.join(missing)}\n")
        return NOT_HERE
    try:
        peer = _load(job)
    except Exception as error:  # noqa: BLE001  whatever a peer raises becomes one line for the parent
        sys.stderr.write(f"{told(error)}\n")
        return DOES_NOT_RUN
    host = Host(
        MappingProxyType({}), SubprocessRunner(), Path("/"), 1
    )  # a runtime asks for nothing
    try:
        ours = timed(job.program, job.threads, host)
        theirs = partial(peer.sample, runs_per_round(peer.run))
        samples = take_turns((ours, theirs), job.rounds)
    except VerificationError as error:
        sys.stderr.write(f"{' '.join(error.message.split())} ({error.hint})\n")
        return 1
    version = importlib.import_module(job.peer).__version__
    sys.stdout.write(to_json(f"{job.peer} {version}", *samples) + "\n")
    return 0


def _load(job: Job) -> Timed:
    if job.peer is PeerName.ONNXRUNTIME:
        return onnx_peer(job.model, job.program.inputs, job.threads)
    learn_operators(job.own.document())
    return torch_peer(job.model, job.kind, job.program.inputs, job.threads)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
