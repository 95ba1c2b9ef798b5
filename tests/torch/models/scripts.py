"""Small TorchScript modules made up at random: methods that call each other, with types in mind."""

import re
from dataclasses import dataclass, field
from typing import Final

from hypothesis import strategies as st

INT, FLOAT, BOOL, STR, TENSOR, LIST, OPTIONAL = (
    "int", "float", "bool", "str", "Tensor", "List[int]", "Optional[int]",
)  # fmt: skip
KINDS: Final = (INT, FLOAT, BOOL, STR, TENSOR, LIST, OPTIONAL)

LETTERS: Final = dict(zip("ifbstlo", KINDS, strict=True))

RULES: Final = {
    INT: """<i> + <i>; <i> * <i>; <i> - 1; <i> + 0; <i> * 1; 1 + <i>; abs(<i>); min(<i>, <i>)
        len(<l>); len(<s>); <l>[0]; max(<l>); int(<f>); int(<t>); <t>.dim(); <t>.size(0)
        <i> if <b> else 2; len([<i>, 2]); [1, <i>][1]""",
    FLOAT: "<i> / <i>; <f> * <i>; float(<i>); <t>.item() + 0.5; float(<t>); max(<f>, 1.0)",
    BOOL: """<i> < <i>; <s> == <s>; not <b>; <o> is None; <o> is not None; <i> in <l>; bool(<t>)
        <b> and <b>; <f> >= 0.5; <l> == <l>; <t>.is_floating_point()""",
    STR: "<s> + <s>; <s>.upper(); str(<i>); '{} {}'.format(<i>, <s>); <s>[0]; 'a'.join(['b', <s>])",
    TENSOR: """<t> + <t>; <t> * <i>; <f> - <t>; <i> / <t>; <t>.view([-1, <i>]); torch.relu(<t>)
        <t>.sum(dim=<i>); torch.cat([<t>, <t>], <i>); torch.zeros([<i>, 2], dtype=torch.half)
        <t>.to(torch.int64); <t>.transpose(0, <i>); torch.zeros(<l>); <t>[<i>]; <t>[:, <i>:]
        torch.max(<t>, dim=<i>)[0]; <t>.clone(); <t>.float(); torch.split(<t>, <i>)[0]
        torch.conv2d(<t>, <t>, None, [1, 1]); torch.nn.functional.dropout(<t>, 0.5, <b>)
        torch.nn.functional.relu(<t>); torch.topk(<t>, <i>).values""",
    LIST: "[<i>, <i>]; <l> + <l>; <l>[1:]; sorted(<l>); [it * 2 for it in <l>]; <t>.size();"
    " [<i>] + [3, 4][:1]",
    OPTIONAL: "<i>; torch.jit.annotate(Optional[int], None)",
}
"""What makes a value of a type: `<i>` stands for an int, `<l>` for a list, and so on."""

LITERALS: Final = {
    INT: ("0", "1", "-2"),
    FLOAT: ("0.5", "1.0"),
    BOOL: ("True", "False"),
    STR: ("'x'",),
    TENSOR: ("torch.ones([2, 2])",),
    LIST: ("[1, 2]",),
    OPTIONAL: ("torch.jit.annotate(Optional[int], None)",),
}
HELPERS: Final = (
    (TENSOR, (TENSOR, OPTIONAL, BOOL)),
    (INT, (INT, LIST)),
    (LIST, (LIST, TENSOR)),
)
"""What other methods return and take."""

DEPTH: Final = 2


@dataclass
class Writing:
    """The method being written: its lines, and which variables hold what where it stands."""

    draw: st.DrawFn
    helpers: int
    lines: list[str] = field(default_factory=list)
    variables: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0

    def value(self, kind: str, depth: int = DEPTH) -> str:
        known = [name for name, it in self.variables if it == kind]
        choices = [*known, *LITERALS[kind]]
        rules = re.split(r"; *|\n *", RULES[kind]) if depth else []
        calls = [it for it in range(self.helpers) if depth and HELPERS[it][0] == kind]
        choice = self.draw(st.integers(0, len(choices) + len(rules) + len(calls) - 1))
        if choice < len(choices):
            return choices[choice]
        choice -= len(choices)
        if choice < len(rules):
            inner = re.sub("<(.)>", lambda it: self.value(LETTERS[it[1]], depth - 1), rules[choice])
            return f"({inner})"
        number = calls[choice - len(rules)]
        given = ", ".join(self.value(it, depth - 1) for it in HELPERS[number][1])
        return f"self.helper{number}({given})"

    def statements(self, indent: str, depth: int = DEPTH) -> None:
        for _ in range(self.draw(st.integers(1, 3))):
            self.statement(indent, depth)

    def block(self, indent: str, depth: int) -> None:
        kept = list(self.variables)
        self.statements(f"{indent}    ", depth - 1)
        self.variables = kept

    def statement(self, indent: str, depth: int) -> None:
        what = self.draw(st.integers(0, 7 if depth else 3))
        if what <= 1:
            kind = self.draw(st.sampled_from(KINDS))
            text = self.value(kind)
            self.count += 1
            self.lines.append(f"{indent}v{self.count}: {kind} = {text}")
            self.variables.append((f"v{self.count}", kind))
        elif what == 2:
            known = [it for it in self.variables if it[1] != OPTIONAL]
            if known:
                name, kind = self.draw(st.sampled_from(known))
                self.lines.append(f"{indent}{name} = {self.value(kind)}")
        elif what == 3:
            self.effect(indent)
        elif what <= 5:
            self.lines.append(f"{indent}if {self.value(BOOL)}:")
            self.block(indent, depth)
            self.lines.append(f"{indent}else:")
            self.block(indent, depth)
        elif what == 6:
            self.count += 1
            name = f"i{self.count}"
            self.lines.append(f"{indent}for {name} in range({self.value(INT)}):")
            self.variables.append((name, INT))
            self.block(indent, depth)
            self.variables.remove((name, INT))
        else:
            self.lines.append(f"{indent}while {self.value(BOOL)}:")
            self.block(indent, depth)

    def effect(self, indent: str) -> None:
        effects = [f"print({self.value(STR)})", f"assert {self.value(BOOL)}, {self.value(STR)}"]
        for name, kind in self.variables:
            if kind == LIST:
                effects.append(f"{name}.append({self.value(INT, 1)})")
            elif kind == TENSOR:
                effects.append(f"{name}.add_({self.value(TENSOR, 1)})")
        self.lines.append(indent + self.draw(st.sampled_from(effects)))

    def method(self, name: str, result: str, kinds: tuple[str, ...]) -> str:
        self.variables = [(f"a{it}", kind) for it, kind in enumerate(kinds)]
        given = "".join(f", {name}: {kind}" for name, kind in self.variables)
        self.lines = [f"def {name}(self{given}) -> {result}:"]
        self.statements("    ")
        self.lines.append(f"    return {self.value(result)}")
        return "\n".join(self.lines) + "\n"


@st.composite
def modules(draw: st.DrawFn) -> tuple[str, ...]:
    """Return the sources of methods, each of which may call those before it."""
    sources = []
    for number, (result, kinds) in enumerate(HELPERS):
        sources.append(Writing(draw, number).method(f"helper{number}", result, kinds))
    last = Writing(draw, len(HELPERS))
    return (*sources, last.method("forward", TENSOR, (TENSOR, INT, STR, LIST)))
