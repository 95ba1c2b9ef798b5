"""What would make torch run something is refused before torch is there."""

import copy
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from builder.models.exported.problems import source_line
from builder.models.exported.vetting import vet
from builder.models.formats.archive import Archive
from builder.models.formats.faults import MalformedError
from tests.unit.models import forge as pickles
from tests.unit.models.exported import forge


def vetted(records: dict[str, bytes], *own: str) -> list[str]:
    data = pickles.archive(records)
    return [str(it) for it in vet(Archive(Path("net.pt2"), io.BytesIO(data)), own)]


def test_a_plain_program_passes() -> None:
    assert vetted(forge.records()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("collections", "OrderedDict"),
        ("torch._tensor", "_rebuild_from_type_v2"),
        ("torch._utils", "_rebuild_parameter"),
    ],
)
def test_samples_of_tensors_pass(name: str, value: str) -> None:
    samples = forge.samples(pickles.called(name, value))
    assert vetted(forge.records(**{"data/sample_inputs/model.pt": samples})) == []


@pytest.mark.parametrize(
    "place", ["data/sample_inputs/model.pt", "data/weights/model.pt", "data/constants/model.pt"]
)
def test_pickles_that_run_something_are_refused(place: str) -> None:
    bomb = forge.samples(pickles.called("os", "system", "true"))
    with pytest.raises(MalformedError, match=r"model\.pt: it refers to os\.system"):
        vetted(forge.records(**{place: bomb}))


def test_two_readers_of_a_pickle_cannot_disagree() -> None:
    damaged = forge.samples()[:-1]
    with pytest.raises(MalformedError, match="sample_inputs"):
        vetted(forge.records(**{"data/sample_inputs/model.pt": damaged}))


@pytest.mark.parametrize("kind", ["weights", "constants"])
def test_objects_are_refused_by_name(kind: str) -> None:
    records = forge.records()
    records[f"data/{kind}/model_{kind}_config.json"] = forge.payload(pickled=True)
    with pytest.raises(MalformedError, match=r"'layer\.weight' is an object"):
        vetted(records)


@pytest.mark.parametrize("file", ["opaque_obj_0", "custom_obj_0", "../weight_0", "tensor_0.pt"])
def test_objects_do_not_pass_as_tensors(file: str) -> None:
    records = forge.records()
    records["data/constants/model_constants_config.json"] = forge.payload(file=file)
    with pytest.raises(MalformedError, match="is an object"):
        vetted(records)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"guards_code": ["__import__('os')"]}, "guard that is no arithmetic"),
        ({"range_constraints": {"s0'); x": {}}}, "is no expression"),
        ({"range_constraints": {"exit()": {}}}, "size that is no arithmetic"),
        ({"values": {"x": forge.tensor("exit()")}}, "size that is no arithmetic"),
        ({"opset_version": {"a'b": 1}}, "a text that torch never writes"),
        ({"verifiers": ["a\nb"]}, "a text that torch never writes"),
    ],
)
def test_code_in_the_program_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(MalformedError, match=message):
        vetted(forge.records(forge.program(**change)))


@pytest.mark.parametrize(
    "target",
    [
        "torch.hub.load", "torch.ops.load_library", "_operator.attrgetter", "math.__class__",
        "torch.ops.aten.add.__class__", "torch.ops.aten.__class__", "torch.os.system", "#ext",
        "torch.ops.__class__.x.y", "builtins.eval", "torch.ops.aten.add.Tensor.x",
    ],
)  # fmt: skip
def test_targets_that_lead_elsewhere_are_refused(target: str) -> None:
    with pytest.raises(MalformedError, match="a call that torch never writes"):
        vetted(forge.records(forge.program(forge.node(target))))


@pytest.mark.parametrize(
    "node",
    [
        forge.node(name="x; import os"),
        forge.node(outputs=[{"as_tensor": {"name": "a b"}}]),
        forge.node(inputs=[{"name": "x", "arg": {"as_graph": {"name": "g()", "graph": {}}}}]),
        forge.node(metadata={"stack_trace": "File\r__import__('os')"}),
    ],
)
def test_names_that_would_become_code_are_refused(node: dict[str, Any]) -> None:
    with pytest.raises(MalformedError, match="torch never writes"):
        vetted(forge.records(forge.program(node)))


def test_texts_that_are_compared_with_inputs_stay_texts() -> None:
    constant = {"name": "mode", "value": {"as_string": "a' or __import__('os')"}}
    with pytest.raises(MalformedError, match="a text that torch never writes"):
        vetted(forge.records(forge.program(extra=[{"constant_input": constant}])))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (forge.structure(kind="collections.defaultdict"), r"hold a 'collections\.defaultdict'"),
        (forge.structure(kind="transformers.ModelOutput"), r"hold a 'transformers\.ModelOutput'"),
        (forge.structure(context='[{"__enum__": true, "fqn": "os:x"}]'), "a structure"),
        (forge.structure(context='["a\\"b"]'), "a text"),
        ("[2, {}]", "a structure"),
        ("no json", "a structure"),
        (forge.structure(3), "a structure"),
    ],
)
def test_structures_import_nothing(text: str, message: str) -> None:
    with pytest.raises(MalformedError, match=message):
        vetted(forge.records(forge.program(in_spec=text)))


HOSTILE: Final = "x'); __import__('os').system('true') #"
FREE: Final = frozenset({"as_string", "torch_version", "stack_trace"})
"""Keys of texts that torch quotes, shows, or only reads back."""


