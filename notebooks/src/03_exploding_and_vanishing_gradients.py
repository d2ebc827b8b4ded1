# %% [markdown]
# # 03 · Exploding and vanishing gradients
#
# **You will be able to** measure signals and gradients in any layer, predict their growth per layer before you train, and say whether size, depth or initialisation is at fault when a net does not learn.
# **You need** backpropagation and [01](01_counting_the_big_mlp.ipynb). **Time:** about a minute to run on a 2-core CPU, 75 minutes to teach. **Claims tested:** C10, C14, C15.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
import distill_helpers as dh
from distill_helpers import measure
from distill_helpers.measure import mean_field
from distill_helpers.models import PlainMLP
from distill_helpers.models.activations import ACTIVATIONS
from distill_helpers.strategies import HardLabels

dh.start(seed=0)

# %% [markdown]
# ## Follow a gradient down the layers
#
# Forty layers of 128 tanh neurons, on real digits, before any training. Keep every layer's output, send the loss backward, and look at the gradient that arrives at each. Its size for one example is the norm over neurons; take the
# root mean square over the batch.

# %%
digits = dh.load_digits()
x, y = digits.train.x[:64].flatten(1), digits.train.labels[:64]

def summed_loss(logits):
    return torch.nn.functional.cross_entropy(logits, y, reduction="sum")

def gradient_norms(net):
    h, kept = x, []
    for number in range(1, net.depth + 1):
        h = net.layer(number, h)
        kept.append(h)
    gradients = torch.autograd.grad(summed_loss(net.head(h)), kept)
    return torch.stack([g.square().sum(1).mean().sqrt() for g in gradients])

# %% [markdown]
# *Prediction:* with weights of standard deviation gain/√128, a small gain makes the gradient vanish on its way down, a large one makes it explode. Where is the border?

# %%
colours = dict(zip(ACTIVATIONS, dh.show.PALETTE))

def deep_net(gain, activation="tanh", depth=40, width=128, seed=0, **more):
    torch.manual_seed(seed)
    return PlainMLP(784, width, depth, 10, activation, gain=gain, **more)

# %%
fig, ax = plt.subplots(figsize=(7, 3.2))
for gain in (0.5, 0.8, 1.0, 1.5, 3.0):
    ax.semilogy(range(1, 41), gradient_norms(deep_net(gain)), label=f"gain {gain:g}")
ax.set(xlabel="hidden layer", ylabel="size of the gradient there")
ax.legend(ncols=5, fontsize=8)
dh.figure(fig, alt="Size of the gradient at each of forty layers on a logarithmic axis, for five gains: straight lines that fall towards "
          "the input for gains below one and rise towards it for gains above one.")

# %% [markdown]
# Straight lines on a logarithmic axis: each layer multiplies by about the same factor. The package does the same with hooks, for any module, and leaves the model as it was. Check once that it agrees; from here on it measures.

# %%
net = deep_net(1.5)
as_modules = torch.nn.Sequential(*[m for layer in net.hidden for m in (layer, torch.nn.Tanh())], net.head)
probe = measure.layer_norms(as_modules, x, summed_loss, kinds=(torch.nn.Tanh,))
print("the notebook's norms equal the package's:", torch.allclose(probe.gradient, gradient_norms(net)))

# %% [markdown]
# ## Predict it
#
# A wide random layer adds up many independent numbers, so its pre-activations are normal with some variance *q*. Mean-field theory (Schoenholz et al. 2017) follows two numbers from layer to layer: *q* itself, and the factor
# χ = gain² · E[φ′(√q z)²] by which the squared gradient grows on its way down. z is standard normal.

# %%
def chi(q, slope, gain, samples=2_000_000):
    z = torch.randn(samples, dtype=torch.double)
    return gain**2 * slope(q**0.5 * z).square().mean()

# %%
drawn = chi(1.0, lambda h: 1 - h.tanh() ** 2, 1.5)
exact = mean_field.gradient_factor(1.0, torch.tanh, 1.5)
print("drawing samples and the package's integral agree to one percent:", bool(abs(drawn / exact - 1) < 0.01))

