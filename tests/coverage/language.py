"""TorchScript itself: control flow, text, containers, classes, exceptions."""

import enum
import math
import warnings
from typing import Any, NamedTuple, Optional

import torch
from torch import Tensor, nn

from tests.coverage.values import Coverage, numbers


class ControlFlow(nn.Module):
    limit: int

    def __init__(self) -> None:
        super().__init__()
        self.limit = 7

    def early(self, n: int) -> int:
        for i in range(100):
            if i * i > n:
                return i
        return -1

    def forward(self, x: Tensor, n: int) -> tuple[list[int], Tensor, int, float]:
        seen: list[int] = []
        i = 0
        while i < n:
            i += 1
            if i % 2 == 0:
                continue
            if i > self.limit:
                break
            seen.append(i)
        if bool(x.sum() > 0):
            y = x * 2
        elif x.numel() == 0:
            y = x
        else:
            y = -x
        total = 0.0
        for row in x:
            for value in row:
                total += float(value)
        for k, name in enumerate(["a", "bb"]):
            i += k * len(name)
        for a, b in zip([1, 2, 3], [4, 5, 6]):
            i += a * b
        for k in range(10, 0, -3):
            i -= k
        return seen, y, self.early(n) + i, total


class Arithmetic(nn.Module):
    """Numbers of Python."""

    def forward(self, i: int, j: int, f: float) -> tuple[list[int], list[float], list[bool]]:
        ints = [
            i + j, i - j, i * j, i // j, i % j, -i, abs(-i), i * i, min(i, j), max(i, j), i & j, i | j, i ^ j, i << 2, i >> 1,
            int(f), int(f + 0.5), divmod(i, j)[0], divmod(i, j)[1], sum([i, j]), int("42"), ord("a"), math.floor(f),
            math.ceil(f), math.gcd(i, j), len("abc"), hash(i) * 0,
        ]  # fmt: skip
        floats = [
            i / j, f + i, f - j, f * i, f / j, f // 2.0, f % 2.0, -f, abs(-f), float(i), float("1.5"), f**2.0, f**2, 2.0**i, min(f, 1.0),
            max(f, 1.0), math.sqrt(f), math.exp(f), math.log(f), math.sin(f), math.cos(f), math.tan(f), math.pi, math.pow(f, 2.0),
            math.log10(f), math.log1p(f), math.atan2(f, 2.0), math.fabs(-f), math.copysign(f, -1.0), math.degrees(f), math.radians(f),
            math.erf(f), math.gamma(f), math.lgamma(f), math.tanh(f), math.asin(0.5), math.acos(0.5), math.atan(f), math.fmod(f, 1.0), math.expm1(f),
            math.sinh(f), math.cosh(f), math.asinh(f), math.acosh(f + 1), math.atanh(0.3), math.erfc(f), math.modf(f)[0], math.ldexp(f, 2),
        ]  # fmt: skip
        flags = [
            i < j, i <= j, i > j, i >= j, i == j, i != j, f < i, f > i, f == 1.5, not (i < j), i < j and f > 0, i < j or f > 0,
            math.isnan(f), math.isinf(f), math.isfinite(f), bool(i), bool(f), i is None, True ^ (i < j), (i < j) & True, (i < j) | False,
        ]  # fmt: skip
        return ints, floats, flags


class Text(nn.Module):
    def forward(
        self, text: str, n: int, f: float
    ) -> tuple[list[str], list[int], list[bool], list[str]]:
        made = [
            text + "!", text.upper(), text.lower(), text.strip(), text.lstrip(), text.rstrip(), text.strip("x"),
            text.replace("o", "0"), text.replace("l", "L", 1), text.capitalize(), text.title(), text.swapcase(), text[0], text[-1], text[1:4], text[::2],
            text.center(20, "*"), text.ljust(20), text.rjust(20), text.zfill(20), text.expandtabs(), ", ".join([text, "b"]),
            f"{text} {n} {f}", "{} and {}".format(text, n), "%s is %d" % (text, n), str(n), str(f), str(True), str([1, 2]), str(None), hex(n), oct(n), bin(n), chr(65),
            text.partition("l")[0], text.rpartition("l")[2], "a" if n > 1 else "b",
        ]  # fmt: skip
        counts = [
            len(text),
            text.find("l"),
            text.rfind("l"),
            text.count("l"),
            text.index("l"),
            text.rindex("l"),
            text.find("zz"),
        ]
        flags = [
            text == "a", text != "a", "ell" in text, text.startswith("h"), text.endswith("o"), text.isdigit(), text.isalpha(), text.isupper(), text.islower(),
            text.isalnum(), text.isspace(), text.istitle(), text.isidentifier(), text.isnumeric(), text.isdecimal(),
        ]  # fmt: skip
        return (
            made,
            counts,
            flags,
            text.split("l") + text.split() + text.rsplit("l", 1) + "a\nb".splitlines(),
        )


