# %% [markdown]
# # 05 · The residual student
#
# **You will be able to** say what one hidden layer can learn, build the residual student of this course, and compare two students' inner representations with four measures.
# **You need** [03](03_exploding_and_vanishing_gradients.ipynb) and [04](04_taming_deep_networks.ipynb). **Time:** about 90 seconds to run on a 2-core CPU, 75 minutes to teach. **Claims tested:** C18, C19.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
import distill_helpers as dh
from distill_helpers import measure
from distill_helpers.course.lessons.the_residual_student import records_ablation as ablation, records_bottleneck as bottleneck
from distill_helpers.models import PlainPerceptron
from distill_helpers.models.residual_student import ResidualBlock
from distill_helpers.strategies import HardLabels

dh.start(seed=0)

# %% [markdown]
# ## One hidden layer: linear or not?
#
# The article (section 2.3.2) says that a perceptron with one hidden layer learns linear maps only. Without an activation that is so, however many neurons it has: two affine maps in a row are one affine map.

# %%
net = PlainPerceptron(2, 50, 2, activation="none")
weight = net.head.weight @ net.hidden.weight
bias = net.head.weight @ net.hidden.bias + net.head.bias
points = torch.rand(1000, 2)
print("one affine map says the same:", torch.allclose(net(points), points @ weight.T + bias, atol=1e-5))

# %% [markdown]
# Now try three tasks: XOR (four points, on which no line does better than three of four), the inside of a circle (both toys), and the real digits. Three models: linear; one hidden layer without activation; the same with ReLU. *Prediction:*
# the activation makes all the difference (Cybenko 1989, Hornik 1991).

# %%
grid = torch.arange(0, 256, 8)
square = torch.cartesian_prod(grid, grid).to(torch.uint8)
inside = ((square.float() - 124) / 100).square().sum(1) < 1
digits = dh.load_digits()
corners = torch.tensor([[0, 0], [0, 255], [255, 0], [255, 255]], dtype=torch.uint8)
tasks = {"XOR": dh.ImageSet(corners.view(4, 1, 1, 2), torch.tensor([0, 1, 1, 0]), 2, "XOR"),
         "circle": dh.ImageSet(square.view(-1, 1, 1, 2), inside.long(), 2, "circle"), "digits": digits.train}

# %%
def models(data):
    pixels = data.images[0].numel()
    linear = lambda: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(pixels, data.classes))
    return {"linear": linear, "hidden, no activation": lambda: PlainPerceptron(pixels, 32, data.classes, "none"),
            "hidden, ReLU": lambda: PlainPerceptron(pixels, 32, data.classes)}

recipe = dh.Recipe(steps=800, lr=2e-2)
runs = {(task, name): dh.distill(build, None, data, HardLabels(), seeds=range(8), recipe=recipe)
        for task, data in tasks.items() for name, build in models(data).items()}
scored = {"XOR": tasks["XOR"], "circle": tasks["circle"], "digits": digits.test}
right = {key: measure.accuracy(run.predict(scored[key[0]]), scored[key[0]].labels) for key, run in runs.items()}

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 3, figsize=(10.5, 2.4), sharey=True)
for ax, task in zip(axes, tasks):
    dh.show.seeds_plot({name: right[task, name] for name in models(tasks[task])}, ax, unit="accuracy", title=task)
dh.figure(fig, alt="Accuracy of eight seeds of three models on XOR, the circle and the digits: with ReLU all three are solved, the linear model "
          "and the hidden layer without activation stay behind together.")

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 3, figsize=(9, 2.9))
for ax, name in zip(axes, models(tasks["circle"])):
    belief = runs["circle", name].predict(tasks["circle"])[0].softmax(-1)[:, 1].view(32, 32)
    ax.imshow(belief, origin="lower", cmap="cividis", vmin=0, vmax=1, extent=(0, 1, 0, 1))
    ax.contour(inside.view(32, 32), levels=[0.5], colors="white", extent=(0, 1, 0, 1))
    ax.set_title(name)
    ax.grid(False)
