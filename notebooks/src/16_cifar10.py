# %% [markdown]
# # 16 · CIFAR-10
#
# **The question:** which of the gains that papers report for distillation on small pictures are left when recipe, norm and weights are made alike?
#
# **You will be able to** augment by indexing, choose a norm for students that train together, and find what else changed in a published comparison. **You need** [07](07_soft_targets.ipynb) for soft targets and [14](14_mnist.ipynb) for the three questions. **Time:** under 2 minutes to run, 60 minutes to teach. **Claims:** C22.

# %%
from dataclasses import replace

import torch
import distill_helpers as dh
from distill_helpers import measure
from distill_helpers.course.applications import figures as shared
from distill_helpers.course.applications.public import in_profile
from distill_helpers.course.applications.results import Results
from distill_helpers.course.applications.trials import answered, train
from distill_helpers.course.lessons.cifar10 import (
    figures, full, published, records_arms, records_costs, tuned)
from distill_helpers.course.lessons.cifar10.measured import AT_05, TUNED, sides
from distill_helpers.course.lessons.cifar10.task import CIFAR10
from distill_helpers.course.records import agrees
from distill_helpers.data.generated.emoji_cifar import class_names
from distill_helpers.training.randomness import build_seeded

dh.start(seed=0, lesson="cifar10")

# %%
app = in_profile(CIFAR10, full.application)
shared.flow(app.teacher(), app.student(), "4,000 pictures", "2,000 other pictures")

# %% [markdown]
# ## Emoji in ten classes
#
# CIFAR-10 holds small photographs of ten kinds of things, and is not bundled here. `emoji-cifar` stands in for it: emoji of the same ten class names, laid over photographs or running colours. It is synthetic, and its 72 drawings are the same in training and in test. Place, size, light and surrounding are not. With `DISTILL_PROFILE=full` the cells on teacher and student run on CIFAR-10's own files.

# %%
drawn = app.draw(0)
some = drawn.mine[:20]
figures.emoji(drawn.pool.pixels[0][some],
              [class_names()[k] for k in drawn.pool.labels[some].tolist()])

# %% [markdown]
# In each replicate the teacher learns from 4,000 pictures and the student from 2,000 others, and both are read on 10,000 more. No two replicates share a picture, so an interval over replicates covers other test pictures by itself.

# %% [markdown]
# ## Views by indexing
#
# Pictures are mirrored and moved, as in the published recipes. A loop over pictures would be slow. Write it for the whole set at once: draw where each window begins, and look the pixels up by three index tensors. $k$ counts pictures, $i$ and $j$ count rows and columns of the window.

# %%
def moved(images, shift, generator):
    n, _, h, w = images.shape
    padded = torch.nn.functional.pad(images, [shift] * 4)
    top, left = torch.randint(2 * shift + 1, (2, n, 1, 1), generator=generator)
    i, j = torch.arange(h).view(1, h, 1), torch.arange(w).view(1, 1, w)
    k = torch.arange(n).view(n, 1, 1)
    return padded[k, :, top + i, left + j].movedim(-1, 1)

# %%
images = drawn.pool.pixels[0][drawn.mine[:64]]
g = torch.Generator().manual_seed(0)
seen = moved(images, 2, g)
assert torch.equal(moved(images, 0, g), images) and seen.shape == images.shape
print(f"{len(seen)} pictures moved at once; with a shift of 0 nothing moves")

# %%
figures.views(drawn.pool, drawn.mine[:3].tolist())

# %% [markdown]
# ## Teacher and students
#
# The teacher is ResNet-8 as published: residual blocks and BatchNorm. The student is 12 times smaller and has a norm that looks at each picture by itself. You train a teacher for 150 steps here, so that you need not wait. The teachers of the record learn for 800.

# %% tags=["nbval-ignore-output"]
big = build_seeded(app.teacher, 0)
short = replace(app.teaching, steps=150)
teaching = dh.fit(big, drawn.pool.subset(drawn.teaches), short, seed=0, progress=False)
big.eval()
held = drawn.validation
said = answered(big, held).argmax(-1)
print(f"after 150 steps the teacher reads {(said == held.labels).float().mean():.1%}")

# %%
dh.predict("cifar10.few", "400 pictures have a label. Which arm reads best?",
           ["alone", "soft targets, labelled pictures", "soft targets, all pictures"])

# %%
runs = {}
for regime, arms in {"few labels": ("alone",), "unlabelled data": ("soft targets",)}.items():
    numbers = tuned.TUNED[regime]
    runs[regime] = train(app, regime, {a: (a, numbers[a]) for a in arms}, 0,
                         answers=big)

# %% tags=["nbval-ignore-output"]
for regime, run in runs.items():
    for name in run.arms:
        score = run.scores["accuracy"][0, run.arms.index(name)].item()
        print(f"{regime}, {name}: {score:.1%}")

# %%
found = Results(CIFAR10, records_arms.__name__, records_costs.__name__)
means = {"alone": found.column("few labels", "alone", "accuracy").mean(),
         "soft targets, labelled pictures":
             found.column("few labels", "soft targets", "accuracy").mean(),
         "soft targets, all pictures":
             found.column("unlabelled data", "soft targets", "accuracy").mean()}
