"""The losses in PyTorch and torchvision, eager: forward and backward with autograd, as one usually writes them.

A request is a line of JSON on standard input: {"folder": …, "shapes": {name: shape}, "options": {…}, "threads": [1, 2],
"milliseconds": t, "leastSamples": n}. The tensor `name` lies in folder/name as raw float32, labels as raw int32. The answer is
a line of JSON on standard output, {"loss": …, "timings": {threads: …}}; gradients go to folder/grad-name.
"""

import json
import math
import re
import statistics
import sys
import time

import numpy
import torch
import torch.nn.functional as F
import torchvision
from torchvision.models.detection.roi_heads import fastrcnn_loss

INPUTS_WITH_GRAD = ("classLogits", "boxDeltas", "maskLogits")
BETA_OF_FASTRCNN_LOSS = 1 / 9
WARM_UP_SECONDS = 0.05


def dice(logits, targets, eps=1e-6):
    p = torch.sigmoid(logits).flatten(1)
    y = targets.flatten(1)
    return (1 - (2 * (p * y).sum(1) + eps) / (p.sum(1) + y.sum(1) + eps)).mean()


def smoothed_bce(logits, targets, smoothing=0.05):
    return F.binary_cross_entropy_with_logits(logits, targets * (1 - smoothing) + smoothing / 2)


MASK_LOSSES = {"bce": F.binary_cross_entropy_with_logits, "dice": dice, "smoothed-bce": smoothed_bce}


def mask_loss(logits, targets, labels, kind):
    """As torchvision's maskrcnn_loss picks the label's channel; every RoI here is foreground."""
    if logits.shape[1] == 1:
        picked = logits[:, 0]
    else:
        picked = logits[torch.arange(labels.shape[0]), labels]
    if isinstance(kind, str):
        return MASK_LOSSES[kind](picked, targets)
    return sum(weight * MASK_LOSSES[name](picked, targets) for name, weight in kind.items())


def box_loss(deltas, targets, labels, beta):
    """As in fastrcnn_loss."""
    foreground = torch.where(labels > 0)[0]
    picked = deltas[foreground, labels[foreground]]
    return F.smooth_l1_loss(picked, targets[foreground], beta=beta, reduction="sum") / labels.numel()


def total_loss(t, options):
    labels, beta = t["labels"], options["beta"]
    terms = []
    if "classLogits" in t and "boxDeltas" in t and math.isclose(beta, BETA_OF_FASTRCNN_LOSS):
        terms += fastrcnn_loss(t["classLogits"], t["boxDeltas"].flatten(1), [labels], [t["boxTargets"]])
    else:
        if "classLogits" in t:
            terms.append(F.cross_entropy(t["classLogits"], labels))
        if "boxDeltas" in t:
            terms.append(box_loss(t["boxDeltas"], t["boxTargets"], labels, beta))
    if "maskLogits" in t:
        loss = mask_loss(t["maskLogits"], t["maskTargets"], t.get("maskLabels", labels), options["kind"])
        terms.append(loss if options["maskWeight"] == 1 else options["maskWeight"] * loss)
    return sum(terms[1:], terms[0])


def load(folder, shapes):
    tensors = {}
    for name, shape in shapes.items():
        is_labels = name in ("labels", "maskLabels")
        array = numpy.fromfile(f"{folder}/{name}", numpy.int32 if is_labels else numpy.float32)
        tensor = torch.from_numpy(array).reshape(shape)
        tensors[name] = tensor.long() if is_labels else tensor.requires_grad_(name in INPUTS_WITH_GRAD)
    return tensors


def timing(step, milliseconds, least_samples):
    """Microseconds: median and quartiles. Warmed up as timing.ts does."""

    def run_for(seconds, least):
        samples = []
        begin = time.perf_counter()
        while len(samples) < least or time.perf_counter() - begin < seconds:
            start = time.perf_counter()
            step()
            samples.append((time.perf_counter() - start) * 1e6)
        return samples

    run_for(WARM_UP_SECONDS, 3)
    samples = run_for(milliseconds / 1e3, least_samples)
    low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
    return {"median": median, "low": low, "high": high, "samples": len(samples)}


def answer(request):
    folder = request["folder"]
    tensors = load(folder, request["shapes"])
    leaves = {name: tensors[name] for name in INPUTS_WITH_GRAD if name in tensors}

    def step():
        for leaf in leaves.values():
            leaf.grad = None
        loss = total_loss(tensors, request["options"])
        loss.backward()
        return loss

    timings = {}
    for threads in request["threads"]:
        torch.set_num_threads(threads)
        timings[threads] = timing(step, request["milliseconds"], request["leastSamples"])
    loss = step().item()
    for name, leaf in leaves.items():
        leaf.grad.numpy().tofile(f"{folder}/grad-{name}")
    return {"loss": loss, "timings": timings}


def main():
    simd = re.search("CPU capability usage: (.*)", torch.__config__.show())
    versions = f"PyTorch {torch.__version__}, torchvision {torchvision.__version__}"
    print(json.dumps(f"{versions}, {simd[1] if simd else 'unknown instruction set'}"), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


main()
