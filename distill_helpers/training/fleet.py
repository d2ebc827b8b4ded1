"""Many students in one stack: their parameters, and how one student's loss is mapped over all of them.

Students stand in lanes. A lane is a stream of batches, and each lane holds the same number of arms, which see the same batches.
Stacked tensors are [lanes · arms, ...], all arms of the first lane first. ``distill`` has one arm in each lane.
"""

import copy

import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from distill_helpers.checks import InputError
from distill_helpers.models.outputs import Outputs, outputs_of
from distill_helpers.training.device import quiet_maps


class WeightsWanted(Exception):
    """A strategy asked for the student's weights where they were left out."""


class Student:
    """What a strategy sees of one student: a function of inputs, and its declared extras by name."""

    def __init__(self, skeletons, state, known=None):
        """known: (x, Outputs) where the trainer has asked this student about x already; then ``state`` may lack the student itself, and
        WeightsWanted is raised where it is asked for.
        """
        self._skeletons, self._state = skeletons, state
        self._known, self._known_for, self.used_known, self.used_weights = known, state, False, False

    def _weights(self) -> dict[str, torch.Tensor]:
        self.used_weights = True
        if "student" not in self._state:
            raise WeightsWanted
        return self._state["student"]

    def __call__(self, x) -> Outputs:
        """Logits and features for x, [B, ...]."""
        if self._known is not None and x is self._known[0] and self._state is self._known_for and torch.is_grad_enabled():
            self.used_known = True
            return self._known[1]
        return outputs_of(self._skeletons["student"], x, self._weights())

    def parameters(self) -> dict[str, torch.Tensor]:
        """The student's trainable parameters by name, for penalties on the weights themselves."""
        trainable = {name for name, p in self._skeletons["student"].named_parameters() if p.requires_grad}
        return {name: tensor for name, tensor in self._weights().items() if name in trainable}

    def extra(self, name: str, *inputs):
        """The declared extra network ``name`` applied to inputs."""
        if name not in self._skeletons or name == "student":
            declared = sorted(set(self._skeletons) - {"student"})
            raise InputError(f"extra {name!r} is not declared; this strategy declares {declared or 'none'}.")
        return functional_call(self._skeletons[name], self._state[name], inputs)


class Fleet:
    """Stacked parameters and buffers of students and their extras, as {network: {name: [count, ...]}}.

    A tensor that a module holds under two names (tied weights) is kept once. An extra may belong to some arms only, and then has
    fewer rows than there are students.
    """

    def __init__(self):
        self.skeletons: dict[str, nn.Module] = {}
        self.clean: dict[str, nn.Module] = {}  # copies that are never called, since a forward may leave things in a module
        self.params: dict[str, dict[str, torch.Tensor]] = {}
        self.buffers: dict[str, dict[str, torch.Tensor]] = {}
        self.count = 0

    def add(self, name: str, modules: list[nn.Module], device):
        """Stack one network of every student."""
        modules = [module.to(device).train() for module in modules]
        if name == "student":
            self.count = len(modules)
        self.params[name], self.buffers[name] = stack_module_state(modules)
        self.skeletons[name], self.clean[name] = modules[0], copy.deepcopy(modules[0])

    def tensors(self, names) -> list[torch.Tensor]:
        """The stacked trainable tensors of the named networks."""
        return [p for name in names for p in self.params[name].values() if p.requires_grad]

    def state(self):
        """Parameters and buffers together, as a mapped call takes them."""
        return {name: {**self.params[name], **self.buffers[name]} for name in self.params}

    def module(self, i: int, name: str = "student") -> nn.Module:
        """The i-th row of a network as a plain module of its own, in evaluation mode."""
        module = copy.deepcopy(self.clean[name])
        rows = self.state()[name]
        with torch.no_grad():
            for key, tensor in [*module.named_parameters(), *module.named_buffers()]:
                tensor.copy_(rows[key][i])
        return module.eval()

    def snapshot(self):
        """A copy of every tensor, to go back to."""
        return {n: {k: t.detach().clone() for k, t in tensors.items()} for n, tensors in self.state().items()}

    @torch.no_grad()
    def restore(self, snapshot):
        """Put the tensors of a snapshot back. Raises InputError when they are of other students."""
        for name, tensors in self.state().items():
            for key, tensor in tensors.items():
                if tensor.shape != snapshot[name][key].shape:
                    raise InputError(f"{name}'s {key} is {list(tensor.shape)}, but {list(snapshot[name][key].shape)} was kept.")
                tensor.copy_(snapshot[name][key])

    @torch.no_grad()
    def finite(self) -> torch.Tensor:
        """bool [students]: whose weights are all finite, extras that every student has included."""
        whole = [p for params in self.params.values() for p in params.values() if len(p) == self.count and p.is_floating_point()]
        return torch.stack([p.isfinite().reshape(len(p), -1).all(1) for p in whole]).all(0)

    @torch.no_grad()
    def predict(self, x, chunk=1000):
        """Logits [students, N, ...] of the students, in evaluation mode, on the same inputs x [N, ...]. Raises InputError for inputs
        that the student cannot take.
        """
        skeleton = self.skeletons["student"]
        skeleton.eval()
        with quiet_maps():
            return self._predict(skeleton, x, chunk)

    def _predict(self, skeleton, x, chunk):
        try:
            state = self.state()["student"]
            kind = next(p.dtype for p in self.params["student"].values() if p.is_floating_point())
            x = x.to(kind) if x.is_floating_point() else x
            if self.count == 1:
                one = {name: tensor[0] for name, tensor in state.items()}
                return torch.cat([outputs_of(skeleton, part, one).logits for part in x.split(chunk)]).unsqueeze(0)
            call = vmap(lambda s, part: outputs_of(skeleton, part, s).logits, in_dims=(0, None))
            return torch.cat([call(state, part) for part in x.split(chunk)], 1)
        except RuntimeError as error:
            raise InputError(f"the students cannot take inputs of shape {tuple(x.shape[1:])}: {error}") from error
        finally:
            skeleton.train()


