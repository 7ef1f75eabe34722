"""The losses in PyTorch and torchvision: forward and backward with autograd, as one usually writes them.

The first line on standard output tells the versions and, by name, what is absent and how to install it. Then each line of JSON
on standard input gets a line in answer. {"prepare": …} loads a case and runs it once on every lane: {lane: {"loss": …} or
{"absent": why}}, gradients in folder/grad-lane-name. {"prepareMatching": …} is the same of torchvision's Matcher, with the matches in
folder/matches. {"time": {"lanes": […], …}} times those: {lane: timing}. The tensor `name` lies in folder/name as raw float32,
labels and matches as raw int32, bitmaps as raw bytes.
"""

import json
import math
import re
import statistics
import sys
import time

try:
    import numpy
    import torch
    import torch.nn.functional as F
    import torchvision
    from torchvision.models.detection import roi_heads
    from torchvision.models.detection._utils import Matcher
    from torchvision.ops import box_iou
except ImportError:
    sys.exit(0)  # torch.ts tries another Python, and says how to install what is missing

from torch_lanes import absent_lanes, lanes_of

INPUTS_WITH_GRAD = ("classLogits", "boxDeltas", "maskLogits")
BETA_OF_FASTRCNN_LOSS = 1 / 9
WARM_UP_SECONDS = 0.05

# Mask targets come ready, or are made in `mask_targets`: of maskrcnn_loss what follows after it has cut them out.
project_masks_on_boxes = roi_heads.project_masks_on_boxes
roi_heads.project_masks_on_boxes = lambda targets, *_: targets


def dice(logits, targets, eps=1e-6):
    p = torch.sigmoid(logits).flatten(1)
    y = targets.flatten(1)
    return (1 - (2 * (p * y).sum(1) + eps) / (p.sum(1) + y.sum(1) + eps)).mean()


def smoothed_bce(logits, targets, smoothing=0.05):
    return F.binary_cross_entropy_with_logits(logits, targets * (1 - smoothing) + smoothing / 2)


MASK_LOSSES = {"bce": F.binary_cross_entropy_with_logits, "dice": dice, "smoothed-bce": smoothed_bce}


def mask_targets(t):
    if "gtMasks" not in t:
        return t["maskTargets"]
    return project_masks_on_boxes(t["gtMasks"], t["proposals"], t["matches"], t["maskLogits"].shape[-1])


def mask_loss(t, kind):
    """Halves are taken to float once the channel is picked, as autocast does. Every RoI that has a mask is foreground."""
    logits, targets, labels = t["maskLogits"], mask_targets(t), t.get("maskLabels", t["labels"])
    if kind == "bce" and logits.shape[1] > 1 and logits.dtype == torch.float32:
        return roi_heads.maskrcnn_loss(logits, [None], [targets], [labels], [slice(None)])
    picked = logits[:, 0] if logits.shape[1] == 1 else logits[torch.arange(labels.shape[0], device=labels.device), labels]
    if isinstance(kind, str):
        return MASK_LOSSES[kind](picked.float(), targets)
    return sum(weight * MASK_LOSSES[name](picked.float(), targets) for name, weight in kind.items())


def box_loss(t, beta):
    """As in fastrcnn_loss; the search for foreground waits for the GPU, which graphs cannot: they get what it finds."""
    labels = t["labels"]
    foreground = t["foreground"] if "foreground" in t else torch.where(labels > 0)[0]
    picked = t["boxDeltas"][foreground, labels[foreground]].float()
    return F.smooth_l1_loss(picked, t["boxTargets"][foreground], beta=beta, reduction="sum") / labels.numel()


def total_loss(t, options, cross_entropy=F.cross_entropy):
    labels, beta = t["labels"], options["beta"]
    is_torchvision = math.isclose(beta, BETA_OF_FASTRCNN_LOSS) and "foreground" not in t
    terms = []
    if "classLogits" in t and "boxDeltas" in t and is_torchvision and t["boxDeltas"].dtype == torch.float32:
        terms += roi_heads.fastrcnn_loss(t["classLogits"], t["boxDeltas"].flatten(1), [labels], [t["boxTargets"]])
    else:
        if "classLogits" in t:
            terms.append(cross_entropy(t["classLogits"].float(), labels))
        if "boxDeltas" in t:
            terms.append(box_loss(t, beta))
    if "maskLogits" in t:
        loss = mask_loss(t, options["kind"])
        terms.append(loss if options["maskWeight"] == 1 else options["maskWeight"] * loss)
    return sum(terms[1:], terms[0])


