"""Write the headers and sources of every operator, as torchgen does for LibTorch."""

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

_SHARDS: Final = 2
_DECLARATION: Final = """\
#pragma once
#include <ATen/core/Tensor.h>

namespace at::_ops {{

struct TORCH_API {name} {{
  using schema = at::Tensor (const at::Tensor &);
  static constexpr const char* name = "aten::{name}";
  static constexpr const char* overload_name = "";
  static constexpr const char* schema_str = "{schema}";
  static at::Tensor call(const at::Tensor & self);
}};

}} // namespace at::_ops
"""
_NATIVE: Final = """\
#pragma once
#include <ATen/core/Tensor.h>

namespace at::native {{
at::Tensor {name}(const at::Tensor & self);
}} // namespace at::native
"""
_INCLUDES: Final = """\
#include <ATen/ops/{name}_native.h>
#include <ATen/ops/{name}_ops.h>
"""
_CALL: Final = """
at::Tensor at::_ops::{name}::call(const at::Tensor & self) {{
  return at::native::{name}(self);
}}
"""
_KERNEL: Final = """\
#include <ATen/native/Stubs.h>
#include <ATen/native/cpu/Loops.h>

#include <cmath>

namespace at::native {{
namespace {{

Tensor {name}_kernel(const Tensor& self) {{
  return map(self, [](auto value) {{ return {ufunc}; }});
}}

}} // namespace

REGISTER_DISPATCH({name}_stub, &{name}_kernel);

}} // namespace at::native
"""


@dataclass(frozen=True)
class Operator:
    name: str
    schema: str
    ufunc: str

    def fill(self, template: str) -> str:
        return template.format(name=self.name, schema=self.schema, ufunc=self.ufunc)


def read_operators(source: Path) -> tuple[Operator, ...]:
    rows = yaml.safe_load((source / "native" / "native_functions.yaml").read_text())
    return tuple(
        Operator(row["func"].partition("(")[0], row["func"], row.get("ufunc", "")) for row in rows
    )


def files(operators: tuple[Operator, ...]) -> Iterator[tuple[str, str]]:
    for it in operators:
        yield f"ops/{it.name}_ops.h", it.fill(_DECLARATION)
        yield f"ops/{it.name}_native.h", it.fill(_NATIVE)
        if it.ufunc:
            yield f"UfuncCPUKernel_{it.name}.cpp", it.fill(_KERNEL)
    for shard in range(_SHARDS):
        own = operators[shard::_SHARDS]
        texts = [it.fill(template) for template in (_INCLUDES, _CALL) for it in own]
        yield f"Operators_{shard}.cpp", "".join(texts)
    interned = "".join(f"_(aten, {it.name}) \\\n" for it in operators)
    yield "core/aten_interned_strings.h", f"#pragma once\n#define FORALL_ATEN(_) \\\n{interned}\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="torchgen")
    parser.add_argument("--source-path", type=Path, required=True)
    parser.add_argument("--install_dir", type=Path, required=True)
    parser.add_argument("--per-operator-headers", action="store_true", required=True)
    parser.add_argument("--backend_whitelist", nargs="*", required=True)
    parser.add_argument("--op_selection_yaml_path", type=Path, required=True)
    parser.add_argument("--static_dispatch_backend", nargs="*", required=True)
    options = parser.parse_args()
    nothing = options.op_selection_yaml_path.read_text()
    assert re.search("^include_all_operators: false$", nothing, re.MULTILINE)
    for name, text in files(read_operators(options.source_path)):
        path = options.install_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