dh.predict.outcome("cifar10.few", max(means, key=means.get),
                   said=", ".join(f"{name} {v:.1%}" for name, v in means.items()) + ".")

# %%
shared.gains(found, "all labels")

# %%
shared.gains(found, "few labels")

# %%
shared.gains(found, "unlabelled data")

# %% [markdown]
# The record must be what this code makes. Run a slice of it again: the student alone with few labels, which you have just trained.

# %%
alone = runs["few labels"]
live = {"regime": "few labels", "arm": "alone", "replicate": 0,
        "accuracy": alone.scores["accuracy"][0, alone.arms.index("alone")].item()}
agrees(found.rows, [live], ["regime", "arm", "replicate"], {"accuracy": 0.06})
print("the slice agrees with its record within six percentage points")

# %% [markdown]
# ## BatchNorm, or a norm that stacks
#
# BatchNorm divides by the spread over the batch. So a picture's answer depends on its neighbours, and the net keeps statistics beside its weights. Students that have such statistics are trained one by one here. GroupNorm with one group looks at each picture by itself, and such students can be stacked. Does the norm change what a teacher is worth?

# %%
dh.predict("cifar10.norm", "Under which norm does a narrow residual student gain more "
           "from its teacher?", ["BatchNorm", "GroupNorm", "the interval includes zero"])

# %%
aside = sides()
figures.norms(aside)

# %%
d = aside.grows("BatchNorm, soft targets", "BatchNorm, alone",
                "GroupNorm, soft targets", "GroupNorm, alone")
came = ("BatchNorm" if d.low > 0 else "GroupNorm" if d.high < 0
        else "the interval includes zero")
dh.predict.outcome("cifar10.norm", came,
                   said=f"{100 * d.mean:+.1f} points more under BatchNorm.")

# %% [markdown]
# ## A published gain, taken apart
#
# Sun et al. (CVPR 2024) standardise the logits of each picture, $Z(z) = (z - \bar z) / \sigma_z$, before the softmax, so that a student need not reach its teacher's range. Their setting also raises the weight of the soft term from 0.9 to 9 and lowers the temperature from 4 to 2.

# %% [markdown]
# With SGD a loss that is ten times larger moves the weights ten times as far. So weight 9 is a larger step as well. The arms here change one thing at a time. The weights of labels and teacher keep their shares, 0.1 to 0.9, and the whole loss is ten times larger.

# %%
def standardised(z):
    return (z - z.mean(-1, keepdim=True)) / z.std(-1, correction=0, keepdim=True)

z = 3 * torch.randn(4, 10, generator=g)
torch.testing.assert_close(standardised(5 * z + 2), standardised(z))
print("scale and offset of the logits no longer matter")

# %%
figures.standardised(aside)

# %%
nine, four = "standardised, T 2, weight 9", "soft targets, T 4"
rows = {"as published": aside.gain(nine, four, TUNED, AT_05),
        "same weight and temperature":
            aside.gain(nine, "soft targets, T 2, weight 9"),
        "each at its best rate": aside.gain("standardised, T 2", "soft targets, T 2")}
dh.table([{"comparison": n} | {k: 100 * getattr(d, k) for k in ("mean", "low", "high")}
          for n, d in rows.items()], "What standardised logits gain, points", 2)

# %% [markdown]
# FINDINGS STANDARDISED

# %% [markdown]
# ## A strong recipe
#
# Distillation is often shown on short schedules. Does its gain survive six times the steps, and mixed pictures on top? *Mixup* trains on blends of two pictures (lesson 12). The teacher answers the very blend that the student sees.

# %%
dh.predict("cifar10.strong", "With all labels and a long schedule on mixed pictures, do "
           "soft targets still beat the student alone?",
           ["yes", "the interval includes zero", "no, they lose"])

# %%
figures.recipes(aside)

# %%
d = aside.gain("long, mixup, soft targets", "long, mixup, alone")
came = ("yes" if d.low > 0 else "no, they lose" if d.high < 0
        else "the interval includes zero")
dh.predict.outcome("cifar10.strong", came, said=f"{100 * d.mean:+.1f} points.")

# %% [markdown]
# **Move it.** Walk from the short recipe to the long one and to mixed pictures. Do the lines become flatter, and do any of them point downwards?

# %%
dh.explore(lambda recipe: figures.at_a_recipe.picture(aside, recipe),
           recipe=dh.Steps((0, 1, 2), 0, label="recipe"))

# %% [markdown]
# FINDINGS STRONG

# %% [markdown]
# ## The published table
#
# Tian, Krishnan and Isola (ICLR 2020) give these numbers for CIFAR-100: 240 epochs, batches of 64, SGD with a rate of 0.05 that falls tenfold after 150, 180 and 210 epochs, $T = 4$. `published.run()` trains the same on CIFAR-100's files; it takes hours on a GPU, and was not run for this page.

# %%
dh.table(published.table(), "Test accuracy on CIFAR-100, one run each", 2)

