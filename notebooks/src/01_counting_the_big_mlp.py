# %% [markdown]
# # 01 · Counting the big MLP
#
# **You will be able to** count the parameters, FLOPs and memory of any multilayer perceptron by hand, check the count by machine, and say why
# four formulas of the article are wrong. **You need** matrix products, nothing else.
# **Time:** under a minute to run on a 2-core CPU, 40 minutes to teach. **Claims tested:** C05, C06, C07, C08.

# %%
import time
import pandas as pd
import matplotlib.pyplot as plt
import torch
import distill_helpers as dh
from distill_helpers import counting

dh.start(seed=0)

# %% [markdown]
# ## A layer, counted by hand
#
# A dense layer from *a* neurons to *b* joins every neuron on the left to every neuron on the right: *a·b* weights. Each neuron on the right
# has a bias: *b* more. A layer from 3 to 4 should hold 3·4 + 4 = 16 numbers. Predict 784 to 1280 before you run the cell.

# %%
layer = torch.nn.Linear(784, 1280)
by_hand = 784 * 1280 + 1280
by_machine = sum(p.numel() for p in layer.parameters())
print(f"by hand {by_hand:,}   by machine {by_machine:,}")
assert by_hand == by_machine

# %% [markdown]
# ## The big MLP
#
# Our big model reads a digit of 28 × 28 = 784 pixels and has four hidden layers of 1280 neurons and ten outputs. Layer by layer: the first
# sees the pixels, three are square, the last is the head. You will meet it again as the teacher of this course.

# %%
widths = [784, 1280, 1280, 1280, 1280, 10]
layers = pd.DataFrame({"from": widths[:-1], "to": widths[1:]})
layers["weights"] = layers["from"] * layers["to"]
layers["biases"] = layers["to"]
layers["share"] = (layers.weights + layers.biases) / counting.widths_parameters(widths)
dh.table(layers, "The big MLP, layer by layer", {"weights": "{:,}", "share": "{:.1%}"})

# %%
big = dh.digits_teacher()
print(f"sum over layers {counting.widths_parameters(widths):,}")
print(f"closed form     {counting.mlp_parameters(784, 1280, 4, 10):,}")
print(f"measured        {counting.measured_parameters(big):,}")
assert counting.mlp_parameters(784, 1280, 4, 10) == counting.measured_parameters(big)

# %% [markdown]
# ## Does the closed form always agree?
#
# One net proves little. Take a grid of widths from 1 to 4096 and depths from 1 to 64, build every net, and count. On torch's *meta* device a tensor has
# a shape and no storage, so even nets of a billion parameters are built in milliseconds. Prediction: not one mismatch.

# %%
grid = [(w, d) for w in (1, 2, 3, 10, 64, 100, 1000, 4096) for d in (1, 2, 3, 8, 16, 33, 64)]
def measured(w, d):
    return counting.measured_parameters(counting.mlp_on_meta([784] + [w] * d + [10]))

mismatches = [(w, d) for w, d in grid if measured(w, d) != counting.mlp_parameters(784, w, d, 10)]
print(f"{len(grid)} nets, up to {max(measured(w, d) for w, d in grid):,} parameters, {len(mismatches)} mismatches")

# %% [markdown]
# ## The article's formula
#
# For *l* layers of *n* neurons the article (section 2.1) writes n + n² + … + nˡ = (1 + 1 + … + (n−1) + n)·l/2. Put numbers in. The left side counts the
# nodes of a tree in which every node has *n* children. The right side is a sum up to *n*, times l/2. The truth for square layers with biases is l·n(n+1).

# %%
rows = []
for n, l in [(2, 2), (3, 3), (10, 2), (10, 4), (100, 3), (1280, 4)]:
    truth = counting.measured_parameters(counting.mlp_on_meta([n] * (l + 1)))
    rows.append({"neurons n": n, "layers l": l, "article, left": counting.article_left_side(n, l),
                 "article, right": counting.article_right_side(n, l), "l·n(n+1)": counting.square_layers_parameters(n, l),
                 "measured": truth})
sides = pd.DataFrame(rows)
dh.table(sides, "Two sides of one equation, and the truth", dict.fromkeys(sides.columns[2:], "{:,.0f}"))

# %% [markdown]
# The two sides are equal nowhere in the table, and neither equals the measured count. With four layers of 1280 neurons the left side claims almost three trillion
# parameters. The real net has 6.6 million.

