# %% [markdown]
# # 00 · Start here
#
# **The question:** a small net learns from a big one. When may you believe that it worked, and that the big one was the reason?
#
# **You will be able to** distil a net in one call, read each of the six words of a verdict, say what an interval covers, and check your set-up.
# **You need** Python and a first course in machine learning. **Time:** 30 seconds to run, 45 minutes to teach. **Claims:** none; the lessons from 01 on judge them.

# %%
import numpy as np
import torch
import distill_helpers as dh
from distill_helpers.measure.kinds import word
from distill_helpers.strategies import HardLabels, RandomTeacher, SoftTargets
from distill_helpers.strategies.contract.divergences import kl_from_logits
from distill_helpers.course.claims import find_claim
from distill_helpers.course.ledger import NOT_REDRAWN
from distill_helpers.course.lessons.start_here import figures, made_up, one_digit

dh.start(seed=0, lesson="start_here")

# %%
big = dh.BigMLP(784, 512, 2, 10)
figures.flow(big, dh.digits_student())

# %% [markdown]
# ## One digit
#
# First a *teacher*: a net of two hidden layers, trained on 3,500 handwritten digits and their labels. It is the only net on this page that sees them.

# %%
digits = dh.load_digits()
views = dh.make_views(digits.train, views=8, shift=2)
teaching = dh.fit(big, views, dh.Recipe(steps=300, lr=1e-3))

# %% [markdown]
# Now take a single digit. Turn it, stretch it, move it, and lay up to three such copies over each other. Do this two thousand times. These pictures are all that a *student*
# will ever see. It is asked to give the teacher's answers, whatever they are.

# %%
ten = digits.train.per_class(1, seed=0)
pool, replicates = one_digit.made_of_each(ten, count=2000)
figures.made_of_one(ten.images[7], pool.pixels[0, 14000:14014])

# %% [markdown]
# The teacher's answer to a picture $x$ is a list of *logits* $t$, one number for each of the $C$ classes; the student's are $z$. Divided by a *temperature* $T$ they become probabilities.
# The student's probabilities $q$, made from $z$ as $p$ is made from $t$, are pulled towards the teacher's $p$:
#
# $$p_c = \frac{e^{t_c / T}}{\sum_j e^{t_j / T}}, \qquad \mathcal{L} = T^2 \sum_c p_c \log \frac{p_c}{q_c}$$

# %%
def soft_loss(z, t, T):
    p = (t / T).softmax(-1)
    log_q = (z / T).log_softmax(-1)
    return T**2 * (p * (p.log() - log_q)).sum(-1).mean()

z, t = torch.randn(2, 64, 10)
by_hand, packaged = soft_loss(z, t, 4.0), 4.0**2 * kl_from_logits(t, z, 4.0)
print(f"by hand {by_hand:.5f}, the package's {packaged:.5f}")

# %% [markdown]
# There are ten students, and each sees pictures of one digit only: the first has seen a 0, the next a 1. Beside each stand two *controls*, which lack what we think is the cause.
# One gets the digit's label in place of the teacher's answers, the other a teacher that was never trained.

# %%
dh.predict("start_here.one_digit",
           "A student has seen one digit. How many of ten new digits will it read?",
           ["about 1, as by guessing", "2 to 5", "more than 5"])

# %%
soft = SoftTargets(temperature=4.0, weight=1.0)
arms = {"its label": HardLabels(), "untrained teacher": RandomTeacher(soft),
        "teacher": soft}
found = dh.compare(dh.digits_student, big, pool, arms, test=digits.test,
                   replicates=replicates, progress=False,
                   recipe=dh.Recipe(steps=300, batch_size=64, lr=1e-2))

# %%
label, untrained, taught = found.scores["accuracy"].T.numpy()
controls = {"its label": label, "untrained teacher": untrained}
figures.read_by_each(ten.images, taught, controls)

# %%
mean = 10 * taught.mean()
few = "2 to 5" if mean >= 1.5 else "about 1, as by guessing"
dh.predict.outcome("start_here.one_digit", "more than 5" if mean > 5 else few)

# %%
gain = found.difference("teacher", "untrained teacher")
one = dh.finding("start.one_digit", "A student that has seen one digit reads more "
                 "test digits than its twin with an untrained teacher, by {}.",
                 gain, kind="by m", m=20)

# %% [markdown]
# No picture was made of another digit, and no label was used. What arrived in the student came from the teacher: that is *distillation*. The two controls are why you may say
# "from the teacher". Without them the pictures, or the training, might be the cause. Each student had another digit, start and order; the teacher was one, so the finding is about this teacher.

