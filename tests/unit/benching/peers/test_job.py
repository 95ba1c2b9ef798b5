from dataclasses import replace
from pathlib import Path

from builder.benching.figures import Peer
from builder.benching.peers.job import Job, PeerName, from_json, to_json
from builder.vocabulary.models import OwnOperators
from tests.unit.benching.forge import PROGRAM, sample


def test_a_job_survives_the_way_to_the_child() -> None:
    job = Job(PeerName.TORCH, Path("/m.pt"), ("lite",), PROGRAM, 2, 9)
    assert Job.from_json(job.to_json()) == job
    own = OwnOperators(("shop::same(Tensor x) -> Tensor",), (Path("/operators.py"),))
    calling = replace(job, own=own)
    assert Job.from_json(calling.to_json()) == calling


def test_so_does_its_answer() -> None:
    ours, theirs = (sample(1.5), sample(2)), (sample(3), sample(4.25))
    assert from_json(to_json("torch 2.13", ours, theirs)) == (ours, Peer("torch 2.13", theirs))