dh.figure(fig, alt="Three maps of the unit square coloured by the model's belief that a point lies inside the circle drawn in white: nearly "
          "uniform for the two linear models, a round bright region for the hidden layer with ReLU.")

# %%
def beyond_linear(task, bound):
    return dh.interval(bound - right[task, "hidden, ReLU"])

c18 = dh.first_edition("C18", "05").judge(stated=[
    dh.measured("on XOR one hidden layer with ReLU stays within the 75 % of a line", beyond_linear("XOR", 0.75)),
    dh.measured("on the circle it stays within five points of the linear model",
                dh.paired(right["circle", "linear"] + 0.05, right["circle", "hidden, ReLU"])),
    dh.measured("on the digits it is no more accurate than the linear model",
                dh.paired(right["digits", "linear"], right["digits", "hidden, ReLU"]))])

# %% [markdown]
# ## A residual block, written out
#
# This course's student: a linear stem, then blocks that *add* something to what passes, h ← h + W₂ relu(W₁ relu(norm(h))), with few neurons inside. Norm and activation come first (He et al. 2016), W₂ starts at zero, so every block starts as
# the identity.

# %%
def residual_block(h, gain, shift, w1, b1, w2, b2):
    scaled = (h - h.mean(-1, keepdim=True)) / (h.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    inside = (scaled * gain + shift).relu() @ w1.T + b1
    return h + inside.relu() @ w2.T + b2

block, h = ResidualBlock(32, 8), torch.randn(5, 32)
parts = (block.norm.weight, block.norm.bias, block.down.weight, block.down.bias, block.up.weight, block.up.bias)
print("a fresh block is the identity:", torch.equal(block(h), h))
torch.nn.init.normal_(block.up.weight)
print("the notebook's block equals the package's:", torch.allclose(residual_block(h, *parts), block(h), atol=1e-5))

# %% [markdown]
# ## Equal parameters, equal budget
#
# Residual students of width 2 to 32 against one hidden layer of as many parameters, trained on labels or distilled from the big teacher, eight seeds each, 1,500 steps. Since neurons come whole, the hidden layer appears twice: just below and just above
# the residual student's size. *Prediction (the article's):* residual blocks give better low-dimensional representations.

# %%
from distill_helpers.course.records import agrees

record = dh.read_record(bottleneck.__name__)
again = {"model": "one layer", "width": 16, "training": "labels"}
live = [row | again for row in bottleneck.run(again)]
agrees(record, live, on=["model", "width", "training", "seed"], tolerance={"accuracy": 0.03, "probe": 0.03, "effective_rank": 1.5})
print(f"{len(record)} students recorded; those run again agree")
sizes = record.drop_duplicates(["model", "width"]).pivot(index="model", columns="width", values="parameters")
sizes.loc[list(bottleneck.MODELS)]

# %%
def students(model, width, column, training="distilled"):
    rows = record[(record.model == model) & (record.width == width) & (record.training == training)]
    return rows.sort_values("seed")[column].to_numpy()

def panel(ax, column, training, title):
    for number, model in enumerate(bottleneck.MODELS):
        values = np.array([students(model, w, column, training) for w in bottleneck.WIDTHS])
        ax.plot(bottleneck.WIDTHS, values, "o", ms=2.5, alpha=0.35, color=dh.show.PALETTE[number])
        ax.plot(bottleneck.WIDTHS, values.mean(1), color=dh.show.PALETTE[number], label=model)
    ax.set_xscale("log", base=2)
    ax.set_xticks(bottleneck.WIDTHS, bottleneck.WIDTHS)
    ax.set(title=title)

# %%
fig, axes = plt.subplots(2, 3, figsize=(11, 6), sharex=True)
for row, training in zip(axes, ("labels", "distilled")):
    panel(row[0], "accuracy", training, f"test accuracy, {training}")
    panel(row[1], "probe", training, f"linear probe, {training}")
    panel(row[2], "effective_rank", training, f"effective rank, {training}")
for ax in axes[1]:
    ax.set_xlabel("width of the bottleneck")
axes[0, 0].legend(fontsize=8)
dh.figure(fig, alt="Six panels against bottleneck width from 2 to 32: test accuracy, accuracy of a linear probe and effective rank, trained on "
          "labels above and distilled below, for residual students with and without normalisation and two sizes of one hidden layer.")

# %%
fig, ax = plt.subplots(figsize=(6, 3.2))
panel(ax, "cka", "distilled", "likeness to the teacher's last hidden layer")
ax.set(xlabel="width of the bottleneck", ylabel="linear CKA")
ax.legend(fontsize=8)
dh.figure(fig, alt="Linear CKA between student and teacher features against bottleneck width for four distilled students: it rises with the "
          "width.")

# %%
def probes(model, other, width):
    return dh.paired(students(model, width, "probe"), students(other, width, "probe"))

for width in bottleneck.WIDTHS:
    plain, bare = probes("residual", "one layer", width), probes("residual, no norm", "one layer", width)
    print(f"width {width:2}: residual against one layer {plain}   without norm {bare}")

# %% [markdown]
# Width 2 is a lesson of its own. Layer normalisation of two numbers leaves only the sign of their difference, so every digit falls on one of two points, and no head can tell ten classes. Without normalisation the same student works. A part
# that helps at width 32 destroys at width 2.

# %%
wide = dh.interval(np.mean([probes("residual", "one layer", w).values for w in (8, 16, 32)], axis=0))
likeness = dh.interval(np.mean([students("residual", w, "cka") - students("one layer", w, "cka") for w in (8, 16, 32)], axis=0))
c19 = dh.first_edition("C19", "05").judge(
    stated=[dh.measured(f"at width {w} a linear probe reads more from the residual student", probes("residual", "one layer", w))
            for w in bottleneck.WIDTHS],
    corrected=[dh.measured("on average over widths 8 to 32 a linear probe reads more from the residual student", wide),
               dh.measured("there it reads less than two points more", dh.interval(0.02 - wide.values)),
               dh.measured("there its features are more like the teacher's, by more than 0.1 of CKA", likeness, margin=0.1)])
c19.table()

# %% [markdown]
# ## See it
#
# The two-dimensional embeddings of test digits, one student each; wider ones are shown by their first two principal components.

# %%
views = dh.make_views(digits.train, views=8, shift=2)
shown = digits.test.subset(range(500))
def embed(model, width):
    trained = dh.distill(bottleneck.builder(model, width), None, views, HardLabels(), recipe=dh.Recipe(steps=400, lr=1e-2))
    return bottleneck.embeddings(trained, shown.x)[0]

embedded = {(m, w): embed(m, w) for m in ("residual", "residual, no norm", "one layer") for w in bottleneck.WIDTHS}

# %%
def flat(points):
    centred = points - points.mean(0)
    return centred if points.shape[1] == 2 else centred @ torch.linalg.svd(centred, full_matrices=False).Vh[:2].T

def draw_embedding(model="residual, no norm", width=2):
    xy = flat(embedded[model, width])
    fig, ax = plt.subplots(figsize=(5.4, 4.2))
    for c in range(10):
        ax.plot(*xy[shown.labels == c].T, "o", ms=3, alpha=0.7, color=plt.cm.tab10(c), label=str(c))
    ax.legend(fontsize=8, ncols=2, title="digit", loc="center left", bbox_to_anchor=(1, 0.5))
    ax.set(title=f"{model}, width {width}", xlabel="first direction", ylabel="second direction")
    return fig

# %% tags=["nbval-ignore-output"]
dh.figure(draw_embedding(), alt="Five hundred test digits as coloured points in the two-dimensional embedding of a residual student without "
          "normalisation: the classes form rays and clusters, some apart and some overlapping.")

# %%
dh.explore(draw_embedding, alt="Embedding of the test digits", width=dh.Choice(bottleneck.WIDTHS, 2),
           model=dh.Choice(("residual, no norm", "residual", "one layer")))

# %%
spread = {m: torch.unique((embedded[m, 2] * 100).round(), dim=0).shape[0] for m in ("residual", "residual, no norm")}
print("with normalisation over two numbers, fewer than 20 places for 500 digits:", spread["residual"] < 20)
print("without it, more than 100:", spread["residual, no norm"] > 100)

# %% [markdown]
# ## Take it apart
#
# Width 32, distilled, one to eight blocks, eight seeds: the student as it is, without its skip connections, without its inner activation, without normalisation. *Prediction:* the skip matters more the deeper the student.

# %%
ablated = dh.read_record(ablation.__name__)
table = ablated.groupby(["design", "blocks"], sort=False).accuracy.mean().unstack().round(3)
table

# %%
fig, ax = plt.subplots(figsize=(7, 3.4))
for number, design in enumerate(ablation.DESIGNS):
    values = ablated[ablated.design == design].pivot(index="blocks", columns="seed", values="accuracy")
    ax.plot(values.index, values, "o", ms=3, alpha=0.35, color=dh.show.PALETTE[number])
    ax.plot(values.index, values.mean(axis=1), color=dh.show.PALETTE[number], label=design)
ax.set_xscale("log", base=2)
ax.set_xticks(ablation.BLOCKS, ablation.BLOCKS)
ax.set(xlabel="blocks", ylabel="test accuracy")
ax.legend(fontsize=8)
dh.figure(fig, alt="Test accuracy against the number of blocks for the residual student and three ablations, eight seeds each: without skip "
          "connections accuracy falls with depth, the others stay close together.")

# %%
def design(name, blocks):
    return ablated[(ablated.design == name) & (ablated.blocks == blocks)].sort_values("seed").accuracy.to_numpy()

for name in list(ablation.DESIGNS)[1:]:
    print(f"{name}, against the whole: 1 block {dh.paired(design(name, 1), design('residual', 1))}")
    print(f"{'':{len(name)}}                    8 blocks {dh.paired(design(name, 8), design('residual', 8))}")

# %% [markdown]
# ## Remember
#
# 1. One hidden layer with an activation is not linear. Without one it is, whatever its size.
# 2. Compare students at equal parameters and equal budget, with several measures, and look at the widths where a design breaks.
# 3. Skip connections are what lets the student be deep; the other parts matter less here.

# %% [markdown]
# ## Exercises
#
# **05.1** Fold two affine layers into one. Solutions are in [solutions/05_the_residual_student.md](solutions/05_the_residual_student.md).

# %% tags=["raises-exception"]
def my_fold(w1, b1, w2, b2):  # exercise 05.1: return one tensor [outputs, inputs + 1], the bias in the last column
    raise NotImplementedError

my_fold(torch.ones(3, 2), torch.ones(3), torch.ones(1, 3), torch.ones(1))

# %%
dh.check("05.1", my_fold)

# %% [markdown]
# **05.2** The effective rank of features [N, D]: the exponential of the entropy of the normalised singular values, after centring.

# %% tags=["raises-exception"]
def my_effective_rank(features):  # exercise 05.2
    raise NotImplementedError

my_effective_rank(torch.randn(10, 3))

# %%
dh.check("05.2", my_effective_rank)

# %% [markdown]
# **05.3** Linear CKA of two feature matrices [N, D] and [N, E].

# %% tags=["raises-exception"]
def my_cka(a, b):  # exercise 05.3
    raise NotImplementedError

my_cka(torch.randn(10, 3), torch.randn(10, 4))

# %%
dh.check("05.3", my_cka)

# %% [markdown]
# ## Further reading
#
# - G. Cybenko, *Approximation by Superpositions of a Sigmoidal Function*, Mathematics of Control, Signals and Systems 2, 1989.
# - K. He, X. Zhang, S. Ren, J. Sun, *Identity Mappings in Deep Residual Networks*, ECCV 2016.
# - O. Roy, M. Vetterli, *The Effective Rank: A Measure of Effective Dimensionality*, EUSIPCO 2007.
# - S. Kornblith, M. Norouzi, H. Lee, G. Hinton, *Similarity of Neural Network Representations Revisited*, ICML 2019.
#
# **Next:** [06 · Sharing and low rank](06_sharing_and_low_rank.ipynb).
