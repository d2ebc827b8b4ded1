"""Linear layers with the initialisations that the models use."""

from torch import nn


class HeLinear(nn.Linear):
    """A linear layer for ReLU networks: weights normal with variance 2 / fan_in (He et al. 2015, eq. 10), biases zero."""

    def reset_parameters(self):
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
        if self.bias is not None:
            nn.init.zeros_(self.bias)


class ZeroLinear(nn.Linear):
    """A linear layer that starts at zero, so that a residual block starts as the identity (Zhang et al. 2019, Fixup)."""

    def reset_parameters(self):
        nn.init.zeros_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
