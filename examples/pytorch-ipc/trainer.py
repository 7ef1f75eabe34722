"""The PyTorch side: makes a head's outputs on the GPU, hands them over without a copy, and takes the gradients back.

Prints one line of JSON with the handles of its tensors, reads one with the handles of the gradients, and compares these with
its own, by autograd. Speaks to the driver through ctypes: `_share_cuda_` of a storage is private to PyTorch.
"""

import ctypes
import json
import sys

import torch
import torch.nn.functional as F

cuda = ctypes.CDLL("libcuda.so.1")
DTYPES = {torch.float32: "float32", torch.int32: "int32"}


class IpcHandle(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_ubyte * 64)]


def check(status, what):
    if status != 0:
        raise RuntimeError(f"{what} failed with CUresult {status}")


def share(tensor):
    """PyTorch puts many tensors into one allocation; a handle is of the whole."""
    base, size, handle = ctypes.c_uint64(), ctypes.c_size_t(), IpcHandle()
    address = ctypes.c_uint64(tensor.data_ptr())
    check(cuda.cuMemGetAddressRange_v2(ctypes.byref(base), ctypes.byref(size), address), "cuMemGetAddressRange")
    check(cuda.cuIpcGetMemHandle(ctypes.byref(handle), base), "cuIpcGetMemHandle")
    return {
        "handle": bytes(handle.bytes).hex(),
        "offset": tensor.data_ptr() - base.value,
        "shape": list(tensor.shape),
        "dtype": DTYPES[tensor.dtype],
    }


def open_shared(shared):
    """A copy of what another process shares."""
    handle, base = IpcHandle((ctypes.c_ubyte * 64)(*bytes.fromhex(shared["handle"]))), ctypes.c_uint64()
    check(cuda.cuIpcOpenMemHandle_v2(ctypes.byref(base), handle, 1), "cuIpcOpenMemHandle")
    copy = torch.empty(shared["shape"], device="cuda")
    size = ctypes.c_size_t(copy.numel() * 4)
    check(cuda.cuMemcpy(ctypes.c_uint64(copy.data_ptr()), base, size), "cuMemcpy")
    check(cuda.cuIpcCloseMemHandle(base), "cuIpcCloseMemHandle")
    return copy


def main():
    torch.manual_seed(1)
    rois, classes = 128, 81
    labels = torch.randint(1, classes, (rois,), device="cuda")
    tensors = {
        "classLogits": torch.randn(rois, classes, device="cuda"),
        "maskLogits": torch.randn(rois, classes, 28, 28, device="cuda"),
        "maskTargets": torch.rand(rois, 28, 28, device="cuda").round(),
        "labels": labels.int(),
    }
    torch.cuda.synchronize()
    print(json.dumps({name: share(tensor) for name, tensor in tensors.items()}), flush=True)

    theirs = json.loads(sys.stdin.readline())
    leaves = [tensors[name].requires_grad_() for name in ("classLogits", "maskLogits")]
    picked = tensors["maskLogits"][torch.arange(rois, device="cuda"), labels]
    loss = F.cross_entropy(leaves[0], labels) + F.binary_cross_entropy_with_logits(picked, tensors["maskTargets"])
    loss.backward()
    errors = {
        name: ((open_shared(theirs["grads"][name]) - leaf.grad).abs().max() / leaf.grad.abs().max()).item()
        for name, leaf in zip(("classLogits", "maskLogits"), leaves)
    }
    print(json.dumps({"loss": loss.item(), "errors": errors}), flush=True)


main()
