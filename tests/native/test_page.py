"""The page of a size report in a real browser: what it shows, how it is used, no error of its own.

axe-core checks accessibility where npm can get it. Where not, its test is skipped and says so.
"""

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from builder.report.page import Compared, to_html
from builder.vocabulary.sizes import SizeReport, SymbolRow
from builder.vocabulary.targets import Abi, Platform, make_target
from tests.sizes import make_report

pytestmark = pytest.mark.slow
"""CI has no browser."""

STEPS: Final = Path(__file__).with_name("browser") / "steps.js"
CATCH: Final = """<script>
window.pageErrors = [];
window.addEventListener("error", (event) => window.pageErrors.push(String(event.message)));
console.error = (...words) => window.pageErrors.push(words.join(" "));
</script>"""
X86: Final = make_target(Platform.LINUX, Abi.X86_64)
SCHEMES: Final = {"dark": 0, "light": 1}


def report(most: int) -> SizeReport:
    """Return a report of several files and two operators."""
    names = ("c10/file_{}.cpp.o", "libc++.a(file_{}.o)")
    rows = [(names[number % 2].format(number), 1000 * number) for number in range(1, most)]
    total = sum(size for _, size in rows)
    made = make_report(
        X86, total, total // 2, rows=rows, operators={"aten::add": 2000, "aten::mm": 0}
    )
    symbols = [
        SymbolRow(".text", name, f"kernel_{number}", int(size == 2000), size, size)
        for number, (name, size) in enumerate(rows, 1)
    ]
    return replace(made, symbols=tuple(symbols))


@pytest.fixture(scope="module")
def open_page(
    tmp_path_factory: pytest.TempPathFactory, require: Callable[[str], Path]
) -> Callable[..., Any]:
    """Return what opens a page in a headless browser, uses it, and tells what was there."""
    chromium = require("chromium")

    def run(page: str, *scripts: str, scheme: str = "light") -> Any:
        folder = tmp_path_factory.mktemp("page")
        own = "".join(f"<script>{it}</script>" for it in (*scripts, STEPS.read_text()))
        text = page.replace("<style>", CATCH + "<style>", 1).replace("</body>", own + "</body>")
        (folder / "page.html").write_text(text, encoding="utf-8")
        words = [
            str(chromium), "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1280,1000",
            "--virtual-time-budget=20000", f"--user-data-dir={folder / 'profile'}",
            f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}", "--dump-dom",
            (folder / "page.html").as_uri(),
        ]  # fmt: skip
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=180)
        answer = re.search(r'<pre id="answer">(.*?)</pre>', done.stdout, re.DOTALL)
        assert answer, done.stdout[-2000:]
        return json.loads(html.unescape(answer[1]))

    return run


def test_the_page_is_used_without_an_error(open_page: Callable[..., Any]) -> None:
    made = report(12)
    found = open_page(to_html([Compared(made)]))
    assert found["errors"] == []
    assert found["start"]["path"] == ["linux-x86_64"]
    assert f"{made.stripped:,} bytes installed" in found["start"]["summary"]
    assert found["start"]["area"] == pytest.approx(1, abs=0.01)
    assert found["moved"] == 1
    assert len(found["zoomed"]["path"]) == 2
    assert found["zoomed"]["focused"]
    assert found["back"] == ["linux-x86_64"]
    assert found["matches"]
    assert all("kernel_7" in it for it in found["matches"])
    assert (found["sorted"], found["order"]) == (sorted(found["sorted"]), "ascending")
    assert set(found["operators"]) == {"fixed core", "aten::add"}
    assert found["installed"] == made.stripped
    assert found["download"] == pytest.approx(made.download, rel=0.01)
    assert f"net needs {made.stripped:,}" in found["needed"]


def test_a_base_adds_a_column_of_differences(open_page: Callable[..., Any]) -> None:
    found = open_page(to_html([Compared(report(12), report(11))]))
    assert found["errors"] == []
    assert "+11,000 bytes to the base" in found["start"]["summary"]
    assert {row[0]: row[3] for row in found["start"]["rows"]} == {"libc++": "+11,000", "c10": "0"}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_page_is_accessible(scheme: str, open_page: Callable[..., Any], tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm to get axe-core with")
    words = [npm, "install", "--no-audit", "--no-fund", "axe-core@4"]
    if subprocess.run(words, cwd=tmp_path, capture_output=True, check=False).returncode:
        pytest.skip("npm cannot get axe-core")
    axe = (tmp_path / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    page = to_html([Compared(report(12), report(11))])
    found = open_page(page, axe.replace("</script", "<\\/script"), scheme=scheme)
    assert found["errors"] == []
    assert found["axe"] == []
