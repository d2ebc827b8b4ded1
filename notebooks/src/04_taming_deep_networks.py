# %% [markdown]
# # 04 · Taming deep networks
#
# **You will be able to** say which cures help a net whose gradients explode, which help one whose gradients vanish, and why most of them do neither.
# **You need** [03](03_exploding_and_vanishing_gradients.ipynb). **Time:** under a minute to run on a 2-core CPU, 60 minutes to teach. **Claims tested:** C16, C17.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import distill_helpers as dh
from distill_helpers import measure
from distill_helpers.course.lessons.taming_deep_networks import records_factorial as factorial
from distill_helpers.models.initialise import orthogonal
from distill_helpers.training.fleet import clip_each

dh.start(seed=0)

# %% [markdown]
# ## Two sick nets
#
# Thirty ReLU layers of 48 neurons on real digits. At gain 2 signals and gradients explode, at gain 1 they vanish; √2 would be right. The article (section 2.3.1) names two kinds of cure: dropout, L1 and L2 penalties and gradient clipping; and
# decomposition, of the initialisation, of the parameters, of the constraints.

# %%
def at_start(method, net, seed=0):
    torch.manual_seed(seed)
    return factorial.METHODS[method][1](factorial.GAINS[net])

def gradients(model):
    _, x, y = factorial.digits()
    return measure.layer_norms(model, x, lambda z: torch.nn.functional.cross_entropy(z, y, reduction="sum"),
                               layers={f"{i}": layer for i, layer in enumerate(model.hidden)}).gradient

def draw_start(net="exploding", method="orthogonal start"):
    fig, ax = plt.subplots(figsize=(7, 3))
    for number, shown in enumerate(("nothing", method)):
        values = gradients(at_start(shown, net)).clamp(min=1e-30)
        ax.plot(range(1, len(values) + 1), values.log10(), color=dh.show.PALETTE[number], label=shown)
    ax.set(xlabel="hidden layer", ylabel="log10 of the gradient's size", title=f"{net} net before training: nothing, and {method}")
    ax.legend()
    return fig

# %%
dh.figure(draw_start(), alt="Size of the gradient at each of thirty layers before training: the exploding net's runs over more than four "
          "powers of ten, with an orthogonal start it stays level.")

# %% [markdown]
# **Move it.** Choose a net and a cure, and see what the cure does to the gradient before the first step. Dropout and penalties act later, so they change little or nothing here.

# %%
dh.explore(draw_start, alt="Gradients before training", net=dh.Choice(tuple(factorial.GAINS)),
           method=dh.Choice(tuple(factorial.METHODS), "orthogonal start"))

# %% [markdown]
# ## Clipping, written out
#
# If the norm of all gradients together is above a limit, scale them all by the same factor (Pascanu et al. 2013). The direction stays. Clipping by value cuts each number alone, and the direction changes.

# %%
def clip_by_norm(grads, limit):
    norm = torch.sqrt(sum(g.square().sum() for g in grads))
    return [g * min(1.0, limit / norm) for g in grads]

grads = [torch.randn(4, 3), 5 * torch.randn(7)]
stacked = [g[None].clone() for g in grads]  # the package clips a stack of students, each by its own norm
clip_each(stacked, 1.0)
print("equal to the package's:", all(torch.allclose(a, b[0], atol=1e-5) for a, b in zip(clip_by_norm(grads, 1.0), stacked)))

# %% [markdown]
# ## Orthogonal weights, written out
#
# Take a random matrix apart, A = QR. Q has orthonormal columns: it turns space and stretches nothing. Multiplying its columns by the signs of R's diagonal makes every rotation equally likely (Saxe et al. 2014 used such starts).

# %%
def random_orthogonal(n):
    q, r = torch.linalg.qr(torch.randn(n, n))
    return q * r.diagonal().sign()

ours, theirs = random_orthogonal(48), torch.empty(48, 48)
orthogonal(theirs, gain=1.0)
for name, weight in {"ours": ours, "the package's": theirs}.items():
    print(f"{name}: WᵀW is the identity:", torch.allclose(weight.T @ weight, torch.eye(48), atol=1e-5))

# %% [markdown]
# ## Penalty or decay?
#
# An L2 penalty adds λw to the gradient. Under plain gradient descent that is the same as shrinking w by a factor each step. Under Adam it is not: Adam divides by the size of the gradient, penalty included. Decoupled decay shrinks *after* that
# (Loshchilov & Hutter 2019). Two groups of weights, all starting at 1, with small and with large random gradients:

# %%
def after_decay(optimizer):
    torch.manual_seed(0)
    w = torch.nn.Parameter(torch.ones(2, 500))
    step = optimizer([w], lr=1e-3, weight_decay=0.1)
    for _ in range(500):
        w.grad = torch.tensor([[0.01], [10.0]]) * torch.randn(2, 500)
        step.step()
    return w.detach().mean(1)

penalty, decay = after_decay(torch.optim.Adam), after_decay(torch.optim.AdamW)
pd.DataFrame({"gradients": ["small", "large"], "L2 penalty in Adam": penalty.tolist(), "decoupled decay": decay.tolist()}).round(2)

# %%
print("decay shrinks both groups alike:", bool((decay[0] - decay[1]).abs() < 0.02))
print("the penalty shrinks weights with small gradients far more:", bool(penalty[0] < penalty[1] - 0.2))

# %% [markdown]
# ## The factorial
#
# Every cure alone on each net, five seeds, 300 steps of gradient descent with momentum, the learning rate chosen for each among four on the validation digits. Plain gradient descent, since Adam rescales gradients and would hide the illness.
# *Prediction:* clipping helps the exploding net only; nothing of the first kind revives the vanishing one.

# %%
from distill_helpers.course.records import agrees

record = dh.read_record(factorial.__name__)
again = {"net": "vanishing", "method": "isometry (tanh)", "rate": 0.03}
live = [row | again for row in factorial.run(again)]
agrees(record, live, on=["net", "method", "rate", "seed"], tolerance={"accuracy": 0.05, "range_before": 0.1})
print(f"{len(record)} nets recorded: {len(factorial.METHODS)} cures, 2 nets, {len(factorial.RATES)} rates, {record.seed.nunique()} seeds; those run again agree")

# %% [markdown]
# Choose each cure's rate by its mean validation accuracy, then read the test digits once.

# %%
means = record.groupby(["net", "method", "rate"], sort=False).validation.mean().reset_index()
chosen = means.loc[means.groupby(["net", "method"], sort=False).validation.idxmax(), ["net", "method", "rate"]]
tuned = record.merge(chosen, on=["net", "method", "rate"])

def arm(net, method, column="accuracy"):
    return tuned[(tuned.net == net) & (tuned.method == method)].sort_values("seed")[column].to_numpy()

# %% [markdown]
# The table to take home. Accuracy after training; and before training the range of gradients over layers and the Jacobian's largest singular value, both as powers of ten. Zero is healthy for the last two.

# %%
summary = tuned.groupby(["method", "net"], sort=False)[["accuracy", "range_before", "largest_before"]].mean().unstack()
titles = {"accuracy": "test accuracy", "range_before": "gradient range, log10", "largest_before": "largest singular value, log10"}
fig, axes = plt.subplots(1, 3, figsize=(10.5, 7.2), sharey=True)
for ax, (column, title), colours in zip(axes, titles.items(), ("cividis", "Oranges", "PuOr")):
    values = summary[column]
    reach = max(abs(np.nanmin(values)), np.nanmax(values))
    ax.imshow(values, cmap=colours, aspect="auto", vmin={"PuOr": -reach}.get(colours, 0), vmax=1 if column == "accuracy" else reach)
    for r, row in enumerate(values.to_numpy()):
        for c, v in enumerate(row):
            ax.text(c, r, "–" if np.isnan(v) else f"{v:.2f}" if column == "accuracy" else f"{v:.1f}", ha="center", va="center", fontsize=8,
                    bbox={"fc": "white", "ec": "none", "alpha": 0.75, "pad": 1})
    ax.set_xticks(range(2), values.columns)
    ax.set_title(title)
    ax.grid(False)
axes[0].set_yticks(range(len(summary)), summary.index)
dh.figure(fig, alt="Table of twenty-one cures by two nets as three heat maps: test accuracy, gradient range and largest singular value before "
          "training. Dropout, penalties, plain weight norm, spectral norm 1 and plain residual connections stay at guessing in both nets.")

# %% [markdown]
# Now as paired gains over the untreated net, with intervals. A cure whose interval sits on zero cures nothing.

# %%
def gain(net, method):
    return dh.paired(arm(net, method), arm(net, "nothing"))

fig, axes = plt.subplots(1, 2, figsize=(10.5, 6.4), sharey=True)
for ax, net in zip(axes, factorial.GAINS):
    dh.show.gains_plot({m: gain(net, m) for m in factorial.METHODS if m != "nothing"}, ax, unit="accuracy gained over nothing", title=net)
dh.figure(fig, alt="Paired gain in test accuracy over the untreated net for twenty cures, exploding and vanishing net side by side: dropout, "
          "penalties, plain weight normalisation and plain residual connections stay at zero in both.")