def texts_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to each text of a document."""
    match value:
        case str():
            yield path
        case dict():
            for key, it in value.items():
                yield from texts_of(it, (*path, key))
        case list():
            for place, it in enumerate(value):
                yield from texts_of(it, (*path, place))
        case _:
            pass


def every_text() -> dict[str, Any]:
    """Return a program that has every kind of text."""
    inner = forge.node("torch.ops.aten.add.Tensor")
    graph = {"as_graph": {"name": "g", "graph": {"nodes": [inner], "outputs": []}}}
    nodes = (
        forge.node(inputs=[forge.CALL, {"name": "mode", "arg": {"as_string": "floor"}, "kind": 1}]),
        forge.node("torch.ops.higher_order.cond", inputs=[{"name": "", "arg": graph}]),
        forge.node("_operator.add", outputs=[{"as_sym_int": {"as_name": "add"}}]),
    )
    constant = {"constant_input": {"name": "mode", "value": {"as_string": "a"}}}
    return forge.program(*nodes, verifiers=["TRAINING"], inputs=[constant])


@pytest.mark.parametrize(
    "path", list(texts_of(every_text())), ids=lambda it: ".".join(map(str, it))
)
def test_no_text_can_hold_code(path: tuple[Any, ...]) -> None:
    program = copy.deepcopy(every_text())
    holder = program
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = HOSTILE
    if path[-1] in FREE and "constant_input" not in path:
        assert vetted(forge.records(program)) == []
        return
    with pytest.raises(MalformedError):
        vetted(forge.records(program))


def test_other_devices_are_refused_with_what_to_do() -> None:
    with pytest.raises(MalformedError, match="for the device 'cuda'") as caught:
        vetted(forge.records(forge.program(values={"x": forge.tensor(2, device="cuda")})))
    assert "move_to_device_pass" in caught.value.hint


def test_compiled_packages_are_refused() -> None:
    records = forge.records(**{"data/aotinductor/model/net.so": b"\x7fELF"})
    with pytest.raises(MalformedError, match="AOTInductor"):
        vetted(records)


def test_one_program_is_expected() -> None:
    records = forge.records(**{"models/other.json": b"{}"})
    with pytest.raises(MalformedError, match=r"it holds models/model\.json, models/other\.json"):
        vetted(records)
    both = forge.records(**{"serialized_exported_program.json": b"{}"})
    with pytest.raises(MalformedError, match=r"it holds models/model\.json, serialized_exported"):
        vetted(both)
    del records["models/other.json"], records["models/model.json"]
    with pytest.raises(MalformedError, match="it holds no program"):
        vetted(records)


def test_nesting_is_bounded() -> None:
    deep: Any = []
    for _ in range(300):
        deep = [deep]
    with pytest.raises(MalformedError, match="nests deeper"):
        vetted(forge.records(forge.program(more=deep)))
    text = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises(MalformedError, match="is no JSON"):
        vetted(forge.records() | {"models/model.json": text})


def test_what_no_runtime_has_is_named_with_its_line() -> None:
    nodes = [
        forge.node("torch.ops.torchvision.nms.default", name="nms"),
        forge.node("torch.ops.higher_order.scan", name="scan"),
        forge.node("torch.ops.higher_order.cond", name="cond"),
    ]
    inner = forge.node("torch.ops.torch_scatter.sum.default", name="sum")
    nodes[2]["inputs"] = [
        {"name": "", "arg": {"as_graph": {"name": "g", "graph": {"nodes": [inner]}}}}
    ]
    where = " (net.py:7: x.relu())"
    assert vetted(forge.records(forge.program(*nodes))) == [
        f"node nms: torchvision::nms is an operator of an extension, not of PyTorch{where}",
        f"node scan: the higher-order operator scan has no counterpart in TorchScript{where}",
        f"node sum: torch_scatter::sum is an operator of an extension, not of PyTorch{where}",
    ]


def test_operators_of_the_users_own_are_those_that_are_told() -> None:
    nodes = [forge.node(f"torch.ops.shop.{it}.default", name=it) for it in ("tax", "price")]
    (found,) = vetted(forge.records(forge.program(*nodes)), "shop::tax", "shop::taxes")
    assert found.startswith("node price: shop::price is an operator of an extension")


def test_older_files_are_vetted_as_well() -> None:
    old = {
        "serialized_exported_program.json": json.dumps(forge.program()).encode(),
        "serialized_state_dict.pt": forge.samples(),
        "serialized_constants.pt": forge.samples(),
        "serialized_example_inputs.pt": b"",
        "version": b"8.2",
    }
    assert vetted(old) == []
    bomb = forge.samples(pickles.called("os", "system"))
    for place in ("serialized_constants.pt", "serialized_state_dict.json"):
        with pytest.raises(MalformedError, match=r"os\.system"):
            vetted(old | {place: bomb})


def test_the_users_line_is_told_not_torchs() -> None:
    trace = (
        'File "/home/me/net.py", line 7, in forward\n    y = self.layer(x)\n'
        'File "/lib/site-packages/torch/nn/linear.py", line 1, in forward\n    F.linear(x)\n'
        'File "<eval_with_key>.1", line 2, in forward\n    code'
    )
    assert source_line(trace) == "net.py:7: y = self.layer(x)"
    assert source_line("") == ""