# %% [markdown]
# χ = 1 is the border between vanishing and exploding. Measure the growth in nets of width 512 with 20 layers, five seeds each, at six gains and four activations. Every image is scaled to the same size, so that *q* begins at gain².
# *Prediction:* within ten percent of theory.

# %%
unit = (x / x.square().mean(1, keepdim=True).sqrt()).double()  # double precision: 0.25 to the 40th is small

def measured_growth(activation, gain, seed):
    net = deep_net(gain, activation, depth=20, width=512, seed=seed).double()
    linear = {f"{i}": layer for i, layer in enumerate(net.hidden)}
    return measure.layer_norms(net, unit, summed_loss, layers=linear).growth()

def predicted_growth(activation, gain):
    _, factors = mean_field.predict(ACTIVATIONS[activation], gain, depth=20, first=gain**2)
    return factors[:-1].log().mean().exp().item()

# %%
gains = (0.25, 0.5, 1.0, 2**0.5, 2.0, 4.0)
found = {a: np.array([[measured_growth(a, g, seed) for seed in range(5)] for g in gains]) for a in ACTIVATIONS}
theory = {a: np.array([predicted_growth(a, g) for g in gains]) for a in ACTIVATIONS}

# %%
fine = np.geomspace(0.22, 4.5, 25)
fig, ax = plt.subplots(figsize=(7.5, 4))
for a in ACTIVATIONS:
    ax.loglog(fine, [predicted_growth(a, g) for g in fine], color=colours[a], lw=1, label="linear" if a == "none" else a)
    ax.loglog(gains, found[a], "o", ms=4, alpha=0.5, color=colours[a])
ax.axhline(1, color="black", lw=0.8)
ax.text(0.23, 1.5, "explodes", fontsize=9)
ax.text(0.23, 0.45, "vanishes", fontsize=9)
ax.set_xticks(gains, ["0.25", "0.5", "1", "√2", "2", "4"])
ax.minorticks_off()
ax.set(xlabel="gain", ylabel="growth of the squared gradient per layer", title="lines: mean-field theory; dots: five measured nets")
ax.legend()
dh.figure(fig, alt="Growth of the squared gradient per layer against gain, on two logarithmic axes, for four activations: the measured dots "
          "lie on the predicted lines, which cross one at gain 1 for linear and tanh and near 1.4 for ReLU and GELU.")

# %%
for a in ("tanh", "relu", "none"):
    print(f"{a:5} measured within ten percent of theory at every gain:", bool(np.abs(found[a].mean(1) / theory[a] - 1).max() < 0.1))

# %% [markdown]
# GELU at gain √2 is the exception. There the signal neither grows nor settles, so small deviations of a finite net decide which way it goes. Theory holds where the signal has a fate of its own.
#
# A constant growth of the average hides something. How does the whole net stretch space in different directions?

# %% [markdown]
# ## The whole spectrum
#
# Take the Jacobian from the first hidden layer to the thirtieth, all singular values. *Prediction:* at the critical gain the average is right, but Gaussian weights still crush most directions and stretch a few. Orthogonal
# weights should not: that is dynamical isometry (Pennington et al. 2017).

# %%
def spectrum(gain, init):
    net = deep_net(gain, depth=30, init=init).double()
    with torch.no_grad():
        start = 0.1 * net.layer(1, unit[:1])  # small signals, where tanh is close to linear
    return measure.jacobian_spectrum(net.trunk, start)[0]

kinds = {"gain 0.7, Gaussian": (0.7, "gaussian"), "gain 1, Gaussian": (1.0, "gaussian"), "gain 1, orthogonal": (1.0, "orthogonal"),
         "gain 1.5, Gaussian": (1.5, "gaussian")}
spectra = {name: spectrum(*kind) for name, kind in kinds.items()}

# %%
fig, ax = plt.subplots(figsize=(7, 3.4))
for name, values in spectra.items():
    ax.semilogy(range(1, 129), values.clamp(min=1e-20), label=name)
ax.set(xlabel="singular value, largest first", ylabel="size", ylim=(1e-15, 1e4))
ax.legend(fontsize=8)
dh.figure(fig, alt="All 128 singular values of four end-to-end Jacobians on a logarithmic axis: Gaussian weights fall over many orders of "
          "magnitude at every gain, orthogonal weights at gain one stay level near one.")

