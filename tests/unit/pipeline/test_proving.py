"""What a build says when its runtime does not pass: everything at once, and what to do."""

from dataclasses import replace
from pathlib import Path

import pytest

from builder.foundation.process import Host
from builder.pipeline import proving
from builder.proof import proving as proof
from builder.proof.compare import Comparison, Difference
from builder.proof.proving import Subject, Wish, prove
from builder.vocabulary.checks import Check, Outcome
from builder.vocabulary.models import Method
from builder.vocabulary.operators import OperatorName, OperatorUse
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.unit.pipeline.test_planning import Heard
from tests.unit.proof.test_needs import MODEL

SUBJECT = Subject(
    target=make_target(Platform.LINUX, Abi.ARM64_V8A),
    library=Path("/build/lib.so"),
    program=Path("/build/run"),
    selected=frozenset(),
    held=frozenset(),
)


def failed(name: str, *reasons: str, model: str = "", hint: str = "") -> Check:
    return Check(name=name, outcome=Outcome.FAILED, model=model, reasons=reasons, hint=hint)


def test_one_difference_names_its_model_and_the_runtime() -> None:
    error = proving._against(
        SUBJECT, (failed("outputs", "output: is 1, torch answers 2", model="net", hint="try x"),)
    )
    assert error.message == (
        "the runtime for linux-arm64-v8a does not answer as desktop torch does:\n"
        "    net: output: is 1, torch answers 2"
    )
    assert error.hint == "try x; the library is kept at /build/lib.so"


def test_all_models_are_in_one_list_with_each_hint_once() -> None:
    error = proving._against(
        SUBJECT,
        (
            failed("outputs", "output[0]: far", "output[1]: off", model="a", hint="try x"),
            failed("outputs", "the runtime does not run b: gone", model="b", hint="try x"),
        ),
    )
    assert error.message.splitlines()[1:] == [
        "    a: output[0]: far", "    a: output[1]: off", "    b: the runtime does not run b: gone",
    ]  # fmt: skip
    assert error.hint.count("try x") == 1


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("elf policy", "the library breaks the rules for what may ship"),
        ("registered operators", "the operators in the library are not those selected"),
        ("run", "what --require-run asks for cannot be done here"),
    ],
)
def test_each_check_says_what_it_is_about(name: str, title: str) -> None:
    assert proving._against(SUBJECT, (failed(name, "why"),)).message == f"{title}:\n    why"


def test_a_file_that_is_no_library_fails_and_is_not_run(host: Host, tmp_path: Path) -> None:
    heard = Heard()
    verdicts = prove(
        Subject(SUBJECT.target, tmp_path / "no.so", SUBJECT.program, frozenset(), frozenset()),
        (),
        Wish(),
        host,
        heard,
    )
    assert [(it.name, it.outcome) for it in verdicts] == [
        ("elf policy", Outcome.FAILED),
        ("run", Outcome.SKIPPED),
    ]
    assert "cannot read" in verdicts[0].reasons[0]


@pytest.mark.parametrize(
    ("named", "outcome", "reasons"),
    [
        (None, None, ()),
        ({"aten::add.Tensor", "prim::dtype"}, Outcome.PASSED, ()),
        ({"prim::dtype"}, Outcome.FAILED, ("selected but not registered: aten::add.Tensor",)),
        (
            {"aten::add.Tensor", "aten::more"},
            Outcome.FAILED,
            ("registered but not selected: aten::more",),
        ),
    ],
)
def test_what_cannot_be_run_is_read(  # noqa: PLR0917
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    named: set[str] | None,
    outcome: Outcome | None,
    reasons: tuple[str, ...],
) -> None:
    """A library of a release that left no names is as well off as before."""
    monkeypatch.setattr(proof, "check_policy", lambda *_, **__: ())
    monkeypatch.setattr(proof, "read_registered", lambda _: named and frozenset(named))
    subject = replace(
        SUBJECT,
        target=make_target(Platform.ANDROID, Abi.ARM64_V8A),
        library=tmp_path / "lib.so",
        selected=frozenset({"aten::add.Tensor"}),
        held=frozenset({"prim::dtype"}),
    )
    for wish in (Wish(), Wish("--no-verify")):
        verdicts = prove(subject, (), wish, host, Heard())
        read = [it for it in verdicts if it.name == "registered operators"]
        assert [it.outcome for it in read] == ([] if outcome is None else [outcome])
        assert all(it.runner == "as its file names them" and it.reasons == reasons for it in read)
        assert verdicts[-1].name == "run"
        assert verdicts[-1].outcome is Outcome.SKIPPED


@pytest.mark.parametrize(
    ("operators", "difference", "hint"),
    [
        (("aten::add.Tensor",), None, ""),
        (("quantized::add",), Difference("output", "gone", failed=True), "add it with --dtypes"),
        (("quantized::add",), Difference("output", "far"), "as PyTorch 2.6.0 does with QNNPACK"),
        (("aten::quantize_per_tensor",), Difference("output", "far"), "rounding does not explain"),
        (("aten::add.Tensor",), Difference("output", "far"), "--rtol and --atol"),
    ],
)
def test_the_hint_says_what_a_difference_is(
    operators: tuple[str, ...], difference: Difference | None, hint: str
) -> None:
    uses = tuple(OperatorUse(OperatorName.parse(it)) for it in operators)
    model = replace(MODEL, methods=(Method("forward", uses, frozenset()),))
    found = proof._hint(model, Comparison((difference,) if difference else ()))
    assert hint in found
    assert bool(hint) == bool(found)
