"""Proved on a sample, before the first step: that a student can be called, trained, stacked, taken out again and written to a file."""

import copy

import torch
from torch import nn
from torch.func import stack_module_state, vmap

from distill_helpers.checks import InputError
from distill_helpers.data.seeded import draws
from distill_helpers.models.outputs import Outputs, outputs_of
from distill_helpers.training.device import exact_products, quiet_maps
from distill_helpers.training.fleet import Fleet
from distill_helpers.training.randomness import seeded


def sample_of(pool, dtype: torch.dtype, rows: int = 4) -> torch.Tensor:
    """The first view of the first few examples, [rows, ...]; a smaller pool is repeated, since batch statistics need two examples."""
    index = torch.arange(rows, device=pool.device) % len(pool)
    x = pool.inputs(torch.zeros_like(index), index)
    return x.to(dtype) if x.is_floating_point() else x


def float_type(module: nn.Module) -> torch.dtype:
    """The type of the student's weights. Raises InputError for half precision, which single updates of the weights would round away."""
    kinds = {p.dtype for p in module.parameters() if p.is_floating_point()}
    if not kinds:
        raise InputError("the model has no trainable parameters.")
    wrong = kinds - {torch.float32, torch.float64}
    if wrong or len(kinds) > 1:
        raise InputError(f"student must have weights in float32 (or all in float64), but {', '.join(sorted(map(str, kinds)))} was given; "
                         f'for speed use Recipe(precision="bf16").')  # fmt: skip
    return kinds.pop()


def proved(module: nn.Module, pool, batch_size: int) -> Outputs:
    """The student's Outputs for a few examples, in evaluation mode, after the proofs. Raises InputError for whatever does not work."""
    if not any(p.requires_grad for p in module.parameters()):
        raise InputError("the model has no trainable parameters.")
    sparse = [name for name, layer in module.named_modules() if getattr(layer, "sparse", False)]
    if sparse:
        raise InputError(f"student must have dense gradients, but its layer {sparse[0]!r} was made with sparse=True; leave that out.")
    x = sample_of(pool, float_type(module))
    out = _answers(module, x.clone())
    check_shapes(out.logits, pool, "student")
    if not out.logits.isfinite().all():
        raise InputError("student gives NaN or infinite logits before any training; look at its initialisation and at the data's scale.")
    _trains(copy.deepcopy(module), x.clone(), batch_size)
    _comes_back(module, x, out)
    return out


def check_shapes(logits: torch.Tensor, pool, who: str):
    """Raise InputError unless logits [B, ..., C] fit the pool's classes and labels."""
    classes = getattr(pool, "classes", None)
    labels = pool.labels
    if not isinstance(labels, torch.Tensor) or labels.is_floating_point():
        if classes and logits.dim() == 2 and logits.shape[-1] != classes:
            raise InputError(f"{who} has {logits.shape[-1]} classes, but the data have {classes}.")
        return
    if classes and logits.shape[-1] != classes:
        raise InputError(f"{who} has {logits.shape[-1]} classes, but the data have {classes}; logits are [B, ..., classes], and shape "
                         f"{tuple(logits.shape)} was given.")  # fmt: skip
    if logits.shape[1:-1] != labels.shape[1:]:
        raise InputError(f"{who} answers {tuple(logits.shape[1:-1])} places an example, but the labels have {tuple(labels.shape[1:])}: logits of "
                         f"shape {tuple(logits.shape)} beside labels of shape {tuple(labels.shape)}.")  # fmt: skip


def _answers(module, x) -> Outputs:
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            return outputs_of(module, x)
    except (RuntimeError, IndexError, TypeError, AssertionError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"student cannot take inputs of shape {tuple(x.shape[1:])}: {error}") from error
    finally:
        module.train(was_training)


def _trains(module, x, batch_size: int):
    """One forward pass in training mode on as many examples as a batch has, where that matters."""
    rows = x[:1] if batch_size == 1 else x
    try:
        with seeded(0, "proof"):
            outputs_of(module.train(), rows)
    except ValueError as error:
        if isinstance(error, InputError) or "more than 1 value per channel" not in str(error):
            raise
        raise InputError("batch_size must be at least 2 for a student with batch normalisation, which needs the spread over a batch, but 1 was "
                         "given.") from error  # fmt: skip
    except RuntimeError as error:
        raise InputError(f"student cannot take inputs of shape {tuple(x.shape[1:])} in training mode: {error}") from error