# %% [markdown]
# ## Three questions
#
# Fewer steps, less time, better at the end? [14](14_mnist.ipynb) says how each is measured: steps to the validation accuracy that both arms show, seconds to it with the teacher counted or not, and test accuracy against three rivals.

# %%
shared.learning(found, "all labels")

# %%
shared.learning(found, "unlabelled data")

# %%
shared.questions(found)

# %% [markdown]
# Time is another question, since a teacher must be trained first, and must answer. Each part was timed alone on an idle machine: the teacher's training, its answers to all views of the student's pictures, one step of each arm.

# %%
shared.seconds(found)

# %% [markdown]
# And better at the end? The forests above show it. The table has calibration and agreement with the teacher beside accuracy.

# %%
dh.table(shared.summary(found, "all labels"), "All labels: means over replicates", 3)

# %% [markdown]
# ## Size and speed
#
# Write teacher and student to files. A fresh process, which imports torch and nothing of ours, answers one picture at a time on one thread. Parameters, bytes and milliseconds are three sizes, and they need not shrink alike.

# %%
from distill_helpers.course.paths import cache_dir

student = runs["unlabelled data"].model("soft targets")
deployed = {}
for name, model in {"teacher": big, "student": student}.items():
    path = measure.export_model(model, cache_dir() / f"{name}.pt2", held.x[:8])
    deployed[name] = measure.measure_in_fresh_process(path, held.x[:64])

# %% tags=["nbval-ignore-output"]
for name, d in deployed.items():
    print(f"{name}: {d.file_bytes / 1e3:,.0f} kB, {d.median_ms:.2f} ms a picture "
          f"(quartiles {d.low_ms:.2f} to {d.high_ms:.2f})")

# %% [markdown]
# Look at what the distilled student gets wrong. Is it the drawing, the surrounding, or the piece that covers it?

# %% tags=["nbval-ignore-output"]
said = answered(student, held).argmax(-1)
dh.figure(dh.errors(held.images, held.labels, said, most=16),
          alt="Sixteen validation pictures that the distilled student got wrong, each "
              "over its class number and the student's answer",
          caption="The first 16 errors of the distilled student among the validation "
                  "pictures: the class, and what the student said.")

# %% [markdown]
# ## Verdicts
#
# The readings were registered before these runs: soft targets against alone, in three regimes, with a tenth of the steps or of the time, and one point of accuracy, as the smallest differences that matter.

# %%
easier = dh.claim("C22", "CIFAR-10: easier").judge(found.easier())

# %%
easier.table()

# %%
shorter = dh.claim("C22", "CIFAR-10: shorter").judge(found.shorter())

# %%
shorter.table()

# %%
better = dh.claim("C22", "CIFAR-10: better").judge(found.better())

# %%
better.table()

# %% [markdown]
# ## What you know now
#
# FINDINGS

# %% [markdown]
# ## Exercises
#
# Solutions are in [solutions/16_cifar10.md](solutions/16_cifar10.md). Try each for five minutes first; the hints under a stub open one behind the other.
#
# **16.1** Write the soft loss on standardised logits [N, C], the mean over rows, with the factor $T^2$.

# %% tags=["raises-exception"]
def my_loss(student, teacher, temperature):  # exercise 16.1
    raise dh.Unsolved("Return T² KL(teacher ‖ student) of standardised logits.")

my_loss(torch.eye(3), torch.eye(3), 2.0)

# %%
dh.hints("Which mean and which deviation: of the batch, or of one picture?",
         "Standardise both, then it is the loss of lesson 07.",
         "std(correction=0) divides by the number of classes.")
dh.check("16.1", my_loss)

# %% [markdown]
# **16.2** Judge a published gain. Return the letter of the control that could take it away, and say to yourself what each of the others would show.

# %%
dh.options("16.2")

# %% tags=["raises-exception"]
def my_control():  # exercise 16.2
    raise dh.Unsolved("Return the letter of the control.")

my_control()

# %%
dh.hints("In how many things do the two runs differ?",
         "What does SGD do with a loss that is ten times larger?")
dh.check("16.2", my_control)

# %% [markdown]
# **16.3** Extend the strong recipe. From pictures $x$, their partners' places, a share and a teacher, return the blends and the targets that a student should imitate on them. When it passes, try the other rule; the solution says how.

# %% tags=["raises-exception"]
def my_blend(x, order, share, teacher):  # exercise 16.3
    raise dh.Unsolved("Return the blends and probabilities [N, classes] for them.")

my_blend(torch.zeros(2, 3, 4, 4), torch.tensor([1, 0]), 0.5, lambda x: x[:, 0, 0])

# %%
dh.hints("What does the student see?", "Whom does it imitate, and on which picture?",
         "The teacher gives logits; targets are probabilities.")
dh.check("16.3", my_blend)

# %% [markdown]
# ## Further reading

# %%
dh.reading("tian2020contrastive", "sun2024logit", "beyer2022knowledge", "he2016deep")

# %% [markdown]
# **Next:** [22 · The verdicts](22_the_verdicts.ipynb). To come: 17 to 20, four more applications, and 21 · Your own task.
