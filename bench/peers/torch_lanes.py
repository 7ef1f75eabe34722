"""The ways in which PyTorch runs a step: on the CPU by number of threads; on CUDA eager, in a graph, compiled."""

import functools
import importlib.util
import time

import torch

COPIES_AT_MOST = 32


def has(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


OPTIONAL = {
    "torch.compile": (lambda: hasattr(torch, "compile"), "needs PyTorch 2: pip install 'torch>=2' torchvision"),
    "PyTorch on CUDA": (torch.cuda.is_available, "pip install torch torchvision, with a GPU"),
    "Liger": (lambda: has("liger_kernel"), "pip install liger-kernel"),
    "apex": (
        lambda: has("apex.contrib.xentropy"),
        "pip install --no-build-isolation --config-settings '--build-option=--cpp_ext --cuda_ext --xentropy'"
        " git+https://github.com/NVIDIA/apex",
    ),
}


def absent_lanes():
    """By name: how to install it."""
    return {name: how for name, (is_there, how) in OPTIONAL.items() if not is_there()}


class OnCpu:
    def __init__(self, case, threads, loss_of):
        self.threads = threads
        self.tensors, self.leaves = case.load()
        self.step = functools.partial(case.step, self.tensors, self.leaves, loss_of)
        torch.set_num_threads(threads)

    def outcome(self):
        torch.set_num_threads(self.threads)
        return self.step().item(), self.leaves

    def sample(self):
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)
        start = time.perf_counter()
        self.step()
        return (time.perf_counter() - start) * 1e6


class OnCuda:
    """Steps over copies of the inputs that are together larger than three times the L2, timed by events."""

    def __init__(self, case, loss_of, is_static=False, in_graph=False):
        copies = max(1, min(COPIES_AT_MOST, -(-3 * case.cache // case.bytes)))
        free, _ = torch.cuda.mem_get_info()
        self.flush = torch.empty(3 * case.cache, dtype=torch.uint8, device="cuda")
        self.steps = []
        while len(self.steps) < copies:
            tensors, leaves = case.load(is_static)
            step = functools.partial(case.step, tensors, leaves, loss_of)
            if in_graph:
                step = self.captured(step)
            self.steps.append(step)
            if len(self.steps) == 1:
                self.leaves = leaves
                step()
                each = max(1, free - torch.cuda.mem_get_info()[0])
                copies = max(1, min(copies, free // 4 // each))

    @staticmethod
    def captured(step):
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss = step()

        def replay():
            graph.replay()
            return loss

        return replay

    def outcome(self):
        loss = self.steps[0]().item()
        return loss, self.leaves

    def sample(self):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        # The first copies may still be in the L2, and the host is to be ahead.
        self.flush.zero_()
        torch.cuda._sleep(1_000_000)
        start.record()
        for step in self.steps:
            step()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) * 1e3 / len(self.steps)


def on_cuda(case, loss_of):
    lanes = {}
    if "eager" in case.ways:
        lanes["torch eager"] = lambda: OnCuda(case, loss_of)
    if "graph" in case.ways:
        lanes["torch CUDA graph"] = lambda: OnCuda(case, loss_of, is_static=True, in_graph=True)
    if "compile" in case.ways and hasattr(torch, "compile"):
        torch._dynamo.reset()  # or it gives up after some shapes, and runs eagerly without a word
        compiled = torch.compile(loss_of, dynamic=False)
        lanes["torch.compile"] = lambda: OnCuda(case, compiled, is_static=True)
        lanes["torch.compile, CUDA graph"] = lambda: OnCuda(case, compiled, is_static=True, in_graph=True)
    if "eager" not in case.ways or set(case.shapes) != {"classLogits", "labels"}:
        return lanes
    if has("liger_kernel"):

        def liger():
            from liger_kernel.transformers import LigerCrossEntropyLoss

            return OnCuda(case, lambda t, _: LigerCrossEntropyLoss()(t["classLogits"], t["labels"]))

        lanes["Liger"] = liger
    if has("apex.contrib.xentropy"):

        def apex():
            from apex.contrib.xentropy import SoftmaxCrossEntropyLoss

            # No smoothing; no label is padding; half to float.
            def loss(t, _):
                return SoftmaxCrossEntropyLoss.apply(t["classLogits"], t["labels"], 0.0, -100, True).mean()

            return OnCuda(case, loss)

        lanes["apex"] = apex
    return lanes


def lanes_of(case, threads, loss_of):
    """By name, what makes the lane."""
    if case.device == "cuda":
        return on_cuda(case, loss_of)
    return {f"torch ×{n}": functools.partial(OnCpu, case, n, loss_of) for n in threads}
