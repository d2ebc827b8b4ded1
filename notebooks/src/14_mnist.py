# %% [markdown]
# # 14 · MNIST
#
# **The question:** how small can a net be and still read digits, and how many parameters is a teacher worth?
#
# **You will be able to** draw a compression curve and read it across, and to ask of any distilled student: fewer steps, less time, or better at the end? **You need** [07](07_soft_targets.ipynb) for soft targets. **Time:** under 2 minutes to run, 60 minutes to teach. **Claims:** C22.

# %%
import torch
import distill_helpers as dh
from distill_helpers import measure
from distill_helpers.course.applications import figures as shared
from distill_helpers.course.applications.public import in_profile
from distill_helpers.course.applications.results import Results
from distill_helpers.course.applications.task import lent_teacher
from distill_helpers.course.applications.trials import answered, train
from distill_helpers.course.applications.tuning import chosen_rows, pilot
from distill_helpers.course.lessons.mnist import (
    figures, full, records_arms, records_costs, records_search, sizes,
    tuned)
from distill_helpers.course.lessons.mnist.curve import curve
from distill_helpers.course.lessons.mnist.task import MNIST
from distill_helpers.course.records import agrees, read_record

dh.start(seed=0, lesson="mnist")

# %%
app = in_profile(MNIST, full.application)
shared.flow(app.teacher(), app.student(), "half of the digits", "the other half")

# %% [markdown]
# ## The digits
#
# The course carries 5,000 real digits of MNIST. Of these, 2,500 are there to learn from, 500 to choose settings with, and 2,000 are read at the end. Half of the 2,500 teach the teacher. The other half is the student's. With `DISTILL_PROFILE=full` the same cells run on all 70,000.

# %%
drawn = app.draw(0)
print(f"{len(drawn.teaches):,} digits teach, {len(drawn.mine):,} are the student's,",
      f"{len(drawn.validation):,} choose, {len(drawn.test):,} are read at the end")
print(f"where labels are few, {app.few} of the student's digits have one")

# %%
shown = drawn.mine[torch.arange(20) * 60]
images = drawn.pool.pixels[0][shown]
words = [str(int(y)) if i % 3 else "?" for i, y in enumerate(drawn.pool.labels[shown])]
figures.digits(images, words)

# %% [markdown]
# ## Teacher and student
#
# The teacher has three convolutions and a head that sees places. The student has three narrow convolutions and the mean over places. You train the teacher on its half, then two students on theirs: one alone, one with the teacher's soft answers. Both begin alike and see the same batches.

# %%
dh.predict("mnist.first", "With all labels, how far apart will the two students end?",
           ["under 1 point", "1 to 3 points", "more than 3 points"])

# %% tags=["nbval-ignore-output"]
teacher = lent_teacher(app, 0)
right = answered(teacher, drawn.test).argmax(-1) == drawn.test.labels
print(f"the teacher reads {right.float().mean():.1%} of the test digits")

# %%
numbers = tuned.TUNED["all labels"]
arms = {name: (name, numbers[name]) for name in ("alone", "soft targets")}
watch = dh.Curve(drawn.validation)
pair = train(app, "all labels", arms, 0, watch=(watch,))

# %% tags=["nbval-ignore-output"]
for name in pair.arms:
    print(f"{name}: {pair.scores['accuracy'][0, pair.arms.index(name)].item():.1%}")

# %% tags=["nbval-ignore-output"]
figures.two_learn(watch.rows)

# %% [markdown]
# The settings of every arm were searched for: fifteen for each, on the validation digits, over two replicates of their own. Only alone for longer keeps the settings of alone. Where the best stood at the edge of what was tried, the search went on beyond it, by one rule for all arms. A temperature below 1 makes the teacher's answers harder than they are.

# %%
dh.table(chosen_rows(tuned.TUNED), "Settings that the search chose")

# %%
search = read_record(records_search.__name__)
spread = {key: pilot(search, tuned.TUNED, regime, "soft targets") for key, regime in
          {"vs_alone": "all labels", "few": "few labels"}.items()}
dh.claim("C22", "MNIST: better").plan({"vs_alone": spread["vs_alone"],
                                       "conditions.vs_alone": spread["few"]}, 8)

# %% [markdown]
# The second line is for few labels. Two replicates guess a spread badly, so read both as orders of size.
#
# One pair says little about the next one. The record holds eight replicates: other halves, other teachers, other starts, other labels. All read the same 2,000 test digits, and the intervals cover other replicates and other digits together.