class Case:
    def __init__(self, request):
        self.folder, self.options = request["folder"], request["options"]
        self.device, self.bytes, self.cache = request["device"], request["bytes"], request["cache"]
        self.grad, self.grad_scale = request["grad"], request["gradScale"]
        self.dtype = getattr(torch, request["dtype"])
        self.shapes, self.ways = request["shapes"], request["ways"]

    def load(self, is_static=False):
        """The inputs, and their leaves. `is_static`: with the indices of foreground RoIs, which are then not searched for."""
        tensors = {}
        for name, shape in self.shapes.items():
            is_labels = name in ("labels", "maskLabels", "matches")
            dtype = numpy.int32 if is_labels else numpy.uint8 if name == "gtMasks" else numpy.float32
            array = numpy.fromfile(f"{self.folder}/{name}", dtype)
            tensor = torch.from_numpy(array).reshape(shape).to(self.device)
            if is_labels:
                tensors[name] = tensor.long()
            elif name in INPUTS_WITH_GRAD:
                tensors[name] = tensor.to(self.dtype).requires_grad_(self.grad)
            else:
                tensors[name] = tensor
        if is_static:
            tensors["foreground"] = torch.where(tensors["labels"] > 0)[0]
        return tensors, {name: tensors[name] for name in INPUTS_WITH_GRAD if name in tensors}

    def step(self, tensors, leaves, loss_of):
        """Returns the loss; gradients are in the leaves."""
        if not self.grad:
            with torch.no_grad():
                return loss_of(tensors, self.options)
        for leaf in leaves.values():
            leaf.grad = None
        loss = loss_of(tensors, self.options)
        (loss if self.grad_scale == 1 else loss * self.grad_scale).backward()
        return loss.detach()


def summary(samples):
    """Microseconds: median and quartiles, as statistics.ts has them."""
    low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
    return {"median": median, "low": low, "high": high, "samples": len(samples)}


def timing(sample, milliseconds, least_samples):
    """`sample` gives microseconds. Warmed up as timing.ts does."""

    def run_for(seconds, least):
        samples = []
        begin = time.perf_counter()
        while len(samples) < least or time.perf_counter() - begin < seconds:
            samples.append(sample())
        return samples

    run_for(WARM_UP_SECONDS, 3)
    return summary(run_for(milliseconds / 1e3, max(2, least_samples)))


def prepare(request):
    case = Case(request)
    lanes, answer = {}, {}
    for name, make in lanes_of(case, request["threads"], total_loss).items():
        try:
            lane = make()
            loss, leaves = lane.outcome()
            for leaf, tensor in leaves.items():
                if case.grad:
                    tensor.grad.float().cpu().numpy().tofile(f"{case.folder}/grad-{name}-{leaf}")
            answer[name] = {"loss": loss}
            lanes[name] = lane
        # Whatever a version of PyTorch lacks is told as such: an operation for a type, a compiler, memory.
        except Exception as error:
            answer[name] = {"absent": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"[:200]}
    return lanes, answer


class Matching:
    """torchvision's Matcher over the matrix of overlaps."""

    def __init__(self, request, threads):
        self.threads = threads
        self.matcher = Matcher(request["foreground"], request["background"], request["lowQuality"])
        names = ("gtBoxes", "boxes")
        arrays = [numpy.fromfile(f"{request['folder']}/{name}", numpy.float32) for name in names]
        self.objects, self.boxes = (torch.from_numpy(array).reshape(-1, 4) for array in arrays)

    def step(self):
        return self.matcher(box_iou(self.objects, self.boxes))

    def sample(self):
        torch.set_num_threads(self.threads)
        start = time.perf_counter()
        self.step()
        return (time.perf_counter() - start) * 1e6


def prepare_matching(request):
    lanes = {f"torch ×{n}": Matching(request, n) for n in request["threads"]}
    first = next(iter(lanes.values()))
    first.step().to(torch.int32).numpy().tofile(f"{request['folder']}/matches")
    return lanes, list(lanes)


def main():
    simd = re.search("CPU capability usage: (.*)", torch.__config__.show())
    versions = f"PyTorch {torch.__version__}, torchvision {torchvision.__version__}"
    description = f"{versions}, {simd[1] if simd else 'unknown instruction set'}"
    print(json.dumps({"description": description, "absent": absent_lanes(), "cuda": torch.cuda.is_available()}), flush=True)
    lanes = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "prepare" in request:
            lanes, answer = prepare(request["prepare"])
        elif "prepareMatching" in request:
            lanes, answer = prepare_matching(request["prepareMatching"])
        else:
            wanted = request["time"]
            effort = (wanted["milliseconds"], wanted["leastSamples"])
            answer = {name: timing(lanes[name].sample, *effort) for name in wanted["lanes"]}
            lanes = {}  # others want the memory
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        print(json.dumps(answer), flush=True)


main()