# %% [markdown]
# ## What this course is
#
# An article on distilling big models makes 23 claims about it. It is Chinese; our copy has no title, no date and no author. Some of its claims are right, some vague, some wrong.
# Each lesson builds what the article describes and tests it. A claim ends with a *verdict*, and a program computes the verdict. This page shows how.

# %%
dh.course_map()

# %% [markdown]
# Every lesson runs by itself, from a fresh kernel. With one hour, read [01](01_counting_the_big_mlp.ipynb) and [07](07_soft_targets.ipynb).
# With one minute, look at [22](22_the_verdicts.ipynb).

# %% [markdown]
# ## A difference and its interval
#
# One run proves little: another start, another order, other examples give another number. So a comparison is made in *replicates*, each of which draws these anew. A replicate $r$ gives a
# difference $d_r$. From $R$ of them comes a mean and an interval:
#
# $$\bar d \pm t_{R-1} \frac{s}{\sqrt R}, \qquad s^2 = \frac{1}{R-1} \sum_r (d_r - \bar d)^2$$
#
# Here $s$ is the standard deviation of the differences, and $t_{R-1}$ a number from Student's table: 2.36 for eight replicates. Accuracies differ by *points*, hundredths: from 94 % to 95 % is one.

# %%
a, b = made_up.two_arms()
paired, unpaired = dh.paired(b, a), dh.unpaired(b, a)
print(f"correlation of the two arms over replicates: {paired.correlation:.2f}")
figures.arms(a, b, paired, unpaired)

# %% [markdown]
# Both arms of a replicate share its draw: a lucky draw lifts both. So the course takes differences within replicates, and calls this *paired*. Where two arms share nothing, such as two
# architectures, pairing buys nothing, and the interval is *unpaired*. The correlation tells you which case you have.

# %% [markdown]
# ## Six words
#
# Is a gain worth having? Before a run the course writes down $m$, the smallest effect that matters, with a reason. For accuracy it is mostly half a point; other measures, and some comparisons, have their own, which stands beside them. The interval $[l, u]$ is then held
# against $-m$, $0$ and $m$, and gets one of six words.

# %%
rows = []
for name, d in made_up.six().items():
    rows.append({"arm": name, "mean": d.mean, "low": d.low, "high": d.high,
                 "word": word("gain", d.low, d.high, 0.5)})
dh.table(rows, "Six made-up comparisons in points, held against m = 0.5",
         dict.fromkeys(("mean", "low", "high"), "{:+.2f}"))

# %%
figures.six_words(made_up.six())

# %% [markdown]
# Look at D and F: both hold zero. D stays within $m$ on both sides, so an effect that matters is excluded. F does not, so nothing is known, and the word is *open*. Only the
# first two words support a claim, unless its form says that any size counts. The fourth and fifth go against it, and the fifth has no small form: all of an interval below zero is *the opposite*, however near.

# %% [markdown]
# A claim is not always about a gain. Four other kinds of comparison ask something else. *By m* wants the whole interval above $m$. *Not worse* wants it above $-m$, and *the same* between $-m$ and $m$. *Exact* is counted or derived, true or false. The finding above was held *by m*, with an $m$ of 20 points of its own.

# %%
figures.word_of(0.25, 8)

# %% [markdown]
# **Move it.** Choose a true effect and a number of replicates, and watch the word in the title. How many replicates does an effect of 0.25 need until the word is no longer open?

# %%
effects, counts = (-0.75, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5), (4, 8, 16, 32, 64)
dh.explore(lambda effect, replicates: figures.word_of.picture(effect, replicates),
           effect=dh.Steps(effects, 0.25, label="true effect"),
           replicates=dh.Steps(counts, 8, label="replicates"))

# %%
dh.predict("start_here.word",
           "A gain of +0.34 [+0.20, +0.48] points, where m = 0.5: which word?",
           ["yes", "yes, size unsure", "yes, too small to matter", "open"])

# %%
dh.predict.outcome("start_here.word", word("gain", 0.20, 0.48, 0.5),
                   said="Above zero all the way, and below m all the way.")

# %% [markdown]
# ## From the register to the ledger
#
# A claim is vague, a measurement is not. So the *register* says for each claim what must be measured: *readings*, which a fair opponent would accept as its meaning, and weaker forms of the
# same sentence. It was written after the results of an earlier edition of this course, and before any run of this one.