# %%
found = Results(MNIST, records_arms.__name__, records_costs.__name__)
gain = found.gain("all labels", "soft targets").times(100)
size = abs(gain.mean)
came = ("under 1 point" if size < 1 else "1 to 3 points" if size <= 3
        else "more than 3 points")
dh.predict.outcome("mnist.first", came,
                   said=f"Over the record: {gain.mean:+.1f} points.")

# %% [markdown]
# The record must be what this code makes. Run a slice of it again: the student alone with few labels in the first replicate.

# %%
few = tuned.TUNED["few labels"]["alone"]
again = train(MNIST, "few labels", {"alone": ("alone", few)}, 0)
live = {"regime": "few labels", "arm": "alone", "replicate": 0,
        "accuracy": again.scores["accuracy"][0, 0].item()}
agrees(found.rows, [live], ["regime", "arm", "replicate"], {"accuracy": 0.04})
print("the slice agrees with its record within four percentage points")

# %% [markdown]
# ## The compression curve
#
# Now the size. Nine students, of two kinds, learn alone and with the teacher. For each size the learning rate was chosen anew, for both arms alike. Read a curve upwards: what does a teacher add at this size? Read it across: how much larger must the student alone be?

# %%
dh.predict("mnist.where",
           "At which size will the teacher help a convolutional student most?",
           [f"{sizes.parameters(sizes.CONV, w):,}" for w in sizes.WIDTHS[sizes.CONV]]
           + ["no size leads the others clearly"])

# %%
sized = curve()
big = found.column("all labels", "teacher", "accuracy").mean()
figures.compression(sized, "all labels", big)

# %%
figures.compression(sized, "unlabelled data", big)

# %%
read = sized.rows[sized.rows.part == "read"]
stuck = read[read.accuracy < 0.2]
print(f"{len(stuck)} of {len(read)} trainings stayed near chance, and count:")
for row in stuck.itertuples():
    print(f"{row.arm}, {row.student}, width {row.width}, {row.regime}")

# %%
widths = sizes.WIDTHS[sizes.CONV]
gains = {w: sized.gain(sizes.CONV, w, "all labels") for w in widths}
most = max(gains, key=lambda w: gains[w].mean)
leads = measure.simultaneous({w: dh.paired(gains[most].values, gains[w].values)
                              for w in widths if w != most})
size, clear = f"{sizes.parameters(sizes.CONV, most):,}", all(
    d.low > 0 for d in leads.values())
dh.predict.outcome(
    "mnist.where", size if clear else "no size leads the others clearly",
    said=f"The largest mean is {100 * gains[most].mean:+.1f} points, at {size}; its "
         f"lead reaches down to {100 * min(d.low for d in leads.values()):+.1f}.")

# %% [markdown]
# **Move it.** Walk along the sizes. The right panel shows the gain at one size with all labels, and with few labels beside unlabelled images. Where does an interval leave zero?

# %%
dh.explore(lambda size: figures.at_a_size.picture(sized, size),
           size=dh.Steps((0, 1, 2, 3, 4), 2, label="size, from small to large"))

# %% [markdown]
# ### What is a teacher worth in parameters?
#
# Take a distilled student of $n$ parameters with accuracy $a$. On the curve of students alone, find the size $n'$ that reaches $a$. Between two sizes the curve is a line over $\log n$. The teacher is worth the factor $n'/n$. This is computed within each replicate, and a factor of 2 is one doubling.

# %%
def size_that_reaches(a, sizes, scores):
    for n, m, low, high in zip(sizes, sizes[1:], scores, scores[1:], strict=False):
        if low <= a <= high:
            return n * (m / n) ** ((a - low) / (high - low))

# %%
from distill_helpers.course.lessons.mnist.curve import size_that_reaches as theirs

counts = [sizes.parameters(sizes.CONV, w) for w in sizes.WIDTHS[sizes.CONV]]
scores = sized.means(sizes.CONV, "unlabelled data", "alone").mean(0)
mine = size_that_reaches(0.5 * (scores[1] + scores[2]), counts, scores)
assert abs(mine - theirs(0.5 * (scores[1] + scores[2]), counts, scores)) < 1e-6
print(f"half way in score from {counts[1]:,} to {counts[2]:,} parameters: {mine:,.0f}")

# %%
dh.table(figures.worth_rows(sized), "What a teacher is worth: times the parameters", 2)

# %% [markdown]
# A row without numbers means that in some replicate the distilled student is better than every student alone that was tried, or worse than the smallest. The factor is then beyond the sizes of this lesson.