# %%
spread = {name: (values[0] / values[63]).item() for name, values in spectra.items()}
print("Gaussian weights at gain 1: the largest is over 50 times the middle one:", spread["gain 1, Gaussian"] > 50)
print("orthogonal weights at gain 1: it is less than twice the middle one:", spread["gain 1, orthogonal"] < 2)

# %% [markdown]
# ## Move it
#
# Depth, gain and activation, evaluated as you drag. Look for settings where the signal is healthy and the gradient is not: tanh at a high gain.

# %%
def draw_norms(depth=40, gain=1.5, activation="tanh"):
    net = deep_net(gain, activation, depth)
    probe = measure.layer_norms(net, x[:32], lambda z: torch.nn.functional.cross_entropy(z, y[:32], reduction="sum"),
                                layers={f"{i}": m for i, m in enumerate(net.hidden)})
    fig, axes = plt.subplots(1, 2, figsize=(8, 2.9))
    for ax, values, label in zip(axes, (probe.signal, probe.gradient), ("signal", "gradient")):
        ax.plot(range(1, depth + 1), values.clamp(min=1e-30).log10(), color=colours[activation])
        ax.set(xlabel="hidden layer", ylabel=f"log10 of the {label}'s size", title=f"{label}: {activation}, gain {gain:g}")
    return fig

# %%
dh.figure(draw_norms(), alt="Two panels over forty hidden layers at gain 1.5 with tanh: the signal stays level, the gradient grows steadily "
          "towards the input.")

# %%
dh.explore(draw_norms, alt="Signal and gradient by layer", depth=dh.Slider(2, 100, 40), gain=dh.Slider(0.25, 4.0, 1.5, step=0.05),
           activation=dh.Choice(("tanh", "relu", "gelu", "none")))

# %% [markdown]
# ## Does it matter for learning?
#
# Train forty layers of 64 at gain 0.5, 1 and 3. Beside them, two layers of 211 neurons at the same bad gains: as many parameters, but shallow. Plain gradient descent with momentum, the same rate for all, five seeds.
# *Prediction:* depth and gain decide, the number of parameters does not.

# %%
def train(width, depth, gain):
    return dh.distill(lambda: PlainMLP(784, width, depth, 10, "tanh", init="orthogonal", gain=gain), None, views, HardLabels(),
                      seeds=range(5), recipe=dh.Recipe(steps=400, lr=0.02, optimizer="sgd", on_divergence="go on"))

views = dh.make_views(digits.train, views=8, shift=2)
sizes = {"deep, gain 0.5": (64, 40, 0.5), "deep, gain 1": (64, 40, 1.0), "deep, gain 3": (64, 40, 3.0), "wide, gain 0.5": (211, 2, 0.5),
         "wide, gain 3": (211, 2, 3.0)}
runs = {name: train(*size) for name, size in sizes.items()}
print({name: f"{run.parameters:,}" for name, run in runs.items()})

# %% tags=["nbval-ignore-output"]
fig, ax = plt.subplots(figsize=(7.5, 3.6))
for number, (name, run) in enumerate(runs.items()):
    smooth = run.history["hard"].unfold(0, 10, 10).mean(-1)
    ax.plot(range(5, 400, 10), smooth, color=dh.show.PALETTE[number], lw=0.8, label=[name] + ["_"] * 4)
ax.set(xlabel="step", ylabel="training loss", ylim=(0, 3.2))
ax.legend(fontsize=8, ncols=2)
dh.figure(fig, alt="Training loss against step, five seeds of each net: the deep nets at gain 0.5 and 3 stay at the loss of guessing, the "
          "deep net at gain 1 and both wide nets fall.")

# %% tags=["nbval-ignore-output"]
right = {name: measure.accuracy(run.predict(digits.test), digits.test.labels) for name, run in runs.items()}
for name, values in right.items():
    print(f"{name:15} test accuracy {values.mean():.3f} (seeds from {values.min():.3f} to {values.max():.3f})")

# %%
def above(name, level):
    return dh.interval(right[name] - level)

def below(name, level):
    return dh.interval(level - right[name])

