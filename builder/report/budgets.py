"""Whether libraries keep to the bytes that they are allowed."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, assert_never

from builder.report.difference import Difference, Growth
from builder.vocabulary.errors import UsageError
from builder.vocabulary.sizes import Budget, Metric, SizeReport

_TOP: Final = 5


@dataclass(frozen=True, slots=True)
class Judged:
    """One budget of one library, and what it really has. Sizes are bytes."""

    target: str
    budget: Budget
    size: int

    @property
    def kept(self) -> bool:
        """Whether there are no more bytes than allowed."""
        return self.size <= self.budget.limit

    def __str__(self) -> str:
        """Tell the limit with how it came about."""
        state = "keeps" if self.kept else "exceeds"
        part = f"{self.size / self.budget.limit:.1%}" if self.budget.limit else "of nothing"
        amounts = f"{self.budget.metric} {self.size:,} of {self.budget.limit:,} bytes ({part})"
        lines = [f"{self.target} {state} its budget: {amounts}"]
        before: int | None = None
        for limit in self.budget.history:
            reason = f": {limit.reason}" if limit.reason else ""
            lines.append(f"    {_step(before, limit.size)} {limit.size:,}{reason}")
            before = limit.size
        return lines[0] if len(self.budget.history) == 1 else "\n".join(lines)


def _step(before: int | None, now: int) -> str:
    """Return what happened to a limit, which had no value before if it is the first."""
    if before is None:
        return "set to"
    if before == now:
        return "kept at"
    return "raised to" if before < now else "lowered to"


def in_force(given: Iterable[Budget], project: Iterable[Budget]) -> tuple[Budget, ...]:
    """Return the budgets that count: those given replace those of the project, by metric."""
    given = tuple(given)
    metrics = {it.metric for it in given}
    return (*given, *(it for it in project if it.metric not in metrics))


def judge(
    report: SizeReport, budgets: Iterable[Budget], difference: Difference | None
) -> Iterator[Judged]:
    """Yield the budgets that are for a library; one of its target comes before one for all.

    Raise `UsageError` for a budget of growth without a base, and for two of one metric and target.
    """
    budgets = tuple(budgets)
    _refuse_twice(budgets)
    target = f"{report.target.platform}-{report.target.abi}"
    found: dict[Metric, Budget] = {}
    for it in budgets:
        if it.target in ("", target) and (it.target or it.metric not in found):
            found[it.metric] = it
    for metric, budget in found.items():
        yield Judged(str(report.target), budget, _measured(report, metric, difference))


def _refuse_twice(budgets: tuple[Budget, ...]) -> None:
    counts = Counter((it.metric, it.target) for it in budgets)
    for (metric, target), count in counts.items():
        if count > 1:
            its = f"{target} has" if target else "there are"
            raise UsageError(
                f"{its} {count} budgets of {metric}, and one counts",
                hint=f"write one: --budget {metric}=SIZE",
            )


def _measured(report: SizeReport, metric: Metric, difference: Difference | None) -> int:
    match metric:
        case Metric.INSTALLED:
            return report.stripped
        case Metric.DOWNLOAD:
            return report.download
        case Metric.GROWTH:
            if difference is None:
                raise UsageError(
                    "a budget of growth needs something to grow from",
                    hint="name an earlier artifact: --base ARTIFACT",
                )
            return difference.change
        case _:
            assert_never(metric)


def growers(report: SizeReport, difference: Difference | None) -> tuple[Growth, ...]:
    """Return what to look at first: what grew most, or costs most where there is no base."""
    if difference is not None:
        parts = (*difference.operators, *difference.components)
        return tuple([it for it in parts if it.change > 0][:_TOP])
    return tuple(Growth(it.name, 0, it.alone, "") for it in report.operators[:_TOP] if it.alone)


def growers_text(report: SizeReport, difference: Difference | None) -> str:
    """Return the top growers on lines of their own, for an error."""
    title, form = ("cost most alone", ",") if difference is None else ("grew most", "+,")
    rows = [
        f"    {it.name}  {it.change:{form}}{f'  ({it.reason})' if it.reason else ''}"
        for it in growers(report, difference)
    ]
    return "\n".join((f"  {title}:", *rows)) if rows else ""