# %% [markdown]
# Later changes have a date and a reason. Of what follows, the readings *by answers only* and the last two forms are such, some of them made when results were known. Here is claim C02.

# %%
claim = find_claim("C02")
part = claim.part("")
print(claim.text, "\nStated:", part.says)
stated = {r.key for r in part.stated}
dh.table([{"key": r.key, "reading": r.says, "kind": r.kind, "m": f"{r.m:g} {r.unit}",
           "for": "stated" if r.key in stated else "a weaker form"}
          for r in part.readings.values()], "What is measured for C02")

# %%
for form in part.weaker:
    print(f"weaker form, {form.says}:", ", ".join(r.key for r in form.readings))

# %% [markdown]
# Lesson 07 measures it. To see the rules at work, hand in made-up measurements here. This is a rehearsal: nothing is recorded. A lesson can hand in numbers under the registered keys, and
# nothing else. It cannot choose a margin, a reading or a word. It does choose which run stands for a key, so ask of each row: which arm, for how many steps, at which settings?

# %%
rehearsed = dh.rehearse("C02", made_up.measurements())

# %%
figures.measured(rehearsed)

# %%
figures.timeline(claim, part, rehearsed)

# %% [markdown]
# Not all four stated readings are supported, so the claim does not *hold*. The weaker forms are tried in order; the first that is supported makes it *hold in part*. It is *refuted* if a stated reading goes against it and no weaker form is left open. Each form falls with its first reading that goes against it, whatever the others say. All else is *inconclusive*, which is a result too.

# %% [markdown]
# ## Fragile
#
# A verdict should not hang on a margin. So each that is decided is computed again at half and at twice $m$, and with the replicates or the test examples taken as fixed. Where time is measured, it is computed at other timings of the same steps as well. If another verdict comes out, it is called *fragile*, and the ledger says why. An inconclusive verdict may hang on a margin too; it claims nothing.

# %%
figures.over_margins(part, made_up.measurements())

# %% [markdown]
# ## What an interval covers
#
# Suppose that all replicates read the same $J$ test examples. Other examples would have given another difference, but replicates alone cannot show that. A simulation can: in each made-up world
# the truth is 1 %, every replicate has its luck, every test example its taste.

# %%
def world(rng, replicates=8, examples=400, truth=0.01):
    luck = 0.01 * rng.normal(size=(replicates, 1))
    taste = 0.2 * rng.normal(size=examples)
    rest = 0.2 * rng.normal(size=(replicates, examples))
    return truth + luck + taste + rest

# %%
dh.predict("start_here.covered", "Intervals over 8 replicates alone say 95 %. "
           "In how many of 100 worlds do they hold the truth?",
           ["fewer than 80", "80 to 92", "93 to 97"])

# %%
rng = np.random.default_rng(0)
tables = [world(rng) for _ in range(1000)]
alone = [dh.interval(table.mean(1)) for table in tables]
both = [dh.two_way(table) for table in tables]
held = [100 * np.mean([d.low <= 0.01 <= d.high for d in kind])
        for kind in (alone, both)]

# %%
name = "fewer than 80" if held[0] < 80 else "80 to 92" if held[0] < 93 else "93 to 97"
dh.predict.outcome("start_here.covered", name)

# %%
first = dh.finding("start.alone", "Where all replicates read one test set, intervals "
                   "over replicates alone held the truth in {} of simulated worlds.",
                   held[0], holds=held[0] < 80, unit="%")
second = dh.finding("start.both", "Intervals over replicates and test examples held "
                    "the truth in {} of these worlds.",
                    held[1], holds=93 <= held[1] <= 97, unit="%")

# %%
figures.worlds(alone[:40], both[:40], truth=0.01)

# %% [markdown]
# The second rule counts both sources. Take the table of $R$ replicates by $J$ examples. $MS_{\mathrm{rep}}$ is $J$ times the variance of its row means, $MS_{\mathrm{ex}}$ is $R$ times the variance of its column means, and $MS_{\mathrm{rest}}$ is the variance of what rows and columns leave over:
#
# $$\mathrm{var}(\bar d) = \frac{MS_{\mathrm{rep}} + MS_{\mathrm{ex}} - MS_{\mathrm{rest}}}{R J}$$
#
# At least it is $MS_{\mathrm{rest}} / (RJ)$. This is what `dh.two_way` does. Generated data need no such care: there each replicate draws its own test set.

# %%
print("Not redrawn in any replicate:", NOT_REDRAWN + ".")