class Containers(nn.Module):
    def forward(
        self, items: list[int], table: dict[str, float], pair: tuple[int, str], maybe: Optional[int]
    ) -> tuple[
        list[int],
        dict[str, float],
        tuple[str, int],
        Optional[int],
        list[str],
        list[float],
        list[bool],
        dict[int, list[int]],
    ]:
        own = items.copy()
        own.append(9)
        own.extend([3, 1])
        own.insert(0, 5)
        last = own.pop()
        own.remove(9)
        own.reverse()
        own.sort()
        own[0] = 42
        own += [last, len(own), own.index(42), own.count(3), own[-1], sum(own), min(own), max(own)]
        own += sorted(items) + items[1:] + [it * 2 for it in items] + items[::2]
        own.sort(reverse=True)
        del own[1]
        new = table.copy()
        new["x"] = 1.5
        new.update({"y": 2.5})
        gone = new.pop("x")
        got = new.get("nothing", gone)
        new.setdefault("z", 7.0)
        first = new["y"]
        del new["z"]
        keys = [key for key in new.keys()] + [f"{k}={v}" for k, v in new.items()]
        values = [value for value in new.values()] + [got, first]
        number, word = pair
        more: Optional[int] = None
        if maybe is not None:
            more = maybe + number
        flags = [
            3 in items,
            "y" in new,
            "q" in new,
            items == [1],
            items != [1],
            maybe is None,
            len(new) == 2,
            pair[0] == 1,
            items is not None,
        ]
        groups: dict[int, list[int]] = {}
        for item in items:
            if item % 2 not in groups:
                groups[item % 2] = torch.jit.annotate(list[int], [])
            groups[item % 2].append(item)
        counted = {k: len(v) for k, v in groups.items()}
        own.append(len(counted))
        empty: list[int] = []
        empty.clear()
        return own, new, (word, number), more, keys, values, flags, groups


class Point(NamedTuple):
    x: Tensor
    name: str
    weight: float = 0.5


class Color(enum.Enum):
    RED = 1
    GREEN = 2


class Counter:
    def __init__(self, start: int) -> None:
        self.count = start
        self.names: list[str] = []

    def add(self, name: str, by: int = 1) -> int:
        self.count += by
        self.names.append(name)
        return self.count

    def __len__(self) -> int:
        return len(self.names)


class NamedTuples(nn.Module):
    def forward(self, x: Tensor) -> Point:
        point = Point(x * 2, "here")
        return Point(point.x + point.weight, point.name + "!", len(point) * 1.0)


class NestedNamedTuples(nn.Module):
    def forward(self, x: Tensor) -> tuple[Point, Tensor]:
        return Point(x * 2, "here"), x


class Instances(nn.Module):
    def forward(self, x: Tensor) -> tuple[int, int, list[str]]:
        counter = Counter(10)
        counter.add("a")
        counter.add("b", by=5)
        return counter.count, len(counter), counter.names


class Enumerations(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, str, int]:
        color = Color.RED if bool(x.sum() > 0) else Color.GREEN
        return (x if color == Color.RED else -x), color.name, color.value


class Dynamic(nn.Module):
    """Values whose type is only known when the model runs."""

    def forward(self, value: Any) -> tuple[str, int]:
        if isinstance(value, int):
            return "int", value
        if isinstance(value, str):
            return "str", len(value)
        if isinstance(value, list):
            return "list", 0
        return "other", -1


