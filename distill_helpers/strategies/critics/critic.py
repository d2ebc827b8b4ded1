"""The critic: a small network that scores how much an answer looks like the teacher's."""

import torch
from torch import nn
from torch.nn import functional as F

from distill_helpers.checks import InputError


class Critic(nn.Module):
    """Scores answers [B, classes], seen on their own or beside the images x they belong to, as logits of "this is the teacher's".

    The answer passes two hidden layers of leaky ReLUs (slope 0.2): φ(p). The score is u·φ(p), and with ``inputs`` > 0 also
    φ(p)·ψ(x), ψ two layers on the flattened image: the projection critic of Miyato & Koyama, "cGANs with Projection
    Discriminator", ICLR 2018, eq. 3. With ``labels`` > 0 it also guesses the class from φ(p), as the auxiliary classifier of
    Odena, Olah & Shlens 2017. There is no batch normalisation and no dropout, so critics stack like students.

    forward(answers, x) -> [..., B, 1 + labels], scores first, for answers [..., B, classes] to the same images.
    forward(None) -> (Σ|w|, Σw²) over its weights, biases not counted.
    """

    def __init__(self, classes: int, inputs: int = 0, labels: int = 0, hidden: int = 64):
        super().__init__()
        self.inputs = inputs
        self.answer, self.mix, self.score = nn.Linear(classes, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, 1 + labels)
        self.image = nn.Sequential(nn.Linear(inputs, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, hidden)) if inputs else None

    def forward(self, answers, x=None):
        if answers is None:
            weights = [layer.weight for layer in self.modules() if isinstance(layer, nn.Linear)]
            return sum(w.abs().sum() for w in weights), sum(w.square().sum() for w in weights)
        seen = F.leaky_relu(self.mix(F.leaky_relu(self.answer(answers), 0.2)), 0.2)
        scores = self.score(seen)
        if self.image is None:
            return scores
        x = x.flatten(1)
        if x.shape[1] != self.inputs:
            raise InputError(f"inputs must be {x.shape[1]} for these images, but {self.inputs} was given.")
        fits = (seen * self.image(x)).sum(-1, keepdim=True)
        return torch.cat([scores[..., :1] + fits, scores[..., 1:]], -1)
