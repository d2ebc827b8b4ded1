# %% [markdown]
# # 10 · Label-free and data-free
#
# **You will be able to** distil without a single label, then without a single image, say what each of three generator losses is for, measure whether generated classes match the real ones, and judge a generator against an untrained one.
# **You need** [07](07_soft_targets.ipynb). **Time:** under 2 minutes to run on a 2-core CPU, 90 minutes to teach. **Claims tested:** C11.

# %%
from dataclasses import replace
import matplotlib.pyplot as plt
import numpy as np
import torch
import distill_helpers as dh
from distill_helpers import measure

dh.start(seed=0)

# %% [markdown]
# ## Two words that got swapped
#
# The article (section 2.2) says that *unsupervised* distillation knows inputs, outputs **and labels**. It is the other way round: the unsupervised student sees inputs and the teacher's outputs, no labels. First you take the labels away,
# then the images as well. The teacher is an MLP of 269,322 parameters.

# %%
from distill_helpers.course.lessons.label_free_and_data_free import records_unlabelled as unlabelled

digits = dh.load_digits()
x, y = digits.test.x, digits.test.labels
teacher = unlabelled.digits_teacher_net()
print(f"{sum(p.numel() for p in teacher.parameters()):,} parameters; reaches 94 %:", measure.accuracy(teacher(x), y).item() >= 0.94)

# %% [markdown]
# ## How many images without labels?
#
# The student is the usual one of 26,746 parameters. It gets the first 10 to 3,500 training images and the teacher's answers. Beside it: the same images **with labels instead**, answers **shuffled within their class**, and
# 20 labels a class. Prediction: where do answers beat labels, and where do they only equal them?

# %%
answers = dh.read_record(unlabelled.__name__)

def accuracy_of(arm, images):
    rows = answers[(answers.arm == arm) & (answers.images == images)].sort_values("seed")
    return rows.accuracy.to_numpy()

few = accuracy_of("20 labels a class", 200)
print(f"{len(answers)} students, {answers.seed.nunique()} seeds for each of {len(unlabelled.SETTINGS)} arms")

# %% [markdown]
# The record is checked by running a slice of it again.

# %%
from distill_helpers.course.records import agrees

slice_ = {"arm": "teacher's answers", "images": 300}
live = [slice_ | {"accuracy": np.mean([row["accuracy"] for row in unlabelled.run(slice_)])}]
agrees(answers.groupby(["arm", "images"], as_index=False).accuracy.mean(), live, ["arm", "images"], {"accuracy": 0.02})
print("the slice that was run again agrees with its record to two percentage points")

# %%
means = answers.pivot_table(index="images", columns="arm", values="accuracy")
points = {arm: answers.loc[answers.arm == arm, ["images", "accuracy"]].to_numpy().T for arm in unlabelled.ARMS}

def draw_counts(images=300):
    fig, ax = plt.subplots(figsize=(7, 3.6))
    for colour, arm in zip(dh.show.PALETTE, unlabelled.ARMS):
        ax.plot(*points[arm], "o", ms=3, alpha=0.6, color=colour)
        ax.plot(means[arm].dropna(), color=colour, label=f"{arm}: {means.loc[images, arm]:.3f}")
    ax.axhline(few.mean(), color="black", ls=":", label=f"200 labels: {few.mean():.3f}")
    ax.axvline(images, color="gray", lw=0.8)
    ax.set(xscale="log", xlabel="number of images", ylabel="accuracy on 1,000 test digits", title=f"at {images} images (line)")
    ax.minorticks_off()
    ax.set_xticks(unlabelled.COUNTS, unlabelled.COUNTS)
    ax.legend(loc="lower right")
    return fig

# %%
dh.figure(draw_counts(), alt="Test accuracy of five seeds and their means against 10 to 3,500 images: the teacher's answers lie above labels on the same images up to 1,000, "
          "answers shuffled in class lie below the teacher's answers from 30 to 1,000, and all three meet at 3,500; a dotted line marks 200 labels.")

# %%
dh.explore(draw_counts, alt="Accuracy against the number of images", images=dh.Choice(unlabelled.COUNTS, 300))

# %%
for count in unlabelled.COUNTS:
    answer, label, other = (accuracy_of(arm, count) for arm in ("teacher's answers", "labels", "shuffled in class"))
    print(f"{count:5} images: answers minus labels {dh.paired(answer, label)}, minus shuffled {dh.paired(answer, other)}")

