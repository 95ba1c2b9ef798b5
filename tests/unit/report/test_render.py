from builder.report.difference import compare
from builder.report.render import to_text
from builder.vocabulary.sizes import SizeReport
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.sizes import make_report


def report() -> SizeReport:
    rows = [("libc++.a(locale.o)", 900_000), ("c10/a.cpp.o", 90_000), ("x.o", 10_000)]
    operators = {"aten::conv2d": 40_000, "aten::relu": 2000}
    target = make_target(Platform.ANDROID, Abi.X86)
    return make_report(target, 1_000_000, 400_000, rows=rows, operators=operators)


def test_text_shows_sizes_shares_and_what_is_left_out() -> None:
    text = to_text(report(), top=1)
    assert text.splitlines()[:5] == [
        "Size of the runtime for android24-x86",
        "",
        "  stripped      1,000,000 bytes",
        "  download~       400,000 bytes   (estimate: the file deflated)",
        "",
    ]
    components = text[text.index("components") :].splitlines()
    assert components[1].split() == ["libc++.a(locale.o)", "900,000", "90.0%"]
    assert components[2].split() == ["(2", "more)", "100,000", "10.0%"]


def test_text_shows_what_each_operator_costs_and_who_asks_for_it() -> None:
    lines = to_text(report(), top=1).splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("operators"))
    assert [line.split() for line in lines[first : first + 5]] == [
        ["operators", "alone", "with", "others"],
        ["aten::conv2d", "40,000", "0", "net"],
        ["(1", "more)", "2,000"],
        ["shared", "by", "several", "operators", "0"],
        ["fixed", "core", "958,000"],
    ]


def test_a_library_without_operators_has_no_table_of_them() -> None:
    target = make_target(Platform.LINUX, Abi.X86)
    assert "operators" not in to_text(make_report(target, 10, 5))


def test_text_tells_what_changed_and_why() -> None:
    target = make_target(Platform.ANDROID, Abi.X86)
    base = make_report(target, 900_000, 400_000, operators={"aten::relu": 2000})
    text = to_text(report(), difference=compare(report(), base))
    assert "+100,000 bytes since the base of 900,000" in text
    assert "  operators added by model net: aten::conv2d" in text
    changed = text[text.index("operators that changed") :].splitlines()
    assert changed[1].split() == ["aten::conv2d", "+40,000", "added", "by", "net"]


def test_long_names_keep_their_end() -> None:
    rows = [("pytorch/" + "deep/" * 20 + "file.cpp.o", 10)]
    text = to_text(make_report(make_target(Platform.LINUX, Abi.X86), 10, 5, rows=rows))
    (line, *_) = (line for line in text.splitlines() if "file.cpp.o" in line)
    assert line.startswith("  …")
    assert len(line.split()[0]) == 60