def _comes_back(module, x, out: Outputs):
    """A fleet of one gives back a module that answers as this one does, and whose weights have names and may be stored."""
    whole, seen = copy.deepcopy(module).train(), x.clone()
    kept = {name: b.clone() for name, b in whole.named_buffers()}
    state = {**{name: p.detach().clone() for name, p in whole.named_parameters()}, **kept}
    with torch.no_grad():
        with seeded(0, "proof", device=x.device):
            outputs_of(copy.deepcopy(module).train(), seen, dict(state))
        if not torch.equal(seen, x):
            raise InputError("student changes its inputs in place, which all others in the step see too; use inplace=False in its first layer.")
        with seeded(0, "proof", device=x.device):
            outputs_of(whole, x.clone())
    lost = [name for name, b in whole.named_buffers() if not torch.equal(b, kept[name])]
    if lost:
        raise InputError(f"student's forward puts a new tensor in the place of its buffer {lost[0]!r}; change it in place (copy_, lerp_, mul_), so "
                         f"that the change is kept.")  # fmt: skip
    fleet = Fleet()
    fleet.add("student", [copy.deepcopy(module)], x.device)
    again = _answers(fleet.module(0), x)
    if not torch.equal(again.logits, out.logits):
        raise InputError("student gives other answers when it is built again from its parameters and buffers; keep everything that it "
                         "depends on in parameters or buffers, and draw no random numbers in evaluation mode.")  # fmt: skip


@exact_products()
def check_alike(modules: list[nn.Module], pool):
    """Raise InputError where a student depends on more than its parameters and buffers: with the weights of another one it must answer as
    that one does.
    """
    if len(modules) < 2 or modules[0] is modules[1]:
        return
    x = sample_of(pool, float_type(modules[0]))
    wanted, other = _answers(modules[1], x), copy.deepcopy(modules[0])
    theirs = {**dict(modules[1].named_parameters()), **dict(modules[1].named_buffers())}
    with torch.no_grad():
        for name, tensor in [*other.named_parameters(), *other.named_buffers()]:
            tensor.copy_(theirs[name])
    if [p.requires_grad for p in modules[0].parameters()] != [p.requires_grad for p in modules[1].parameters()]:
        raise InputError("student() must freeze the same weights at each call, but requires_grad differs.")
    if not torch.equal(_answers(other, x).logits, wanted.logits):
        raise InputError("student() draws something that is neither parameter nor buffer, and on which its answers depend; keep it in a buffer "
                         "(register_buffer), so that each student has its own.")  # fmt: skip


def draws_random_numbers(module: nn.Module, pool) -> bool:
    """Whether a forward pass in training mode draws from a global generator, as dropout does from torch's."""
    module, x = copy.deepcopy(module).train(), sample_of(pool, float_type(module))
    with torch.no_grad():
        return draws(lambda: outputs_of(module, x), x.device)[0]