# %% [markdown]
# ## Three questions
#
# The article (section 2.3.4) says that distillation makes training easier and shorter, and that the result generalises better. These are three questions, each asked with all labels, with few, and with few beside unlabelled images.
#
# In replicate $r$ let $a_r$ be the validation accuracy that both arms show: the smaller of their two best. Let $s_r$ be the step at which an arm first shows it, and $S$ the steps of a run. Soft targets spare the share
#
# $$\frac{s_r^{\text{alone}} - s_r^{\text{soft}}}{S}$$

# %%
dh.predict("mnist.steps",
           "With all labels, what share of the steps do soft targets spare?",
           ["less than a tenth", "a tenth to a third", "more than a third"])

# %%
shared.learning(found, "all labels")

# %%
shared.learning(found, "unlabelled data")

# %%
spared = found.steps_saved("all labels").mean
came = ("less than a tenth" if spared < 0.1 else
        "a tenth to a third" if spared <= 1 / 3 else "more than a third")
dh.predict.outcome("mnist.steps", came, said=f"{spared:.0%} of a run, on average.")

# %%
shared.questions(found)

# %% [markdown]
# Time is another question, since a teacher must be trained first, and must answer. Each part was timed alone on an idle machine: the teacher's training, its answers to all views of the student's digits, one step of each arm.

# %%
shared.seconds(found)

# %% [markdown]
# And better at the end? An arm that ends higher passes most qualities earlier, so the first question says little that this one does not. Three rivals decide: the student alone, the student alone for as many steps as teacher and student take together, and pseudo-labels, which keep the teacher's first choice only. Where every digit has its label, or no other digit is there, pseudo-labels are the student alone.

# %%
shared.gains(found, "all labels")

# %% [markdown]
# The last arm of the lesson also matches slopes. Let $J_T$ and $J_S$ be the gradients of the teacher's largest logit by the 784 pixels of a digit, in teacher and student. *Jacobian matching* (Srinivas & Fleuret 2018) adds
#
# $$\left\lVert \frac{J_S}{\lVert J_S \rVert} - \frac{J_T}{\lVert J_T \rVert} \right\rVert^2$$
#
# to soft targets. One digit then tells the student how the answer changes in each of 784 directions. It costs a gradient through the teacher in every step.

# %%
shared.gains(found, "few labels")

# %%
shared.gains(found, "unlabelled data")

# %%
dh.table(shared.summary(found, "all labels"), "All labels: means over replicates", 3)

# %% [markdown]
# Look down the column *ece*, and then at the temperatures in the table of settings. A student that matches answers at one temperature is read at another, at 1. Accuracy does not see it. Whoever needs probabilities must choose by them, or fit one temperature on validation afterwards (Guo et al. 2017).

# %% [markdown]
# ## Size and speed
#
# Write teacher and student to files. A fresh process, which imports torch and nothing of ours, answers one digit at a time on one thread. Parameters, bytes and milliseconds are three sizes, and they need not shrink alike.

# %%
from distill_helpers.course.paths import cache_dir

student = pair.model("soft targets")
deployed = {}
for name, model in {"teacher": teacher, "student": student}.items():
    path = measure.export_model(model, cache_dir() / f"{name}.pt2", drawn.test.x[:8])
    deployed[name] = measure.measure_in_fresh_process(path, drawn.test.x[:64])

# %% tags=["nbval-ignore-output"]
for name, d in deployed.items():
    print(f"{name}: {d.file_bytes / 1e3:,.0f} kB, {d.median_ms:.2f} ms a digit "
          f"(quartiles {d.low_ms:.2f} to {d.high_ms:.2f})")

# %% [markdown]
# Look at what the distilled student gets wrong. Which of these would a larger student read, and which would nobody?

# %% tags=["nbval-ignore-output"]
said = answered(student, drawn.test).argmax(-1)
dh.figure(dh.errors(drawn.test.images, drawn.test.labels, said, most=16),
          alt="Sixteen test digits that the distilled student got wrong, each over its "
              "label and the student's answer",
          caption="The first 16 errors of the distilled student among the test digits: "
                  "the label, and what the student said.")

# %% [markdown]
# ## Verdicts
#
# The readings were registered before these runs: soft targets against alone, in three regimes, with a tenth of the steps or of the time, and one point of accuracy, as the smallest differences that matter.

# %%
easier = dh.claim("C22", "MNIST: easier").judge(found.easier())

# %%
easier.table()

# %%
shorter = dh.claim("C22", "MNIST: shorter").judge(
    found.shorter(), found.otherwise())

# %%
shorter.table()

# %% [markdown]
# The search chose a weight of 1 with all labels and with unlabelled pictures. Then soft targets use no label, and the two are one run, not two pieces of evidence:

# %%
one, other = (found.column(regime, "soft targets", "accuracy")
              for regime in ("all labels", "unlabelled data"))