# %% [markdown]
# Up to 1,000 images the teacher's answer is worth *more* than the label. The control says why: from 30 to 1,000, another image's answer from the same class is worth less, so what helps is what the teacher says about this very image. With 3,500
# images all three meet. The teacher itself was taught with all labels: they are not free, they are paid for once.

# %% [markdown]
# ## Does it infer the label distribution?
#
# The article says so. Take test digits with few of the classes 5 to 9, hide the labels, and count what the teacher names. The distance of two distributions is the **total variation**, ½ Σ |p − q|: 0 when equal, 1 when apart.

# %%
keep = torch.cat([(y == c).nonzero().squeeze(1)[: 100 if c < 5 else 15] for c in range(10)])
true_shares = measure.class_shares(y[keep], 10)
named_shares = measure.class_shares(teacher(x[keep]).argmax(-1), 10)
inferred = measure.total_variation(named_shares, true_shares).item()
print("the teacher's names give the classes to within 0.05:", inferred < 0.05)

# %% [markdown]
# Yes: with *unlabelled images* the distribution of labels can be read off. The hard case comes now.

# %% [markdown]
# ## No images at all
#
# DAFL (Chen et al. 2019) trains a generator against the fixed teacher. An image is good when the teacher is sure of it (**one-hot**, eq. 3), when its features are excited (**activation**, eq. 4), and when all classes come
# equally often in a batch (**entropy**, eq. 5). Nothing here looks at data.

# %%
def dafl_losses(logits, features):
    log_p = torch.log_softmax(logits, dim=-1)
    one_hot = -log_p.max(-1).values.mean()
    activation = -features.abs().mean()
    mean_p = log_p.exp().mean(0)
    return one_hot, activation, (mean_p * mean_p.log()).sum()

# %% [markdown]
# The student learns the teacher's answers on whatever was generated. In the package the generator is a declared extra that plays as an *opponent* with a rate of its own. The losses are the same:

# %%
from distill_helpers.strategies.data_free import data_free as package

z, f = 3 * torch.randn(32, 10), torch.randn(32, 256).relu()
theirs = package.one_hot_loss(z), package.activation_loss(f), package.entropy_loss(z)
print("the notebook's losses equal the package's:", all(torch.allclose(a, b) for a, b in zip(dafl_losses(z, f), theirs)))

# %% [markdown]
# DFAD (Fang et al. 2019) has one loss instead of three: the student minimises mean |t − s| over logits, the generator *maximises* it. It looks for images on which the student is still wrong. Prediction: which of the two makes
# evener classes, and which teaches more?

# %% [markdown]
# ## Watch two generators
#
# Both get one blank image without a label; only its shape is used. With a constant rate a run of 100 steps is the beginning of a run of 300, so samples *by step* are simply runs of several lengths.

# %%
from distill_helpers.course.lessons.label_free_and_data_free import records_data_free as data_free

STEPS = (1, 100, 300, 700)
def short_run(arm, steps):
    strategy, recipe = data_free.DATA_FREE[arm]
    recipe = replace(recipe, steps=steps, schedule="constant", warmup=0.0)
    return dh.distill(dh.digits_student, teacher, data_free.blank(), strategy, recipe=recipe)

runs = {(arm, steps): short_run(arm, steps) for arm in ("DAFL", "DFAD") for steps in STEPS}

# %%
short, longer = (runs["DAFL", steps].history["match"] for steps in (100, 300))
print("100 steps are the beginning of 300:", torch.allclose(short, longer[:100], rtol=1e-3, atol=1e-4))
print("what was seen of the data:", tuple(data_free.blank().images.shape), "of zeros:", not data_free.blank().images.any())

# %%
made = {key: data_free.made_by(run, 0, count=500) for key, run in runs.items()}
named = {key: teacher(images).argmax(-1) for key, images in made.items()}
tiles = {key: images[:40, 0].reshape(5, 8, 28, 28).transpose(1, 2).reshape(140, 224) for key, images in made.items()}

def draw_step(method="DAFL", step=700):
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 2.9), width_ratios=(1.5, 1))
    left.imshow(tiles[method, step], cmap="gray_r", vmin=0, vmax=1)
    left.axis("off")
    right.bar(range(10), measure.class_shares(named[method, step], 10), color=dh.show.PALETTE[0])
    right.axhline(0.1, color="black", ls=":")
    right.set(xticks=range(10), ylim=(0, 0.6), xlabel="class that the teacher names", ylabel="share", title=f"{method}, step {step}")
    return fig