c14 = dh.first_edition("C14", "03").judge(
    stated=[dh.measured("at gain 0.5, 212,000 parameters in two wide layers fail as well", below("wide, gain 0.5", 0.5)),
            dh.measured("at gain 3, 212,000 parameters in two wide layers fail as well", below("wide, gain 3", 0.5))],
    corrected=[dh.measured("forty layers fail at gain 0.5, where gradients vanish", below("deep, gain 0.5", 0.5)),
               dh.measured("forty layers fail at gain 3, where gradients explode", below("deep, gain 3", 0.5)),
               dh.measured("the same forty layers learn at the critical gain", above("deep, gain 1", 0.7))])

# %% [markdown]
# ## How deep can a plain net be?
#
# Nets of 2 to 64 layers of 64 ReLU neurons, well initialised: plain, with layer normalisation, with residual connections, with both. One budget of 400 Adam steps, five seeds. This is a recorded run; one setting is run
# again here. *Prediction:* plain is as good as any while it is shallow.

# %%
from distill_helpers.course.records import agrees
from distill_helpers.course.lessons.exploding_and_vanishing_gradients import records_depth as depths, records_rates as rates

depth_record = dh.read_record(depths.__name__)
live = [row | {"kind": "plain", "depth": 4} for row in depths.run({"kind": "plain", "depth": 4})]
agrees(depth_record, live, on=["kind", "depth", "seed"], tolerance={"accuracy": 0.03})
print(f"{len(depth_record)} nets recorded; those run again agree to three points")

# %%
fig, ax = plt.subplots(figsize=(7, 3.6))
for number, kind in enumerate(depths.KINDS):
    table = depth_record[depth_record.kind == kind].pivot(index="depth", columns="seed", values="accuracy")
    ax.plot(table.index, table, "o", ms=3, alpha=0.4, color=dh.show.PALETTE[number])
    ax.plot(table.index, table.mean(axis=1), color=dh.show.PALETTE[number], label=kind)
ax.set_xscale("log", base=2, subs=[])
ax.set_xticks(depths.DEPTHS, depths.DEPTHS)
ax.set(xlabel="hidden layers", ylabel="test accuracy")
ax.legend(fontsize=8)
dh.figure(fig, alt="Test accuracy against the number of hidden layers for plain, normalised, residual and residual normalised nets, five "
          "seeds each: the residual net falls from sixteen layers on, the normalised one at thirty-two, the plain one at thirty-two and "
          "sixty-four; only the residual normalised net stays level.")

# %% [markdown]
# A surprise: residual connections alone do *worse* than none. With He's weights each block adds as much as it receives, so the signal doubles 64 times. Normalisation, or blocks that start at zero as in this course's student, keep it
# in bounds. Depth needs the two together; shallow nets need neither.

# %%
def accuracies(depth, kind):
    return depth_record[(depth_record.depth == depth) & (depth_record.kind == kind)].sort_values("seed").accuracy

def short(depth):
    return dh.paired(accuracies(depth, "residual, normalised"), accuracies(depth, "plain"))

def behind(depth):
    return dh.paired(accuracies(depth, "plain"), accuracies(depth, "residual, normalised"))

c10 = dh.first_edition("C10", "03").judge(
    stated=[dh.measured("64 plain layers fall short of residual, normalised ones by more than 5 points", short(64), margin=0.05),
            dh.measured("4 plain layers fall short of residual, normalised ones by more than 2 points", short(4), margin=0.02)],
    corrected=[dh.measured("64 plain layers fall short of residual, normalised ones by more than 5 points", short(64), margin=0.05),
               dh.measured("4 plain layers come within a point of residual, normalised ones", behind(4), margin=-0.01)])
c10.table()

# %% [markdown]
# ## Do bigger models need a higher learning rate?
#
# Bisect the largest rate at which plain gradient descent still lowers the loss, ReLU, standard parametrisation, ten seeds, against width and against depth. *Prediction:* it does not rise.

# %%
rate_record = dh.read_record(rates.__name__)
again = [row | {"width": 64, "depth": 2} for row in rates.run({"width": 64, "depth": 2})]
agrees(rate_record, again, on=["width", "depth", "seed"], tolerance={"rate": 0.25})
print(f"{len(rate_record)} rates recorded; those found again agree")