# %%
def draw_counts(width=64, depth=4):
    depths = range(1, 13)
    fig, ax = plt.subplots(figsize=(7, 3.6))
    ax.plot(depths, [counting.article_left_side(width, l) for l in depths], "s--", label="article, left side")
    ax.plot(depths, [counting.square_layers_parameters(width, l) for l in depths], "o-", lw=3, label="truth: l·n(n+1)")
    ax.plot(depths, [counting.article_right_side(width, l) for l in depths], "^--", label="article, right side")
    ax.plot(depths, [counting.pairs_in_one_set(width)] * 12, "v:", label="k(k+1)/2 of one layer")
    ax.axvline(depth, color="black", lw=0.8)
    ax.set(yscale="log", xlabel="layers l", ylabel="parameters", title=f"{width} neurons a layer; at {depth} layers the "
           f"truth is {counting.square_layers_parameters(width, depth):,}")
    ax.yaxis.set_major_formatter("{x:.0e}")
    ax.legend(ncols=2, fontsize=8)
    return fig

# %%
dh.figure(draw_counts(), alt="Parameters against number of layers for 64 neurons a layer, on a log axis: the article's left side "
          "grows exponentially, the truth grows in a straight proportion, the article's right side stays below the truth.")

# %% [markdown]
# **Move it.** The picture above is one setting. Drag width and depth and watch which curves stay together. At width 1 the left side equals the number of layers: a tree with one
# child per node is a chain.

# %%
dh.explore(draw_counts, alt="Parameter counts against layers", width=dh.Slider(1, 4096, 64, log=True), depth=dh.Slider(1, 12, 4))

# %% [markdown]
# ## What k(k+1)/2 counts
#
# The article says that layer *k* has k(k+1)/2 parameters and k/2 neurons. That number is real, but it counts something else: pairs within *one* set, where a pair may repeat
# an element. A layer joins *two* sets. List the pairs for k = 3 and see.

# %%
from itertools import combinations_with_replacement, product

one_set = list(combinations_with_replacement("abc", 2))
two_sets = list(product("abc", "xyz"))
print(f"within one set of 3: {len(one_set)} = 3·4/2.  between two sets of 3: {len(two_sets)} = 3·3")
k = 8
print(f"k/2 = 4 neurons on each side: {counting.dense_parameters(k // 2, k // 2)} parameters; k(k+1)/2 = {counting.pairs_in_one_set(k)}")

# %% [markdown]
# ## Same sum, different nets
#
# If a model's connections were the sum of k(k+1)/2 over its widths, the order of layers would not matter, since a sum has no order. But a layer depends on its neighbours. Search for
# the smallest pair of nets with equal sums and different true counts.

# %%
from itertools import permutations

def first_pair(limit=6):
    for top in range(2, limit):
        for widths in product(range(1, top + 1), repeat=3):
            for other in permutations(widths):
                if counting.widths_parameters(widths) != counting.widths_parameters(other):
                    return widths, other

one, other = first_pair()
for net in (one, other):
    print(net, "sum of k(k+1)/2:", sum(map(counting.pairs_in_one_set, net)), " true count:", counting.widths_parameters(net))

# %% [markdown]
# ## Memory and arithmetic
#
# Parameters cost memory three times over while you train: the weights, one gradient each, and two running averages each for Adam. They also cost arithmetic: one multiplication and one addition per weight,
# for every input. Predict the big MLP: 5.9 million · 4 bytes · 4 ≈ 95 MB.

# %%
memory = counting.training_memory(counting.measured_parameters(big))
for what, size in memory.items():
    print(f"{what:12} {size / 1e6:6.1f} MB")
flops = counting.measured_flops(big, torch.zeros(1, 784))
print(f"forward pass: {flops:,} FLOPs measured, {counting.forward_flops(widths):,} by the closed form")

# %%
start = time.perf_counter()
huge = counting.mlp_on_meta([100_000] * 101)
seconds = time.perf_counter() - start
count = counting.measured_parameters(huge)
print(f"{count:,} parameters; weights alone would fill {count * 4 / 2**40:.1f} TiB")
print("counted in under a second:", seconds < 1)

# %% [markdown]
# ## A ResNet-50 of six million, distilled to 27 thousand?
#
# The article (section 1) reports a ResNet-50 of about 6 million parameters, sets it against AlexNet as a shallow model of "only" millions or tens of millions, and says that distillation on ImageNet reached about 27 thousand.
# The networks are public. Build them without weights, and count.

# %%
from torchvision import models

with torch.device("meta"):
    resnet50 = counting.measured_parameters(models.resnet50(weights=None))
    alexnet = counting.measured_parameters(models.alexnet(weights=None))
print(f"ResNet-50 {resnet50:,}   AlexNet {alexnet:,}")

# %% [markdown]
# AlexNet is the *larger* of the two. And 27 thousand? ImageNet has 1000 classes, so even the last layer, a linear head on *d* features, holds 1000·(d + 1) numbers. How
# many features can you afford, and what is left for everything before the head?

