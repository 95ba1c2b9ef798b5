"""`nms` and `roi_align` of torchvision for desktop torch, written from their definitions.

They are slow, and need nothing but torch. With torchvision at hand, its own are used.
"""

from importlib import import_module
from importlib.util import find_spec

import torch
from torch import Tensor

NMS = "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
ROI_ALIGN = (
    "roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height,"
    " SymInt pooled_width, int sampling_ratio, bool aligned) -> Tensor"
)


def nms(dets: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Return the places of the boxes [N, 4] that no better one overlaps, the best one first."""
    left = scores.argsort(descending=True, stable=True)
    kept: list[int] = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(int(best))
        low = torch.maximum(dets[best, :2], dets[left, :2])
        high = torch.minimum(dets[best, 2:], dets[left, 2:])
        both = (high - low).clamp(min=0).prod(1)
        union = area(dets[best]) + area(dets[left]) - both
        left = left[~(both / union > iou_threshold)]
    return torch.tensor(kept, dtype=torch.long)


def area(boxes: Tensor) -> Tensor:
    """Return the area of boxes whose last dimension has the corners x1, y1, x2, y2."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def roi_align(  # noqa: PLR0917  as torchvision has it
    input: Tensor,  # noqa: A002  as torchvision has it
    rois: Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,  # noqa: FBT001  as torchvision has it
) -> Tensor:
    """Return [K, C, bins down, bins across]: each bin is the mean of samples of the feature map."""
    answers: list[Tensor] = []
    for roi in rois:
        image = input[int(roi[0])]
        shift = 0.5 if aligned else 0.0
        x1, y1, x2, y2 = (roi[1:] * spatial_scale - shift).unbind()
        down = places(y1, y2, pooled_height, sampling_ratio, aligned=aligned)
        across = places(x1, x2, pooled_width, sampling_ratio, aligned=aligned)
        bins = [samples(image, y, x).sum((1, 2)) / max(len(y) * len(x), 1)
                for y in down for x in across]  # fmt: skip
        answers.append(torch.stack(bins, 1).unflatten(1, (pooled_height, pooled_width)))
    if not answers:
        return input.new_empty(0, input.shape[1], pooled_height, pooled_width)
    return torch.stack(answers)


def places(begin: Tensor, end: Tensor, bins: int, ratio: int, *, aligned: bool) -> list[Tensor]:
    """Return where each bin is sampled along one axis."""
    size = end - begin if aligned else (end - begin).clamp(min=1)
    step = size / bins
    count = ratio if ratio > 0 else max(int(step.ceil()), 0)
    within = (torch.arange(count, dtype=begin.dtype) + 0.5) * step / max(count, 1)
    return [begin + number * step + within for number in range(bins)]


def samples(image: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Return the bilinear samples [C, len(y), len(x)]; more than a cell outside all is zero."""
    height, width = image.shape[1:]
    inside = ((y >= -1) & (y <= height))[:, None] & ((x >= -1) & (x <= width))[None]
    y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    top, left = y.long(), x.long()
    bottom, right = (top + 1).clamp(max=height - 1), (left + 1).clamp(max=width - 1)
    down, across = (y - top)[:, None], (x - left)[None]
    upper = image[:, top][:, :, left] * (1 - across) + image[:, top][:, :, right] * across
    lower = image[:, bottom][:, :, left] * (1 - across) + image[:, bottom][:, :, right] * across
    return (upper * (1 - down) + lower * down) * inside


if find_spec("torchvision") is not None:
    import_module("torchvision")  # it registers its operators
elif not hasattr(torch.ops.torchvision, "nms"):
    LIBRARY = torch.library.Library("torchvision", "FRAGMENT")
    LIBRARY.define(NMS)
    LIBRARY.define(ROI_ALIGN)
    LIBRARY.impl("nms", nms, "CPU")
    LIBRARY.impl("roi_align", roi_align, "CPU")
