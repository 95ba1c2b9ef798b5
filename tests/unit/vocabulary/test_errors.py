import pytest

from builder.vocabulary import errors
from builder.vocabulary.errors import BuildRuntimeError, UsageError, did_you_mean

EXIT_CODES = {
    "UsageError": 2,
    "ModelError": 3,
    "ToolchainError": 4,
    "SourceError": 4,
    "CompileError": 5,
    "VerificationError": 6,
    "BudgetError": 7,
}


def test_the_documented_exit_codes() -> None:
    kinds = {cls.__name__: cls.exit_code for cls in BuildRuntimeError.__subclasses__()}
    assert {name: kinds.get(name) for name in EXIT_CODES} == EXIT_CODES
    assert set(EXIT_CODES) == {name for name in vars(errors) if name.endswith("Error")} - {
        "BuildRuntimeError"
    }


def test_only_what_happened() -> None:
    assert str(UsageError("no such file: a.pt")) == "no such file: a.pt"


def test_what_happened_where_and_what_to_do() -> None:
    error = UsageError("no NDK", looked_in=["$NDK (unset)", "$HOME/ndk"], hint="pass --ndk PATH")
    assert str(error) == (
        "no NDK\n"
        "  looked in: $NDK (unset), $HOME/ndk\n"
        "  fix: pass --ndk PATH"
    )  # fmt: skip
    assert (error.looked_in, error.hint) == (("$NDK (unset)", "$HOME/ndk"), "pass --ndk PATH")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("relu_6", " (did you mean relu6?)"),
        ("RELU_6", " (did you mean relu6?)"),
        ("hard", " (did you mean hardtanh or hardswish?)"),
        ("conv2d", ""),
    ],
)
def test_did_you_mean(word: str, expected: str) -> None:
    assert did_you_mean(word, {"relu6", "hardtanh", "hardswish", "softmax"}) == expected


def test_no_more_suggestions_than_asked_for() -> None:
    assert did_you_mean("add", ["adda", "addb", "addc"], limit=1) == " (did you mean addc?)"
