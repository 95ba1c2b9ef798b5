"""Two real libc++, which differ in their inline namespace, give the same portable names."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from builder.libtorch.closure.objects import read_object
from builder.libtorch.mangling import portable

CODE: Final = """
#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>
namespace net {
struct Node { std::map<std::string, std::vector<std::string>> rows; };
template <typename T> void each(const std::vector<T>& all, const std::function<void(T)>& call) {
  for (const T& one : all) call(one);
}
template void each(const std::vector<std::shared_ptr<Node>>&,
                   const std::function<void(std::shared_ptr<Node>)>&);
std::ostream& operator<<(std::ostream& out, const std::pair<std::string, Node*>& pair) {
  if (pair.second == nullptr) throw std::out_of_range(pair.first);
  return out << pair.first << pair.second->rows.size();
}
}
"""


def names(folder: Path, inline: str) -> frozenset[str]:
    """Return the symbols of the code compiled with a libc++ in the inline namespace."""
    source = folder / "code.cpp"
    source.write_text(CODE)
    command = [
        sys.executable, "-m", "ziglang", "c++", "-std=c++17", "-Os", "-fno-sanitize=undefined",
        "-Wno-macro-redefined", f"-D_LIBCPP_ABI_NAMESPACE={inline}", "-target", "aarch64-linux-gnu",
        "-c", source.name, "-o", f"{inline}.o",
    ]  # fmt: skip
    subprocess.run(command, cwd=folder, check=True)
    graph = read_object(folder / f"{inline}.o")
    edges = {it for row in graph.sections.values() for it in row.edges if isinstance(it, str)}
    return frozenset(graph.strong.keys() | graph.weak.keys() | edges)


def test_symbols_of_two_libraries_have_one_portable_name(tmp_path: Path) -> None:
    llvm, ndk = (names(tmp_path, inline) for inline in ("__1", "__ndk1"))
    assert sum("St3__1" in name for name in llvm) > 20
    assert not any("St3__1" in name for name in ndk)
    assert {*map(portable, llvm)} == {*map(portable, ndk)}
    assert len({*map(portable, llvm)}) == len(llvm)
