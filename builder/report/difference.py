"""What grew between two builds of one target, and why."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from builder.report.names import component_of
from builder.vocabulary.errors import UsageError
from builder.vocabulary.sizes import OperatorCost, SizeReport, SymbolRow

_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Growth:
    """Bytes of one part before and now. `reason` names the operators that it grew for, if any."""

    name: str
    was: int
    size: int
    reason: str = ""

    @property
    def change(self) -> int:
        """How many bytes more there are."""
        return self.size - self.was


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed: `reasons` for all of it, and the parts that changed, the largest growth first.

    What an operator costs `alone` is how operators grow; those of nobody's are left out.
    """

    base: SizeReport
    report: SizeReport
    reasons: tuple[str, ...]
    operators: tuple[Growth, ...]
    components: tuple[Growth, ...]
    symbols: tuple[Growth, ...]

    @property
    def change(self) -> int:
        """How many bytes the library has more."""
        return self.report.stripped - self.base.stripped


def compare(report: SizeReport, base: SizeReport) -> Difference:
    """Return what changed since `base`, a build of the same target."""
    return Difference(
        base=base,
        report=report,
        reasons=(*_operators_changed(report, base), *_facts_changed(report, base)),
        operators=tuple(_of_operators(report, base)),
        components=_grown(report, base, lambda it: component_of(it.section, it.object)),
        symbols=_grown(report, base, lambda it: f"{it.symbol}  ({it.object})"),
    )


def pair_up(
    reports: Iterable[SizeReport], bases: Iterable[SizeReport]
) -> tuple[tuple[SizeReport, SizeReport], ...]:
    """Return each report with the base of its target; raise `UsageError` for one without."""
    reports, bases = tuple(reports), tuple(bases)
    known = {(it.target.platform, it.target.abi): it for it in bases}
    missing = [it for it in reports if (it.target.platform, it.target.abi) not in known]
    if missing:
        there, here = (", ".join(str(it.target) for it in each) for each in (bases, missing))
        raise UsageError(
            f"the base is of {there}, the artifact of {here}",
            hint="compare builds of one platform and ABI",
        )
    return tuple((it, known[it.target.platform, it.target.abi]) for it in reports)


def _operators_changed(report: SizeReport, base: SizeReport) -> Iterator[str]:
    now, before = ({it.name: it for it in each.operators} for each in (report, base))
    added = sorted((it for it in now.values() if it.name not in before), key=lambda it: it.models)
    for models, costs in groupby(added, key=lambda it: it.models):
        asked = f"model {', '.join(models)}" if models else "no model"
        yield f"operators added by {asked}: {', '.join(sorted(it.name for it in costs))}"
    if dropped := sorted(before.keys() - now.keys()):
        yield f"operators dropped: {', '.join(dropped)}"


def _facts_changed(report: SizeReport, base: SizeReport) -> Iterator[str]:
    now, before = ({it.name: it.value for it in each.made} for each in (report, base))
    for name in dict.fromkeys((*before, *now)):
        old, new = before.get(name, ""), now.get(name, "")
        if old != new:
            yield f"{name}: {_changed_words(old, new)}"


def _changed_words(old: str, new: str) -> str:
    """Return two values, or only the words that differ where they are long lists of words."""
    before, after = old.split(), new.split()
    if min(len(before), len(after)) <= _SHOWN:
        return f"{old or 'none'} → {new or 'none'}"
    gone = [f"-{it}" for it in before if it not in after]
    come = [f"+{it}" for it in after if it not in before]
    return " ".join((*gone, *come)) or "another order"


def _of_operators(report: SizeReport, base: SizeReport) -> list[Growth]:
    now, before = ({it.name: it for it in each.operators} for each in (report, base))
    grown = [
        Growth(name, _alone(before.get(name)), _alone(now.get(name)), _why(now, before, name))
        for name in now.keys() | before.keys()
    ]
    return _sorted(grown)


def _alone(cost: OperatorCost | None) -> int:
    return cost.alone if cost else 0


def _why(now: dict[str, OperatorCost], before: dict[str, OperatorCost], name: str) -> str:
    if name not in before:
        models = ", ".join(now[name].models)
        return f"added by {models}" if models else "added"
    return "" if name in now else "dropped"


def _grown(
    report: SizeReport, base: SizeReport, name_of: Callable[[SymbolRow], str]
) -> tuple[Growth, ...]:
    """Return the parts of that name that changed, each with the operators it changed for most."""
    now, before = _sums(report, name_of), _sums(base, name_of)
    names = {name for name, _ in now.keys() | before.keys()}
    owners: dict[str, dict[tuple[str, ...], int]] = {name: {} for name in names}
    totals: dict[str, list[int]] = {name: [0, 0] for name in names}
    for sums, place, sign in ((before, 0, -1), (now, 1, 1)):
        for (name, operators), size in sums.items():
            totals[name][place] += size
            owners[name][operators] = owners[name].get(operators, 0) + sign * size
    grown = (
        Growth(name, was, size, _for_whom(owners[name], size - was))
        for name, (was, size) in totals.items()
    )
    return tuple(_sorted(grown))


def _sums(
    report: SizeReport, name_of: Callable[[SymbolRow], str]
) -> dict[tuple[str, tuple[str, ...]], int]:
    sums: dict[tuple[str, tuple[str, ...]], int] = {}
    for it in report.symbols:
        key = name_of(it), report.shares[it.share].operators
        sums[key] = sums.get(key, 0) + it.size
    return sums


def _for_whom(changes: dict[tuple[str, ...], int], change: int) -> str:
    """Return the operators that most of a change is for; nothing for the fixed core."""
    sign = 1 if change >= 0 else -1
    most = max(changes, key=lambda it: (sign * changes[it], it))
    told = ", ".join(most[:_SHOWN])
    return f"{told} and {len(most) - _SHOWN} more" if len(most) > _SHOWN else told


def _sorted(grown: Iterable[Growth]) -> list[Growth]:
    return sorted((it for it in grown if it.change), key=lambda it: (-it.change, it.name))
