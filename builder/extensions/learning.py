"""Operators of the user's own in desktop torch: loaded from libraries, or known by schema alone.

For child processes. A library may be a `.so`, or Python that registers operators when it is run.
`python -m builder.extensions.learning OWN` only tries: status 1 and the reason on stdout.
"""

import json
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch

_KEPT: Final[list[object]] = []
"""What holds definitions: torch forgets them together with it."""


def learn_operators(document: Mapping[str, Any]) -> None:
    """Load the libraries that a document names, and define what none of them has.

    It holds what `OwnOperators.document` says, among other things.

    Raise `ValueError` where a library has another schema, and whatever a library raises.
    """
    own = document.get("own", {"libraries": (), "schemas": ()})
    for library in own["libraries"]:
        if Path(library).suffix == ".py":
            _KEPT.append(runpy.run_path(library))
        else:
            torch.ops.load_library(library)  # type: ignore[no-untyped-call]
    for schema in own["schemas"]:
        _define(torch._C.parse_schema(schema), schema)  # noqa: SLF001  it has no other name


def _define(schema: Any, text: str) -> None:  # noqa: ANN401  a FunctionSchema, which has no stub
    known = torch._C._jit_get_schemas_for_operator(schema.name)  # noqa: SLF001  as above
    same = next((it for it in known if it.overload_name == schema.overload_name), None)
    if same is None:
        namespace, _, rest = text.partition("::")
        fragment = torch.library.Library(namespace, "FRAGMENT")  # type: ignore[no-untyped-call]
        fragment.define(rest)  # type: ignore[no-untyped-call]
        _KEPT.append(fragment)
    elif str(same) != str(schema):
        message = f"it defines {same}, and the C++ {schema}"
        raise ValueError(message)


def main(arguments: list[str]) -> int:
    """Try to learn the operators; return the exit status."""
    try:
        learn_operators(json.loads(arguments[0]))
    except Exception as error:  # noqa: BLE001  a library may raise anything
        first = str(error).strip().partition("\n")[0]
        sys.stdout.write(f"{type(error).__name__}: {first}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