@quiet_maps()
@exact_products()
def why_not_stacked(module: nn.Module, pool) -> str:
    """Why students like this one cannot be trained in one stack; an empty string where they can.

    Decided by trying: one mapped forward and backward pass in training mode, each student on its own sample, whose answers and gradients
    must be those of each on its own; then the same in evaluation mode. A student may also say so itself with ``stackable = False``.
    """
    if not getattr(module, "stackable", True):
        return "the student says so (stackable = False)"
    x = sample_of(pool, float_type(module))
    if _changes_buffers(copy.deepcopy(module).train(), x):
        return "a forward pass changes its buffers (batch statistics, for example)"
    if draws_random_numbers(module, pool):
        return "it draws random numbers in its forward pass (dropout, for example)"
    pair = [copy.deepcopy(module).train() for _ in range(2)]
    inputs = torch.stack([x, x.flip(0)])
    params, buffers = stack_module_state(pair)
    skeleton = pair[0]
    kinds = [p.requires_grad for p in params.values()]

    def one(p, b, x):
        return outputs_of(skeleton, x, {**p, **b}).logits

    def slopes(logits, tensors):
        # unequal weights, so that no gradient vanishes by symmetry
        weights = torch.linspace(0.5, 1.5, logits.shape[-1], dtype=logits.dtype, device=logits.device)
        wanted = [p for p, needs in zip(tensors.values(), kinds, strict=True) if needs]
        found = torch.autograd.grad((logits.softmax(-1) * weights).sum(), wanted, allow_unused=True)
        return [torch.zeros_like(p) if g is None else g for p, g in zip(wanted, found, strict=True)]

    try:
        logits = vmap(one, randomness="error")(params, buffers, inputs)
        together = [logits, *slopes(logits, params)]
        apart = []
        for i in range(2):
            mine = {name: p[i].detach().requires_grad_(p.requires_grad) for name, p in params.items()}
            alone = one(mine, {name: b[i] for name, b in buffers.items()}, inputs[i])
            apart.append([alone, *slopes(alone, mine)])
        skeleton.eval()
        with torch.no_grad():
            together.append(vmap(one, randomness="error")(params, buffers, inputs))
            for i in range(2):
                apart[i].append(one({n: p[i] for n, p in params.items()}, {n: b[i] for n, b in buffers.items()}, inputs[i]))
    except InputError:
        raise
    except Exception as error:  # whatever a mapped call cannot do
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if "randomness" in str(error):
            first = "it draws random numbers in its forward pass (dropout, for example)"
        return first
    for tensors in zip(together, *apart, strict=True):
        both, each = tensors[0].float(), torch.stack([t.float() for t in tensors[1:]])
        scale = each.abs().amax().clamp(min=1e-3)
        if not torch.allclose(both / scale, each / scale, rtol=1e-3, atol=1e-4):
            return "a mapped pass gives other answers or gradients than the students on their own"
    return ""


def _changes_buffers(module, x) -> bool:
    before = {name: b.clone() for name, b in module.named_buffers()}
    with seeded(0, "proof", device=x.device), torch.no_grad():
        outputs_of(module, x)
    after = dict(module.named_buffers())
    return before.keys() != after.keys() or any(not torch.equal(b, after[name]) for name, b in before.items())


def forward_work(module: nn.Module, pool) -> int:
    """About how many floating-point operations one example's forward pass takes: two for each weight and each place where it is used.

    Counted at the modules that hold weights of their own; quick, and the same on every machine. For choosing a number of threads.
    """
    total, hooks, x = [0], [], sample_of(pool, float_type(module))

    def count(layer, inputs, output):
        weights = sum(p.numel() for p in layer.parameters(recurse=False) if p.dim() > 1)
        first = output[0] if isinstance(output, (tuple, list)) and output else output
        out = first.numel() if isinstance(first, torch.Tensor) else 1
        rows = max((p.shape[0] for p in layer.parameters(recurse=False) if p.dim() > 1), default=1)
        total[0] += 2 * weights * max(1, out // rows)

    for layer in module.modules():
        if any(p.dim() > 1 for p in layer.parameters(recurse=False)):
            hooks.append(layer.register_forward_hook(count))
    try:
        _answers(module, x)
    finally:
        for hook in hooks:
            hook.remove()
    return total[0] // len(x)


def check_builds(modules: list[nn.Module]):
    """Raise InputError unless the builder made a new student each time, of one architecture."""
    storages: dict = {}
    for number, module in enumerate(modules):
        for name, p in module.named_parameters():
            owner = storages.setdefault(p.data_ptr() if p.numel() else id(p), number)
            if owner != number:
                raise InputError(f"student() must build a new network at each call, but two calls gave the same weights ({name}); write "
                                 f"`lambda: Net(...)`, not `lambda: net`.")  # fmt: skip
    shapes = [{name: tuple(p.shape) for name, p in [*m.named_parameters(), *m.named_buffers()]} for m in modules]
    if any(s != shapes[0] for s in shapes):
        raise InputError("student() must build the same architecture at each call, but the shapes of the weights differ.")