# %% [markdown]
# So every verdict on digits is about these digits and these nets. An interval says nothing of other handwriting, other architectures, or settings that no search offered. A replicate that diverged counts
# as guessing, and the row says how many did.

# %% [markdown]
# ## Many comparisons at once
#
# Twelve methods that do nothing are compared with one baseline. Each single interval misses zero in 5 of 100 repetitions. With twelve chances, some of them may. *Simultaneous* intervals are wider,
# so that all twelve hold together in 95 of 100.

# %%
family = made_up.idle_family(np.random.default_rng(5))
figures.family(family, dh.simultaneous(family))

# %%
single, together = made_up.false_alarms(families=100)
print(f"families with a false alarm: {single} of 100 by single intervals, "
      f"{together} of 100 by simultaneous ones")

# %% [markdown]
# ## Your set-up
#
# Each line says OK, or what is wrong and the command that mends it. Mend a line that is marked `!!` first.

# %% tags=["nbval-ignore-output"]
ready = dh.preflight()

# %%
print("Ready for every notebook:", "yes" if ready else "not yet, see above")

# %% [markdown]
# **Devices.** All start from the same random numbers everywhere. Processors add up in different orders, so losses drift apart in their last digits and accuracies by a few images; verdict lines
# hold no such numbers. A GPU rounds more, by bf16 and TF32. Set `DISTILL_PROFILE=full` for the full public data sets where a lesson offers them.

# %% [markdown]
# ## Notation
#
# One letter, one meaning, in all lessons. A letter that a lesson needs for a moment is explained where it stands. Come back to this table when you have forgotten one.

# %%
dh.notation()

# %% [markdown]
# ## Glossary
#
# Terms that the lessons use, each in one plain sentence. A lesson explains a term where it first occurs there, and links to this table afterwards. Names of strategies have a table of their own in the project's documents.

# %%
dh.glossary()

# %% [markdown]
# ## What you know now
#
# A student learns from a teacher's answers, and a control says whether it did. A word needs an interval and a margin. An interval covers what was redrawn, and nothing else. These are this
# page's *findings*: sentences that are printed with their numbers, and refused if a later run no longer supports them.

# %%
for finding in (one, first, second):
    print("-", finding["sentence"])

# %% [markdown]
# ## Exercises
#
# Solutions are in [solutions/00_start_here.md](solutions/00_start_here.md). Try each for five minutes first.
#
# **00.1** Write the rule of the six words yourself: from the ends of an interval and the margin to the word. The words are the strings in the table above.

# %% tags=["raises-exception"]
def my_word(low, high, m):  # exercise 00.1
    raise dh.Unsolved("Return the one of six words that belongs to [low, high] and m.")

my_word(0.2, 0.7, 0.5)

# %%
dh.hints("Which words need the whole interval on one side of zero?",
         "Ask in this order: above m, above zero, below zero, within m.",
         "Above zero there are two words beside yes: does the interval reach m?")
dh.check("00.1", my_word)

# %% [markdown]
# **00.2** Judge a result that somebody reports, together with its control. Return the letter of the one sentence that the evidence allows.

# %%
dh.options("00.2")

# %% tags=["raises-exception"]
def my_reading():  # exercise 00.2
    raise dh.Unsolved("Return the letter of the sentence that you may write.")

my_reading()

# %%
dh.hints("Which of the six words belongs to the first interval?",
         "A cause is shown only where its control does not gain as well.")
dh.check("00.2", my_reading)

# %% [markdown]
# **00.3** Extend the simulation: make an interval of your own from a table of differences, replicates by examples. It is tried in 400 worlds in which luck and taste both count. It must hold the
# truth in nine of ten at least, and not be much wider than it needs to be.

# %% tags=["raises-exception"]
def my_interval(table):  # exercise 00.3
    raise dh.Unsolved("Return (low, high) for the mean of [replicates, examples].")

my_interval(torch.randn(8, 300).numpy())

# %%
dh.hints("What would change with other replicates, and what with other examples?",
         "The variances of the row means and of the column means can be added.",
         "What is left of chance is then counted twice; take it off once.")
dh.check("00.3", my_interval)

# %% [markdown]
# ## Further reading

# %%
dh.reading("hinton2014distilling", "asano2023augmented", "bouthillier2021accounting",
           "hothorn2008simultaneous", "pineau2021improving")

# %% [markdown]
# **Next:** [01 · Counting the big MLP](01_counting_the_big_mlp.ipynb).
