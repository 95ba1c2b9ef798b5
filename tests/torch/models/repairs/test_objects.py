"""Objects of scripted classes: lists stand in for them."""

from pathlib import Path
from typing import Optional

import pytest
import torch

from builder.models.conversion.repairs.graphs import codes_of
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
