"""`report`: where the bytes of an artifact went, what grew, and whether budgets are kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.artifact.size_reports import read_size_reports
from builder.commands.exchange import Answer
from builder.foundation.files import check_writable, write_atomic
from builder.report.budgets import Judged, growers_text, judge
from builder.report.difference import Difference, compare, pair_up
from builder.report.document import documents_in, from_json
from builder.report.formats import FORMATS, Told
from builder.vocabulary.errors import BudgetError, UsageError
from builder.vocabulary.sizes import Budget, Metric, SizeReport


@dataclass(frozen=True, slots=True)
class Question:
    """What is reported, in which form, and what it is held against.

    `output` is the file to write to, or None for the terminal.
    """

    artifact: Path
    form: str
    base: Path | None = None
    budgets: tuple[Budget, ...] = ()
    output: Path | None = None


def size_report(question: Question, *, as_json: bool) -> Answer:
    """Return the size reports of an artifact, one for each of its ABIs; the text may be JSON, too.

    The answer has an error if a budget is exceeded.
    """
    if question.output is not None:
        check_writable(question.output.parent)
    reports = read_reports(question.artifact)
    differences = tuple(
        compare(report, base)
        for report, base in (pair_up(reports, read_reports(question.base)) if question.base else ())
    )
    judged = judge_all(reports, question.budgets, differences)
    told = Told(reports, differences, judged)
    text = FORMATS["json" if as_json else question.form](told)
    if question.output is not None:
        _write(question.output, text)
        text = f"wrote {question.output}"
    return Answer(told.document(), text.rstrip(), error_of(told))


def read_reports(path: Path) -> tuple[SizeReport, ...]:
    """Return the reports of an artifact, or of a file with the JSON that `report` prints.

    Raise `UsageError` where there is none.
    """
    if path.is_file() and path.suffix == ".json":
        try:
            texts: Sequence[str] = documents_in(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read {path}: {error}", hint="pass a report") from error
        if not texts:
            raise UsageError(f"{path} holds no size report", hint="pass a report")
    else:
        texts = read_size_reports(path)
    return tuple(map(from_json, texts))


def judge_all(
    reports: Sequence[SizeReport], budgets: Sequence[Budget], differences: Sequence[Difference]
) -> tuple[Judged, ...]:
    """Return the verdict on each budget; one for all targets holds for each library."""
    by_target = {str(it.report.target): it for it in differences}
    return tuple(
        verdict
        for report in reports
        for verdict in judge(report, budgets, by_target.get(str(report.target)))
    )


def error_of(told: Told) -> BudgetError | None:
    """Return the error for all budgets that are exceeded, with what to look at first."""
    broken = [it for it in told.judged if not it.kept]
    if not broken:
        return None
    by_target = {str(it.report.target): it for it in told.differences}
    targets = {it.target for it in broken}
    tops = (
        growers_text(it, by_target.get(str(it.target)))
        for it in told.reports
        if str(it.target) in targets
    )
    return BudgetError(
        "\n".join((*map(str, broken), *filter(None, tops))),
        hint="drop what is not needed, or raise the budget in [tool.build-runtime.budgets] with a"
        " reason",
    )


def check_built(places: Iterable[Path], budgets: Sequence[Budget]) -> BudgetError | None:
    """Return the error if artifacts that a build just made break budgets that need no base."""
    absolute = without_base(budgets)
    if not absolute:
        return None
    reports = tuple(report for place in places for report in read_reports(place))
    return error_of(Told(reports, (), judge_all(reports, absolute, ())))


def without_base(budgets: Iterable[Budget]) -> tuple[Budget, ...]:
    """Return the budgets that can be held where there is nothing to grow from."""
    return tuple(it for it in budgets if it.metric is not Metric.GROWTH)


def _write(path: Path, text: str) -> None:
    try:
        write_atomic(path, text)
    except OSError as error:
        message = f"cannot write {path}: {error.strerror or error}"
        raise UsageError(message, hint="choose another file with -o") from error
