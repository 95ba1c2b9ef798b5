"""Objects of scripted classes: lists stand in for them."""

from pathlib import Path
from typing import Optional

import pytest
import torch

from builder.models.conversion.repairs.graphs import codes_of, inline
from builder.models.conversion.repairs.stand_ins.objects import list_attributes
from tests.torch.models.repairs.converted import TORCH, convert, loaded


class Boxes:
    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor

    def __len__(self) -> int:
        return self.tensor.shape[0]

    def area(self) -> torch.Tensor:
        corners = self.tensor
        return (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])

    def clip(self, size: tuple[int, int]) -> None:
        self.tensor = torch.stack(
            [self.tensor[:, side].clamp(0, size[side % 2]) for side in range(4)], 1
        )


class Instances:
    """As detectors have it: boxes that come later, and fields by their names."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.boxes = TORCH.jit.annotate(Optional[Boxes], None)  # noqa: UP045  TorchScript
        self.fields = TORCH.jit.annotate(dict[str, torch.Tensor], {})


class Empty:
    def __init__(self) -> None:
        pass


class Detector(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = torch.nn.Linear(4, 4)

    def forward(self, x: torch.Tensor, images: int) -> tuple[list[torch.Tensor], int]:
        found = [Instances((10, 20 + image)) for image in range(images)]
        for image, instances in enumerate(found):
            boxes = Boxes(self.head(x + image) * 10)
            instances.boxes = boxes
            boxes.clip(instances.size)  # seen through the instances, too
            if image > 0:
                instances.fields["scores"] = boxes.area().sigmoid()
        by_size = {it.size[1]: it for it in found}
        areas: list[torch.Tensor] = []
        count = 0
        for size in range(19, 23):
            if size in by_size:
                boxes = by_size[size].boxes
                if boxes is not None:
                    areas.append(boxes.area())
                    count += len(boxes)
        for it in found:
            areas += list(it.fields.values())
        return areas, count


class Nothing(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        things = [Empty(), Empty()]
        return x + len(things)


class Answering(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> Boxes:
        return Boxes(x)


class Keeping(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.boxes = Boxes(torch.zeros(1, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made = Boxes(x)
        return made.area() + self.boxes.area()


class Ranked:
    def __init__(self, score: int, tensor: torch.Tensor) -> None:
        self.score = score
        self.tensor = tensor

    def __lt__(self, other: "Ranked") -> bool:
        return self.score < other.score


class Sorting(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = [Ranked(2, x), Ranked(1, x + 1)]
        found.sort()
        return found[0].tensor


class Sorted(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pairs = [(Ranked(2, x), 1), (Ranked(1, x + 1), 2)]
        return sorted(pairs)[0][0].tensor  # noqa: FURB192  another operator than min


class Formatting(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, str]:
        return x, f"found {Empty()}"


class Percent(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, str]:
        return x, "found %s" % Empty()  # noqa: UP031  another operator than format


class Texting(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, str]:
        return x, str([Empty()])


class Hashing(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, int]:
        return x, hash(Empty())


class Identifying(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, int]:
        return x, id(Empty())


def test_a_detector_answers(tmp_path: Path) -> None:
    converted = convert(TORCH.jit.script(Detector()), tmp_path)
    for images in (0, 1, 3):
        converted.agree_on(torch.rand(5, 4), images)
    name = f"{__name__}.{{}} became a list (once)"
    assert converted.told() == [
        f"object of class {name.format('Boxes')}", f"object of class {name.format('Instances')}"
    ]  # fmt: skip


def test_objects_without_attributes_are_counted(tmp_path: Path) -> None:
    convert(TORCH.jit.script(Nothing()), tmp_path).agree_on(torch.rand(2))


@pytest.mark.parametrize("made", [Answering, Keeping])
def test_objects_that_leave_a_method_stay(made: type[torch.nn.Module], tmp_path: Path) -> None:
    (code,) = codes_of(loaded(TORCH.jit.script(made()), tmp_path))
    assert not list_attributes(code)


@pytest.mark.parametrize(
    "made", [Sorting, Sorted, Formatting, Percent, Texting, Hashing, Identifying]
)
def test_objects_that_operators_ask_for_their_class_stay(
    made: type[torch.nn.Module], tmp_path: Path
) -> None:
    (code,) = codes_of(loaded(TORCH.jit.script(made()), tmp_path))
    inline(code.graph)
    assert not list_attributes(code)