class State(nn.Module):
    """A model with memory, several methods, submodules in containers, and calls between them."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(3))
        self.steps = 0
        self.layers = nn.ModuleList([nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3)])
        self.named = nn.ModuleDict({"a": nn.Tanh(), "b": nn.Sigmoid()})
        self.scale = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))

    def forward(self, x: Tensor) -> tuple[Tensor, int, Tensor]:
        for layer in self.layers:
            x = layer(x)
        for name, module in self.named.items():
            x = module(x) + len(name)
        self.steps += 1
        self.total += x.sum(0)
        return self.scaled(x), self.steps, self.total.clone()

    @torch.jit.export
    def scaled(self, x: Tensor) -> Tensor:
        return x * self.scale

    @torch.jit.export
    def reset(self) -> int:
        steps = self.steps
        self.steps = 0
        self.total.zero_()
        return steps


class SingleTuples(nn.Module):
    """What is unpacked of a tuple of one stays on the stack, without a register."""

    def forward(self, one: tuple[int], x: Tensor) -> tuple[list[int], Tensor, Tensor]:
        (place,) = one
        (again,) = one
        (third,) = one
        return [place], x.sum([again]), x.select(0, third)


class Assertions(nn.Module):
    """Checks that hold, a print, a warning: the model goes on."""

    def forward(self, x: Tensor) -> Tensor:
        assert x.dim() == 2, "x must have two dimensions"
        print("rows:", x.size(0), "ok")  # noqa: T201  what is tested
        warnings.warn("this is only a warning")  # noqa: B028  TorchScript knows no stacklevel
        return x + 1


class Kinds(nn.Module):
    """Answers that are neither tensors nor plain numbers."""

    def forward(self, x: Tensor) -> tuple[complex, list[complex], torch.device, int, int]:
        turned = complex(float(x.size(0)), -1.5)
        return turned, [turned, complex(0.0, 1.0)], x.device, x.dtype, x.layout


class Raises(nn.Module):
    def forward(self, x: Tensor, kind: int) -> Tensor:
        if kind == 0:
            raise ValueError(f"the kind {kind} is unknown")
        if kind == 1:
            raise RuntimeError("a plain one")
        assert kind == 2, "an assertion with a message"
        return x


class OperatorFails(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x @ x


SUITE = (
    Coverage("branches", ControlFlow, lambda: [(numbers(3, 4), 12), (-numbers(3, 4).abs(), 3), (torch.ones(0, 4), 0)]),
    Coverage("python_arithmetic", Arithmetic, lambda: [(7, 3, 1.5), (12, 5, 0.25)]),
    Coverage("text", Text, lambda: [("hello", 3, 1.5), (" xhelLo ", 10, 0.1)]),
    Coverage("containers", Containers, lambda: [([1, 2, 3], {"a": 1.0}, (1, "w"), 4), ([4, 3], {"y": 0.0, "b": 2.0}, (2, "v"), None)]),
    Coverage("named_tuples", NamedTuples, lambda: [(numbers(2, 2),)]),
    Coverage("nested_named_tuples", NestedNamedTuples, lambda: [(numbers(2, 2),)], missing="Can't find definition"),
    Coverage("instances", Instances, lambda: [(numbers(2, 2),)]),
    Coverage("enumerations", Enumerations, lambda: [(torch.ones(2),), (-torch.ones(2),)], missing="Expected GenericDict"),
    Coverage("single_tuples", SingleTuples, lambda: [((1,), numbers(2, 3))]),
    Coverage("dynamic", Dynamic, lambda: [(3,), ("word",), ([1, 2],), (1.5,)]),
    Coverage("state", State, lambda: [(numbers(2, 3),), (numbers(2, 3),)]),
    Coverage("method_scaled", State, lambda: [(numbers(2, 3),)], method="scaled"),
    Coverage("method_reset", State, lambda: [(), ()], method="reset"),
    Coverage("assertions", Assertions, lambda: [(numbers(2, 3),)]),
    Coverage("kinds", Kinds, lambda: [(numbers(2, 3),)]),
    Coverage("raises", Raises, lambda: [(numbers(2), 0), (numbers(2), 1), (numbers(2), 2), (numbers(2), 3)]),
    Coverage("operator_fails", OperatorFails, lambda: [(numbers(2, 3),), (numbers(2, 2),)]),
)  # fmt: skip