# %%
fig, axes = plt.subplots(1, 2, figsize=(8.5, 3.3), sharey=True)
for ax, across, fixed in zip(axes, ("width", "depth"), ("depth", "width")):
    part = rate_record[rate_record[fixed] == {"depth": 2, "width": 64}[fixed]]
    table = np.log(part.pivot(index=across, columns="seed", values="rate"))
    ax.plot(table.index, np.exp(table), "o", ms=3, alpha=0.35, color=dh.show.PALETTE[0])
    ax.plot(table.index, np.exp(table.mean(axis=1)), "D-", ms=5, color=dh.show.PALETTE[1])
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(table.index, table.index)
    ax.set(xlabel=across, title=f"{fixed} {part[fixed].iloc[0]}")
axes[0].set_ylabel("largest stable learning rate")
dh.figure(fig, alt="Largest stable learning rate against width at depth 2 and against depth at width 64, ten seeds and their geometric mean, "
          "on logarithmic axes: it does not rise with width and falls with depth.")

# %%
logs = np.log(rate_record.pivot(index="seed", columns=["width", "depth"], values="rate"))
wider, deeper = dh.paired(logs[512, 2], logs[16, 2]), dh.paired(logs[64, 32], logs[64, 2])
c15 = dh.first_edition("C15", "03").judge(stated=[
    dh.measured("the largest stable rate rises from 16 to 512 neurons", wider),
    dh.measured("the largest stable rate rises from 2 to 32 layers", deeper)])
c15.table()

# %% [markdown]
# Read the left panel closely: the narrowest nets bear the highest rates, and from 64 neurons on the rate creeps up by a fifth while the width grows eightfold. That is the standard parametrisation; others are built so that the best rate
# does not move with width (Yang et al. 2021).

# %% [markdown]
# ## Remember
#
# 1. Each layer multiplies the squared gradient by χ = gain² · E[φ′²]. You can compute it before you train.
# 2. Depth and initialisation make gradients explode or vanish. The number of parameters does not.
# 3. At the critical gain the average is right; orthogonal weights make the whole spectrum right.

# %% [markdown]
# ## Exercises
#
# **03.1** The growth factor χ from samples of φ′ [N] and the gain. Solutions are in [solutions/03_exploding_and_vanishing_gradients.md](solutions/03_exploding_and_vanishing_gradients.md).

# %% tags=["raises-exception"]
def my_chi(slopes, gain):  # exercise 03.1
    raise NotImplementedError

my_chi(torch.tensor([0.0, 1.0, 1.0]), 1.5)

# %%
dh.check("03.1", my_chi)

# %% [markdown]
# **03.2** A leaky ReLU has slope 1 above zero and slope *a* below. At which gain does the gradient keep its size?

# %% tags=["raises-exception"]
def my_critical_gain(a):  # exercise 03.2
    raise NotImplementedError

my_critical_gain(0.1)

# %%
dh.check("03.2", my_critical_gain)

# %% [markdown]
# **03.3** The squared gradient shrinks by χ < 1 per layer. After how many layers, at least, is the gradient's *norm* at most a given fraction of what it was?

# %% tags=["raises-exception"]
def my_layers_until(chi, fraction):  # exercise 03.3: a whole number
    raise NotImplementedError

my_layers_until(0.5, 0.01)

# %%
dh.check("03.3", my_layers_until)

# %% [markdown]
# ## Further reading
#
# - B. Poole et al., *Exponential Expressivity in Deep Neural Networks through Transient Chaos*, NIPS 2016.
# - S. Schoenholz, J. Gilmer, S. Ganguli, J. Sohl-Dickstein, *Deep Information Propagation*, ICLR 2017.
# - J. Pennington, S. Schoenholz, S. Ganguli, *Resurrecting the Sigmoid in Deep Learning through Dynamical Isometry*, NIPS 2017.
# - G. Yang et al., *Tensor Programs V: Tuning Large Neural Networks via Zero-Shot Hyperparameter Transfer*, NeurIPS 2021.
# - K. He, X. Zhang, S. Ren, J. Sun, *Delving Deep into Rectifiers*, ICCV 2015.
#
# **Next:** [04 · Taming deep networks](04_taming_deep_networks.ipynb).