dh.finding("mnist.one_run", "In {} replicates soft targets with all labels and with "
           "unlabelled data are the same student.",
           f"{(one == other).sum()} of {len(one)}", holds=(one == other).all())

# %%
better = dh.claim("C22", "MNIST: better").judge(found.better())

# %%
better.table()

# %% [markdown]
# ## What you know now
#
# Each sentence is printed from the record with its number. If the record no longer bore it out, the cell would stop with an error.

# %%
def know(key, sentence, *pair, kind="by m"):
    dh.finding(f"mnist.{key}", sentence, found.gain(*pair), kind=kind, m=1.0)

know("longer", "With all labels, the student alone for as long as teacher and student "
     "take together beats soft targets by {}.",
     "all labels", "alone for longer", "soft targets", kind="gain")
know("few", "With 100 labels and no other digits, soft targets beat the student "
     "alone by {}.", "few labels", "soft targets")
know("slopes", "On the same 100 digits, matching the teacher's slopes as well beats "
     "soft targets by {}.",
     "few labels", "Jacobian matching", "soft targets", kind="gain")
d = found.gain("few labels", "Jacobian matching", "soft targets, mixup")
dh.finding("mnist.slopes_or_mixed", "There, the interval of slopes against soft "
           "targets on mixed images includes zero: {}.", holds=d.low < 0 < d.high,
           value=f"{100 * d.low:+.1f} to {100 * d.high:+.1f} points")

# %%
know("unlabelled", "With 100 labels among 1,250 digits, soft targets beat the student "
     "alone by {}.", "unlabelled data", "soft targets")
know("self", "There, self-training without a teacher falls short of them by {}.",
     "unlabelled data", "soft targets", "self-training")

# %%
small, largest = sized.over_best_alone(sizes.CONV, 4, "unlabelled data")
dh.finding("mnist.small",
           f"With 100 labels among 1,250 digits, a distilled student of {counts[1]:,} "
           "parameters beats the best student alone of any size tried, which has "
           f"{largest:,}, by {{}}.", small, kind="by m", m=1.0)

# %% [markdown]
# What these sentences do not say: that a teacher is of no use where labels are many. The teacher here is small and cheap, and one that somebody else has trained costs you its answers only. They do not say either that a teacher beats the labels that it learnt from. It had 1,250 that the student alone had not; lesson 07 holds the student alone against distillation with the same labels.

# %% [markdown]
# ## Exercises
#
# Solutions are in [solutions/14_mnist.md](solutions/14_mnist.md). Try each for five minutes first; the hints under a stub open one behind the other.
#
# **14.1** What is a teacher worth? You have ascending `sizes` of students alone, their `scores`, and one distilled student: its `size` and its `score`. Return how many times larger the student alone must be.

# %% tags=["raises-exception"]
def my_worth(sizes, scores, size, score):  # exercise 14.1
    raise dh.Unsolved("Return the factor: size of the student alone / size distilled.")

my_worth([500, 2000, 8000], [0.7, 0.8, 0.9], 500, 0.85)

# %%
dh.hints("Between which two neighbours does the score lie?",
         "The curve is a line over the logarithm of the size.",
         "Divide by the size of the distilled student.")
dh.check("14.1", my_worth)

# %% [markdown]
# **14.2** Judge a comparison that somebody else made. Ask of each option what it would change in the conclusion. Return its letter.

# %%
dh.options("14.2")

# %% tags=["raises-exception"]
def my_control():  # exercise 14.2
    raise dh.Unsolved("Return the letter of the control that could take it away.")

my_control()

# %%
dh.hints("What did the distilled student have that the other had not?",
         "Besides knowledge, a teacher costs something.")
dh.check("14.2", my_control)

# %% [markdown]
# **14.3** Go below the curve. Build a net that learns at most 1,000 numbers. It is trained for 300 steps on 1,250 labelled digits, and must then read more than three validation digits in four. Return the module, not trained.

# %% tags=["raises-exception"]
def my_net():  # exercise 14.3
    raise dh.Unsolved("Return a torch module: images [B, 1, 28, 28] to logits [B, 10].")

my_net()

# %%
dh.hints("Which of the 784 pixels say the same as their neighbours?",
         "The mean over patches learns nothing and keeps places.",
         "Does the smallest student of the lesson know places?")
dh.check("14.3", my_net)

# %% [markdown]
# ## Further reading

# %%
dh.reading("lecun1998gradient", "srinivas2018knowledge", "guo2017calibration",
           "beyer2022knowledge")

# %% [markdown]
# **Next:** [15 · SVHN](15_svhn.ipynb).