def mapped(one, lanes: int, arms: int = 1):
    """``one(state, inputs, numbers)`` for one student, mapped over lanes, and over the arms of each lane.

    state: [lanes, ...], or [lanes, arms, ...] for more than one arm. inputs: [lanes, ...], the same for all arms of a lane.
    numbers: [lanes] for one arm, else [arms]. A lone lane or arm is called directly: the same numbers without the cost of mapping.
    """
    over_arms = one if arms == 1 else vmap(one, in_dims=(0, None, 0), randomness="error")
    if lanes > 1:
        return vmap(over_arms, in_dims=(0, 0, 0 if arms == 1 else None), randomness="error")

    def alone(state, inputs, numbers):
        state, inputs = torch.utils._pytree.tree_map(lambda t: t[0], (state, inputs))
        numbers = {name: value[0] for name, value in numbers.items()} if arms == 1 else numbers
        return torch.utils._pytree.tree_map(lambda t: t.unsqueeze(0), over_arms(state, inputs, numbers))

    return alone


def clip_values(grads: list, limit: float):
    """Cut every number of the gradients to [-limit, limit] (Mikolov 2012, thesis, section 3.2.2)."""
    for g in grads:
        if g is not None:
            g.clamp_(-limit, limit)


def clip_each(grads: list, limit: float, count: int | None = None, owners: list | None = None):
    """Scale the gradients of each student so that its own norm is at most ``limit`` (Pascanu et al. 2013).

    A student's norm covers its extras too. count: of students; as many as a gradient has rows, unless said. owners: for each gradient
    the student of each of its rows, int64, or None where row i belongs to student i.
    """
    owners = owners or [None] * len(grads)
    present = [(g, rows) for g, rows in zip(grads, owners, strict=True) if g is not None]
    count = len(present[0][0]) if count is None else count
    squares = [(g.reshape(len(g), -1).square().sum(1), rows) for g, rows in present]
    total = torch.stack([s if rows is None else s.new_zeros(count).index_copy(0, rows, s) for s, rows in squares]).sum(0)
    scale = (limit / (total.sqrt() + 1e-6)).clamp(max=1.0)
    for g, rows in present:
        g.mul_((scale if rows is None else scale[rows]).view(-1, *[1] * (g.dim() - 1)))