# %% tags=["nbval-ignore-output"]
dh.figure(draw_step("DAFL", 1), alt="Forty generated images after one step, soft random blobs, beside the classes that the teacher names: two or three classes take nearly all.")
dh.figure(draw_step("DAFL", 700), alt="Forty images of DAFL after 700 steps, smooth shapes some of which recall digits, beside shares of the ten classes that are nearly even.")
dh.figure(draw_step("DFAD", 700), alt="Forty images of DFAD after 700 steps, dense blobs of high contrast, beside shares of the ten classes that are uneven.")

# %% [markdown]
# **Move it.** Step through both generators. DAFL's bars level out fast; DFAD's never need to.

# %%
dh.explore(draw_step, alt="Generated samples and their classes", method=dh.Choice(("DAFL", "DFAD")), step=dh.Choice(STEPS, 700))

# %%
spread = {key: measure.total_variation(measure.class_shares(n, 10), [0.1] * 10).item() for key, n in named.items()}
print("DAFL's classes start uneven and become even:", spread["DAFL", 1] > 0.3 > 0.2 > spread["DAFL", 700])
print("DFAD's stay less even than DAFL's:", spread["DFAD", 700] > spread["DAFL", 700])

# %% [markdown]
# ## Against doing nothing clever
#
# A generator must beat images that cost nothing: uniform noise, random blobs, and above all the **same generator, never trained**, which gives fresh blobs at every step. The upper bound is 3,500 real images without labels.
# Five seeds each, 2,000 steps, recorded.

# %%
record = dh.read_record(data_free.__name__)
shares = record[[f"share{c}" for c in range(10)]].to_numpy()
record["uneven"] = measure.total_variation(shares / shares.sum(-1, keepdims=True), [0.1] * 10).numpy()

def arm(name, column="accuracy"):
    return record[record.arm == name].sort_values("seed")[column].to_numpy()

def shown(names, column="accuracy"):
    return {name: arm(name, column) for name in names}

# %%
again = [{"arm": "random blobs", "accuracy": np.mean([row["accuracy"] for row in data_free.run({"arm": "random blobs"})])}]
agrees(record.groupby("arm", as_index=False).accuracy.mean(), again, ["arm"], {"accuracy": 0.05})
print("the slice that was run again agrees with its record to five percentage points")

# %%
cheap = ["real images", "uniform noise", "random blobs", "untrained generator", "DAFL", "DFAD"]
ax = dh.show.seeds_plot(shown(cheap), unit="accuracy on 1,000 test digits", title="Students that saw no digit, and one that did")
ax.set_xlim(0, 1)
dh.figure(ax.figure, alt="Test accuracy of five seeds for six kinds of images: real images near 0.96, uniform noise near 0.26, random blobs near 0.5, "
          "the untrained generator and DAFL near 0.56, DFAD near 0.75.")

# %%
still = arm("untrained generator")
print("DAFL minus untrained generator:", dh.paired(arm("DAFL"), still))
print("DFAD minus untrained generator:", dh.paired(arm("DFAD"), still))
print("DFAD minus real images:        ", dh.paired(arm("DFAD"), arm("real images")))

# %% [markdown]
# Read that twice. DAFL evens out the classes, yet five seeds show no difference to a generator that never learnt. Without that control you would have credited the three losses with 56 %. DFAD gains about 19 points: finding
# *where the student is wrong* matters more than even classes. Both stay far from real images.

# %% [markdown]
# This is a null within a budget, not a refutation of DAFL. The paper has convolutional nets, larger batches and many more steps, and reports 98 % on MNIST. We tried rates, one-hot weight, α and temperature on the
# validation digits; none beat the untrained generator.

# %% [markdown]
# ## What is each loss for?
#
# Remove one at a time. Prediction: which removal destroys the class balance?

# %%
parts = ["untrained generator", "DAFL", "DAFL without one-hot", "DAFL without activation", "DAFL without entropy", "DFAD"]
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), sharey=True)
dh.show.seeds_plot(shown(parts, "uneven"), left, unit="total variation from even classes")
dh.show.seeds_plot(shown(parts), right, unit="accuracy on 1,000 test digits")
left.set_xlim(0, 1)
dh.figure(fig, alt="Left, total variation from even classes: near 0.03 for DAFL and for two ablations, about 0.7 without the entropy loss, 0.5 untrained, 0.4 for DFAD. "
          "Right, accuracy: without entropy about ten points lower than DAFL, DFAD highest.")

