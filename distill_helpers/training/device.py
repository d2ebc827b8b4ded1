"""Where and how precisely to compute."""

import contextlib

import torch

from distill_helpers.checks import InputError

_quiet = 0  # blocks of quiet_maps that stand open


def pick_device(device="auto") -> torch.device:
    """The device asked for, or the best one there is: CUDA, then MPS, then CPU.

    Raises InputError when the device asked for is not there or is not a device name.
    """
    if isinstance(device, torch.device):
        device = str(device)
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        wanted = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"device must be 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps', but {device!r} was given.") from error
    there = {"cpu": 1, "meta": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if (wanted.index or 0) >= there.get(wanted.type, 0):
        raise InputError(f"device {device!r} was given, but this machine has no such device; try device='auto'.")
    return wanted


def precision_context(device: torch.device, precision: str):
    """Autocast for the forward pass: bf16 on a GPU when asked for ("bf16") or when it is fast ("auto"), else float32.

    bf16 on a CPU without AMX or AVX512-BF16 is many times slower than float32, so "auto" never chooses it there.
    """
    wants_bf16 = precision == "bf16" or (
        precision == "auto" and device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
    )
    return torch.autocast(device.type, torch.bfloat16) if wants_bf16 else contextlib.nullcontext()


def allow_fast_matmul(device: torch.device):
    """TF32 matrix products on GPUs that have them; no effect elsewhere."""
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")


@contextlib.contextmanager
def quiet_maps():
    """torch does not warn inside the block that it maps an operation row by row: slower, and right."""
    global _quiet
    say = getattr(torch._C._functorch, "_set_vmap_fallback_warning_enabled", lambda wanted: None)
    _quiet += 1
    say(False)
    try:
        yield
    finally:
        _quiet -= 1
        say(_quiet == 0)


@contextlib.contextmanager
def exact_products():
    """Matrix products and convolutions in full single precision inside the block, so that two ways to the same number can be compared."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def synchronize(device: torch.device):
    """Wait for the device, so that a clock read next means something."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