# %%
for net in factorial.GAINS:
    dead = [m for m in factorial.METHODS if m != "nothing" and gain(net, m).against(0.05) is not True]
    print(f"{net}: no gain of five points or more is shown for {', '.join(dead)}")

# %% [markdown]
# ## Regularisation
#
# Dropout and penalties change what a net prefers, not how its signal travels. Clipping bounds the step, so an exploding net survives and learns a little; a vanished gradient is far below any limit.

# %%
first = ("dropout 0.1", "L1 1e-4", "L1 1e-2", "L2 1e-3", "L2 1e-1")
clips = ("clip norm 1", "clip value 0.01")
def no_better(net, methods, level=0.2):
    return dh.interval(level - np.max([arm(net, m) for m in methods], axis=0))

c16 = dh.first_edition("C16", "04").judge(
    stated=[dh.measured("dropout or a penalty lifts the exploding net above 20 % accuracy", dh.interval(-no_better("exploding", first).values)),
            dh.measured("dropout, a penalty or clipping lifts the vanishing net above 20 % accuracy",
                        dh.interval(-no_better("vanishing", first + clips).values))],
    corrected=[dh.measured("clipping by value gains more than ten points on the exploding net", gain("exploding", "clip value 0.01"), margin=0.1),
               dh.measured("none of them lifts the vanishing net above 20 % accuracy", no_better("vanishing", first + clips))])
c16.table()

# %% [markdown]
# ## Decomposition
#
# Orthogonal starts, and weights kept orthogonal, repair both nets. Writing W as direction times length, or as U V, leaves W what it was, and with it the illness; only together with an initialisation from data does weight normalisation
# help, which is how its authors proposed it (Salimans & Kingma 2016, section 3).

# %%
def both(method, margin):
    return [dh.measured(f"{method}: gains more than {margin * 100:.0f} points on the {net} net", gain(net, method), margin)
            for net in factorial.GAINS]

c17 = dh.first_edition("C17", "04").judge(
    stated=both("orthogonal start", 0.3) + both("weight norm", 0.05) + both("kept orthogonal", 0.2),
    corrected=both("orthogonal start", 0.3) + both("weight norm, from data", 0.1) + both("kept orthogonal", 0.2))
c17.table()

# %% [markdown]
# ## Remember
#
# 1. Clipping bounds a step. It keeps an exploding net alive, and does nothing for a vanished gradient.
# 2. What cures both is a start, or a constraint, that keeps the Jacobian's singular values near one.
# 3. Residual connections and normalisation work together; either alone did worse here than a good start.

# %% [markdown]
# ## Exercises
#
# **04.1** Clip a list of gradients by their common norm. Solutions are in [solutions/04_taming_deep_networks.md](solutions/04_taming_deep_networks.md).

# %% tags=["raises-exception"]
def my_clip(grads, limit):  # exercise 04.1: return one flat tensor, the clipped gradients joined
    raise NotImplementedError

my_clip([torch.ones(2, 2), torch.ones(3)], 1.0)

# %%
dh.check("04.1", my_clip)

# %% [markdown]
# **04.2** From a square random matrix to a random orthogonal one, by QR, with the signs of R's diagonal.

# %% tags=["raises-exception"]
def my_orthogonal(matrix):  # exercise 04.2
    raise NotImplementedError

my_orthogonal(torch.eye(3) + 0.1)

# %%
dh.check("04.2", my_orthogonal)

# %% [markdown]
# **04.3** One step with decoupled weight decay, given the direction that Adam found.

# %% tags=["raises-exception"]
def my_decayed_step(weight, direction, lr, decay):  # exercise 04.3
    raise NotImplementedError

my_decayed_step(torch.ones(3), torch.zeros(3), 0.1, 0.5)

# %%
dh.check("04.3", my_decayed_step)

# %% [markdown]
# ## Further reading
#
# - R. Pascanu, T. Mikolov, Y. Bengio, *On the Difficulty of Training Recurrent Neural Networks*, ICML 2013.
# - A. Saxe, J. McClelland, S. Ganguli, *Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural Networks*, ICLR 2014.
# - D. Mishkin, J. Matas, *All You Need Is a Good Init*, ICLR 2016.
# - T. Salimans, D. Kingma, *Weight Normalization*, NIPS 2016.
# - T. Miyato et al., *Spectral Normalization for Generative Adversarial Networks*, ICLR 2018.
# - I. Loshchilov, F. Hutter, *Decoupled Weight Decay Regularization*, ICLR 2019.
#
# **Next:** [05 · The residual student](05_the_residual_student.ipynb).