# %%
sure = record.groupby("arm").certainty.mean()
for name in ("one-hot", "activation", "entropy"):
    change = dh.paired(arm(f"DAFL without {name}"), arm("DAFL"))
    print(f"without {name:10} accuracy {change}, teacher's certainty {sure['DAFL']:.2f} -> {sure[f'DAFL without {name}']:.2f}")

# %% [markdown]
# Only the entropy loss carries weight here: without it the generator collapses to a few classes, and accuracy falls by eleven points. One-hot buys certainty, not accuracy. The activation loss does nothing measurable.

# %% [markdown]
# ## Even, or right?
#
# The bundled digits are balanced, so "even" and "like the data" look the same. Separate them: a teacher that saw 350 of each of the classes 0 to 4, but 50 of each of 5 to 9. Prediction: which shares does DAFL's generator give?

# %%
real = np.array(data_free.SKEW) / sum(data_free.SKEW)
skewed = record[record.arm == "DAFL, skewed teacher"].sort_values("seed")
skewed_shares = skewed[[f"share{c}" for c in range(10)]].to_numpy()
fig, ax = plt.subplots(figsize=(7, 3))
ax.bar(range(10), real, color="lightgray", label="what the teacher saw")
ax.plot(range(10), skewed_shares.T, "o", ms=4, alpha=0.6, color=dh.show.PALETTE[1])
ax.axhline(0.1, color="black", ls=":", label="even")
ax.set(xticks=range(10), xlabel="class", ylabel="share", title="DAFL's classes (dots, five seeds)")
ax.legend()
dh.figure(fig, alt="Bars of the classes that the skewed teacher saw, 0.175 for 0 to 4 and 0.025 for 5 to 9, with the shares of five generators as dots: most lie near the even line at 0.1.")

# %%
skewed_shares = skewed_shares / skewed_shares.sum(-1, keepdims=True)
from_real = measure.total_variation(skewed_shares, real).numpy()
from_even = measure.total_variation(skewed_shares, [0.1] * 10).numpy()
print("nearer to even classes than to the real ones, every seed:", bool((from_even < from_real).all()))

# %% [markdown]
# It gives what its loss asks for, not what the teacher saw. A data-free generator *assumes* a label distribution; it does not infer one.

# %% [markdown]
# ## Told the class: a conditional GAN
#
# A conditional GAN (Mirza & Osindero 2014) needs labelled images: the critic scores *x as a y*, the generator is told the class. In our loop the net being trained is the critic, shaped like a classifier; its opponent is the
# generator. Train two: one with a penalty on the critic's slope at real images (R1, Mescheder et al. 2018), one without. Prediction: what goes wrong without it?

# %%
asked = torch.arange(10).repeat_interleave(50)
critics = {"with R1": data_free.train_gan(1.0, (0,)), "without R1": data_free.train_gan(0.0, (0,))}
drawn = {name: data_free.made_by(run, 0, asked, count=500) for name, run in critics.items()}
told = {name: (teacher(images).argmax(-1) == asked).float().mean().item() for name, images in drawn.items()}

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 2, figsize=(10, 3.4), sharey=True)
for ax, (name, images) in zip(axes, drawn.items()):
    ax.imshow(images.reshape(10, 50, 28, 28)[:, :15].transpose(1, 2).reshape(280, 420), cmap="gray_r")
    ax.set(xticks=[], yticks=14 + 28 * np.arange(10), yticklabels=range(10), title=f"{name}: {told[name]:.0%} named as told")
    ax.grid(False)
axes[0].set_ylabel("class that was asked for")
dh.figure(fig, alt="Two panels of fifteen generated digits in each of ten rows, one row for each class that was asked for. With R1 most are readable digits of that class; "
          "without it they are broken shapes that repeat within and across rows.")

# %%
print("with R1 the teacher names most of them as they were asked for:", told["with R1"] > 0.6)
print("without it clearly fewer:", told["without R1"] < told["with R1"] - 0.1)

# %% [markdown]
# Without the penalty the critic wins early, its verdict carries no direction any more, and the generator repeats itself: *mode collapse*. Now the record, five seeds: what is a student worth that learns from such images and the teacher's
# answers? (DFAD was told nothing, so it has no third value.)

# %%
gans = ["real images", "conditional GAN", "conditional GAN without R1", "DFAD"]
fig, axes = plt.subplots(1, 3, figsize=(11, 2.8), sharey=True)
for ax, column, unit in zip(axes, ("accuracy", "uneven", "told"), ("accuracy of the student", "total variation from real classes", "named as told")):
    dh.show.seeds_plot({k: np.nan_to_num(v, nan=-1) for k, v in shown(gans, column).items()}, ax, unit=unit)
    ax.set_xlim(-0.03, 1.03)
