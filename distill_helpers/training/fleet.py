"""Many students in one stack: their parameters, and how one student's loss is mapped over all of them."""

import inspect

import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from distill_helpers.checks import InputError
from distill_helpers.models.outputs import FeatureDict, Outputs


def outputs_of(module: nn.Module, x, state=None) -> Outputs:
    """The module's Outputs for x; a module that knows nothing of features gives logits alone."""
    keywords = {"features": True} if "features" in inspect.signature(module.forward).parameters else {}
    result = module(x, **keywords) if state is None else functional_call(module, state, (x,), keywords)
    return result if isinstance(result, Outputs) else Outputs(result, FeatureDict())


def can_stack(module: nn.Module) -> bool:
    """False for layers that keep batch statistics (changed in place) or draw their own random numbers (dropout)."""
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.track_running_stats:
            return False
        if isinstance(layer, (nn.modules.dropout._DropoutNd, nn.RNNBase)) and getattr(layer, "p", 1) > 0:
            return False
    return getattr(module, "stackable", True)


class Student:
    """What a strategy sees of one student: a function of inputs, and its declared extras by name."""

    def __init__(self, skeletons, state):
        self._skeletons, self._state = skeletons, state

    def __call__(self, x) -> Outputs:
        """Logits and features for x, [B, ...]."""
        return outputs_of(self._skeletons["student"], x, self._state["student"])

    def parameters(self) -> dict[str, torch.Tensor]:
        """The student's trainable parameters by name, for penalties on the weights themselves."""
        trainable = dict(self._skeletons["student"].named_parameters())
        return {name: tensor for name, tensor in self._state["student"].items() if name in trainable}

    def extra(self, name: str, *inputs):
        """The declared extra network ``name`` applied to inputs."""
        if name not in self._skeletons or name == "student":
            declared = sorted(set(self._skeletons) - {"student"})
            raise InputError(f"extra {name!r} is not declared; this strategy declares {declared or 'none'}.")
        return functional_call(self._skeletons[name], self._state[name], inputs)


class Fleet:
    """Stacked parameters and buffers of ``count`` students and their extras, as {network: {name: [count, ...]}}."""

    def __init__(self):
        self.skeletons: dict[str, nn.Module] = {}
        self.params: dict[str, dict[str, torch.Tensor]] = {}
        self.buffers: dict[str, dict[str, torch.Tensor]] = {}
        self.count = 0

    def add(self, name: str, modules: list[nn.Module], device):
        """Stack one network of every student."""
        modules = [module.to(device).train() for module in modules]
        self.count = len(modules)
        self.params[name], self.buffers[name] = stack_module_state(modules)
        self.skeletons[name] = modules[0]

    def tensors(self, names) -> list[torch.Tensor]:
        """The stacked trainable tensors of the named networks."""
        return [p for name in names for p in self.params[name].values() if p.requires_grad]

    def state(self):
        """Parameters and buffers together, as a mapped call takes them."""
        return {name: {**self.params[name], **self.buffers[name]} for name in self.params}

    def snapshot(self):
        """A copy of every tensor, to go back to."""
        return {n: {k: t.detach().clone() for k, t in tensors.items()} for n, tensors in self.state().items()}

    @torch.no_grad()
    def restore(self, snapshot):
        """Put the tensors of a snapshot back."""
        for name, tensors in self.state().items():
            for key, tensor in tensors.items():
                tensor.copy_(snapshot[name][key])

    def mapped(self, one):
        """``one(state, inputs) -> {term: scalar}`` for one student, mapped over all: {term: [count]}.

        A single student is called directly: the same numbers without the cost of mapping.
        """
        if self.count > 1:
            return vmap(one, in_dims=(0, 0), randomness="error")

        def alone(state, inputs):
            first = torch.utils._pytree.tree_map(lambda t: t[0], (state, inputs))
            return {name: value.unsqueeze(0) for name, value in one(*first).items()}

        return alone

    @torch.no_grad()
    def predict(self, x, chunk=1000):
        """Logits [students, N, C] of the students, in evaluation mode, on the same inputs x [N, ...]."""
        skeleton = self.skeletons["student"]
        skeleton.eval()
        try:
            state = self.state()["student"]
            if self.count == 1:
                one = {name: tensor[0] for name, tensor in state.items()}
                return torch.cat([outputs_of(skeleton, part, one).logits for part in x.split(chunk)]).unsqueeze(0)
            call = vmap(lambda s, part: outputs_of(skeleton, part, s).logits, in_dims=(0, None))
            return torch.cat([call(state, part) for part in x.split(chunk)], 1)
        finally:
            skeleton.train()


def clip_values(grads: list, limit: float):
    """Cut every number of the gradients to [-limit, limit] (Mikolov 2012, thesis, section 3.2.2)."""
    for g in grads:
        if g is not None:
            g.clamp_(-limit, limit)


def clip_each(grads: list, limit: float):
    """Scale the gradients of each student so that its own norm is at most ``limit`` (Pascanu et al. 2013)."""
    present = [g for g in grads if g is not None]
    norms = torch.stack([g.flatten(1).square().sum(1) for g in present]).sum(0).sqrt()
    scale = (limit / (norms + 1e-6)).clamp(max=1.0)
    for g in present:
        g.mul_(scale.view(-1, *[1] * (g.dim() - 1)))
