"""Operations that make the host wait for the device, noted as they are called."""

from torch.utils._python_dispatch import TorchDispatchMode


class Waits(TorchDispatchMode):
    """``seen``: the names of the operations, called inside ``with``, whose answer the host must wait for."""

    waits = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "item", "masked_select", "unique")

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if any(function.__name__.startswith(w) for w in self.waits):
            self.seen.append(function.__name__)
        return function(*args, **(kwargs or {}))