# %%
budget = 27_000
features = budget // 1000 - 1
left = budget - counting.dense_parameters(features, 1000)
print(f"{features} features, head {counting.dense_parameters(features, 1000):,} parameters, {left} left for the whole trunk")
smallest_trunk = counting.dense_parameters(3 * 224 * 224, features)
print(f"a dense layer from 224 × 224 pixels in colour to {features} features needs {smallest_trunk:,}")

# %% [markdown]
# Nothing is left. A convolution of 3 × 3 over three colours to those features would already take 728 parameters. The *ratio* of the story, about 222 to 1, is another matter: on ten classes it can exist, and
# notebook 07 builds it.

# %% [markdown]
# ## Verdicts
#
# Each verdict is computed from the facts counted above.

# %%
c05 = dh.first_edition("C05", "01", part="the networks and numbers as stated").judge(stated=[
    dh.fact("ResNet-50 has about 6 million parameters", abs(resnet50 - 6e6) < 1e6, counted=resnet50),
    dh.fact("AlexNet is the smaller of the two", alexnet < resnet50, counted=alexnet),
    dh.fact("27 thousand parameters leave room for a trunk before a 1000-way head", left > 0, left=left, features=features),
])

# %%
c06 = dh.first_edition("C06", "01").judge(stated=[
    dh.fact("the article's two sides agree", (sides["article, left"] == sides["article, right"]).all()),
    dh.fact("the left side equals the measured count", (sides["article, left"] == sides.measured).all()),
    dh.fact("the right side equals the measured count", (sides["article, right"] == sides.measured).all()),
])

# %%
halves = [(counting.dense_parameters(k // 2, k // 2), counting.pairs_in_one_set(k)) for k in range(2, 200, 2)]
c07 = dh.first_edition("C07", "01").judge(stated=[
    dh.fact("a layer between two sets of k/2 neurons has k(k+1)/2 parameters", all(a == b for a, b in halves)),
])
print(f"equal for {sum(a == b for a, b in halves)} of {len(halves)} even k; the count is k(k+2)/4:", all(
    counting.dense_parameters(k // 2, k // 2) == k * (k + 2) // 4 for k in range(2, 200, 2)))

# %%
c08 = dh.first_edition("C08", "01").judge(stated=[
    dh.fact("nets with equal sums of k(k+1)/2 have equal counts",
            counting.widths_parameters(one) == counting.widths_parameters(other), one=str(one), other=str(other)),
    dh.fact("the sum gives the big MLP's count",
            sum(map(counting.pairs_in_one_set, widths)) == counting.measured_parameters(big)),
])

# %% [markdown]
# ## Remember
#
# 1. A dense layer from *a* to *b* has a·b + b parameters: neighbours' widths matter.
# 2. Parameters grow linearly with depth and with the square of width; never exponentially.
# 3. A 1000-way head alone costs 1000 per feature, so 27 thousand parameters cannot hold ImageNet.

# %% [markdown]
# ## Exercises
#
# **01.1** Count the parameters of an MLP from a list of widths, the input first. Solutions are in
# [solutions/01_counting_the_big_mlp.md](solutions/01_counting_the_big_mlp.md).

# %% tags=["raises-exception"]
def count_parameters(widths):  # exercise 01.1
    raise NotImplementedError

count_parameters([784, 32, 10])

# %%
dh.check("01.1", count_parameters)

# %% [markdown]
# **01.2** How many hidden neurons can a net with one hidden layer afford within a budget of parameters? Return the largest whole number, 0 if none fits.

# %% tags=["raises-exception"]
def largest_hidden(in_features, classes, budget):  # exercise 01.2
    raise NotImplementedError

largest_hidden(784, 10, 27_000)

# %%
dh.check("01.2", largest_hidden)

# %% [markdown]
# **01.3** How many bytes does training need for weights, gradients and Adam's states, given the number of parameters and the bytes of one number?

# %% tags=["raises-exception"]
def training_bytes(parameters, bytes_each):  # exercise 01.3
    raise NotImplementedError

training_bytes(5_936_650, 4)

# %%
dh.check("01.3", training_bytes)

# %% [markdown]
# ## Further reading
#
# - K. He, X. Zhang, S. Ren, J. Sun, *Deep Residual Learning for Image Recognition*, CVPR 2016.
# - A. Krizhevsky, I. Sutskever, G. Hinton, *ImageNet Classification with Deep Convolutional Neural Networks*, NIPS 2012.
# - D. Kingma, J. Ba, *Adam: A Method for Stochastic Optimization*, ICLR 2015.
#
# **Next:** [02 · Fitting anything](02_fitting_anything.ipynb).