dh.figure(fig, alt="Three panels over real images, conditional GAN with and without R1, and DFAD: accuracy 0.96, 0.92, 0.68 and 0.75; distance from the real classes "
          "0, below 0.1, about 0.3 and 0.4; share named as told 0.98, 0.8, 0.4, and none for DFAD.")

# %%
print("GAN minus real images:", dh.paired(arm("conditional GAN"), arm("real images")))
print("GAN minus DFAD:       ", dh.paired(arm("conditional GAN"), arm("DFAD")))
print("R1 gains:             ", dh.paired(arm("conditional GAN"), arm("conditional GAN without R1")))

# %% [markdown]
# So generated samples *can* match the label distribution, because the generator is told the label. But it needed all 3,500 labelled images, and the student gets four points less than from those images themselves.

# %% [markdown]
# ## The verdict

# %%
gain = lambda a, b: dh.paired(arm(a), arm(b))
c11 = dh.first_edition("C11", "10").judge(
    stated=[
        dh.measured("labels on all 3,500 images gain more than two points over the teacher's answers",
                    dh.paired(accuracy_of("labels", 3500), accuracy_of("teacher's answers", 3500)), margin=0.02),
        dh.measured("the data-free generator's classes are within 0.2 of those that its teacher saw", dh.interval(0.2 - from_real))],
    corrected=[
        dh.measured("3,500 images without labels beat 200 labels by more than five points", dh.paired(accuracy_of("teacher's answers", 3500), few), margin=0.05),
        dh.fact("on skewed unlabelled digits the teacher's names give the classes to within 0.05", inferred < 0.05),
        dh.measured("the entropy loss makes classes even: without it they are uneven by 0.3 more",
                    dh.paired(arm("DAFL without entropy", "uneven"), arm("DAFL", "uneven")), margin=0.3),
        dh.measured("told the class, a GAN comes within 0.15 of the real classes", dh.interval(0.15 - arm("conditional GAN", "uneven"))),
        dh.measured("seeking disagreement gains more than five points over an untrained generator", gain("DFAD", "untrained generator"), margin=0.05)],
)

# %%
c11.table()

# %% [markdown]
# ## Remember
#
# 1. Label-free distillation needs images and a teacher. With few images the teacher's answer is worth more than the label.
# 2. A data-free generator makes the classes that its loss asks for; it does not know those of the data.
# 3. Compare a generator with the same generator untrained. Even classes alone taught nothing here; looking for disagreement did.

# %% [markdown]
# ## Exercises
#
# **10.1** Write the information-entropy loss: logits [B, C] of the teacher, natural logarithms. Solutions are in [solutions/10_label_free_and_data_free.md](solutions/10_label_free_and_data_free.md).

# %% tags=["raises-exception"]
def my_entropy_loss(logits):  # exercise 10.1
    raise NotImplementedError

my_entropy_loss(torch.randn(4, 3))

# %%
dh.check("10.1", my_entropy_loss)

# %% [markdown]
# **10.2** Write the one-hot loss: logits [B, C] of the teacher; the class it names itself is the label.

# %% tags=["raises-exception"]
def my_one_hot_loss(logits):  # exercise 10.2
    raise NotImplementedError

my_one_hot_loss(torch.randn(4, 3))

# %%
dh.check("10.2", my_one_hot_loss)

# %% [markdown]
# **10.3** Total variation between two distributions p and q, both [C].

# %% tags=["raises-exception"]
def my_total_variation(p, q):  # exercise 10.3
    raise NotImplementedError

my_total_variation(torch.tensor([0.5, 0.5]), torch.tensor([0.9, 0.1]))

# %%
dh.check("10.3", my_total_variation)

# %% [markdown]
# ## Further reading
#
# - H. Chen et al., *Data-Free Learning of Student Networks*, ICCV 2019.
# - G. Fang et al., *Data-Free Adversarial Distillation*, arXiv 1912.11006, 2019.
# - P. Micaelli, A. Storkey, *Zero-shot Knowledge Transfer via Adversarial Belief Matching*, NeurIPS 2019.
# - M. Mirza, S. Osindero, *Conditional Generative Adversarial Nets*, arXiv 1411.1784, 2014.
# - L. Mescheder, A. Geiger, S. Nowozin, *Which Training Methods for GANs do actually Converge?*, ICML 2018.
#
# **Next:** [11 · Discriminative distillation](11_discriminative_distillation.ipynb).
