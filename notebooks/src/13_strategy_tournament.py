# %% [markdown]
# # 13 · The tournament
#
# **You will be able to** compare dozens of methods fairly: one budget, settings chosen on validation, shared seeds, a control beside each, and a ranking that says how sure it is.
# **You need** [07](07_soft_targets.ipynb); [08](08_supervised_strategies.ipynb) to [12](12_robust_students.ipynb) introduce the strategies. **Time:** about half a minute to run on a 2-core CPU, 60 minutes to teach. **Claims tested:** C13, C20, C21.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import distill_helpers as dh
from distill_helpers import measure
from distill_helpers.course.entries import ENTRIES
from distill_helpers.course.few_labels import BUDGETS, few_views
from distill_helpers.course.lessons.strategy_tournament import records_costs, records_tournament as tournament
from distill_helpers.measure.ranking import best_by_luck, probability_best, rank_interval

dh.start(seed=0)

# %% [markdown]
# ## The rules
#
# Papers compare their method with others' at settings chosen for their own. Here everybody gets the same: the same 200 labelled digits in 32 views, the same student and first weights for each seed, the same number of steps, at most four settings to try,
# each over three seeds that do not play, judged on 500 validation digits. The test digits are read once.

# %%
tried = sum(len(entry.choices) for entry in ENTRIES.values())
print(f"{len(ENTRIES)} entries, {tried} settings on {len(tournament.SEARCH_SEEDS)} search seeds, then {len(tournament.SEEDS)} seeds each and their controls")
for division, budget in BUDGETS.items():
    count = sum(entry.division == division for entry in ENTRIES.values())
    print(f"{division}: {count} entries, {budget.steps} steps of {budget.batch_size} views from {len(few_views())} digits, rate {budget.lr:g}")

# %% [markdown]
# There are two divisions. Most strategies train the residual perceptron of notebook 05. Those that need *maps*, a value for each place in the image, train a small convolutional net, and are compared with each other. Everything
# is a recorded run: `make tournament` makes it anew. One confession: two partial runs came before it. By their validation scores the heats of some entries and dropout of the inputs were put into the grids; their test scores were on the screen as well.

# %%
record = dh.read_record(tournament.__name__)
took = record.groupby("entry").entry_s.first().sum() / 60
assert set(record.entry) == set(ENTRIES)
print(f"{len(record):,} rows; {took:.0f} minutes of one core, search and controls included")

# %% [markdown]
# Is the record true? Run one entry again at the setting that it chose, eight seeds, and hold it against its rows.

# %%
from distill_helpers.course.records import agrees

recorded_choice = record[record.entry == "soft targets"].choice.iloc[0]
choice = next(c for c in ENTRIES["soft targets"].choices if tournament.written(c) == recorded_choice)
again = tournament.train("soft targets", ENTRIES["soft targets"].make(**choice), tournament.SEEDS)
test = dh.load_digits().test
live = {"entry": "soft targets", "accuracy": measure.accuracy(again.predict(test), test.labels).mean().item()}
agrees(record.groupby("entry", as_index=False).accuracy.mean(), [live], on=["entry"], tolerance={"accuracy": 0.01})
print(f"soft targets chose {recorded_choice}; run again they agree to one point")

# %% [markdown]
# ## Gains, beside what the controls gain
#
# Each strategy against the same student on labels alone, paired by seed. The hollow mark is its *control*: the same strategy at the same setting, but each digit gets the teacher's answers to *another digit of its class*. What the control also gains
# is not knowledge about the single image. *Prediction:* most methods gain, and most of the gain is there for soft targets already.

# %%
def scores(entry, column="accuracy"):
    return record[record.entry == entry].sort_values("seed")[column].to_numpy()

def base(entry):
    return "labels alone" if ENTRIES[entry].division == "perceptron" else "maps: labels alone"

def gain(entry, column="accuracy"):
    return dh.paired(scores(entry, column), scores(base(entry)))

def entries(division):
    """Entries of a division, the best first, without its baseline."""
    names = [n for n, e in ENTRIES.items() if e.division == division and n != base(n)]
    return sorted(names, key=lambda n: -gain(n).mean)

# %%
families = list(dict.fromkeys(e.family for e in ENTRIES.values()))
colours = dict(zip(families, ("black", "gray", *dh.show.PALETTE)))

def gains_of(ax, names):
    for row, name in enumerate(names):
        d, colour = gain(name), colours[ENTRIES[name].family]
        ax.plot(100 * d.values, np.full(d.n, row), "o", ms=2.5, alpha=0.25, color=colour)
        ax.errorbar(100 * d.mean, row, xerr=[[100 * (d.mean - d.low)], [100 * (d.high - d.mean)]], fmt="D", ms=4, capsize=2, color=colour)
        if np.isfinite(scores(name, "control")).all():
            ax.plot(100 * gain(name, "control").mean, row + 0.25, "s", ms=5, mfc="none", color=colour)
        if d.mean < -0.11:
            ax.text(-11.8, row, f"← {100 * d.mean:.0f}", va="center", fontsize=8, color=colour)
    ax.axvline(0, color="black", lw=0.8)
    ax.set_yticks(range(len(names)), names, fontsize=8)
    ax.set_ylim(len(names) - 0.4, -0.6)

# %%
parts = {division: entries(division) for division in BUDGETS}
fig, axes = plt.subplots(2, 1, figsize=(9, 0.23 * len(ENTRIES) + 2), height_ratios=[len(names) for names in parts.values()])
for ax, (division, names) in zip(axes, parts.items()):
    gains_of(ax, names)
    ax.set(xlabel="percentage points of test accuracy over labels alone", title=f"the {division} student")
    ax.set_xlim(-12, 10)
for family, colour in colours.items():
    axes[0].plot([], [], "D", color=colour, label=family)
axes[0].plot([], [], "s", mfc="none", color="black", label="its control")
axes[0].legend(fontsize=8, loc="upper left")
dh.figure(fig, alt="Paired gain of every strategy over labels alone with 95 percent intervals, the best at the top, in two panels by student, coloured by "
          "family, each with a hollow mark for the same strategy with answers shuffled within the class.")

# %% [markdown]
# Read it twice. First down the diamonds: who gains. Then from each diamond to its hollow square: how much of that gain needs the answer about *this* digit. Where the square stands beside the diamond, a wrong image's answer would have done: the method works as
# a regulariser. Strategies that ask the teacher about inputs of their own have no such control.

# %%
looked_up = [n for n, e in ENTRIES.items() if e.teacher and e.family != "control" and not e.live]
own = {n: dh.paired(scores(n), scores(n, "control")) for n in looked_up}
gaining = [n for n in looked_up if gain(n).against(0) is True]
print(f"{len(gaining)} of {len(looked_up)} strategies that look answers up gain on labels alone")
print("they gain, but do not beat their own control:", "; ".join(n for n in gaining if own[n].against(0) is not True) or "none")
print("no gain is shown for:", "; ".join(n for n in looked_up if n not in gaining))

# %% [markdown]
# The prediction was half right. Most methods gain, and most of those stand within a point of plain soft targets. But a few stand well above. What do they have in common?

# %%
above = [n for n in parts["perceptron"] if dh.paired(scores(n), scores("soft targets")).against(0.005) is True]
print("more than half a point above soft targets:", "; ".join(above))
print("of these, ask the teacher live:", "; ".join(n for n in above if ENTRIES[n].live))

# %% [markdown]
# None of them has a cleverer distance between two answers. They say something about the teacher, or ask something of the student, *between and around* the 200 digits: slopes, blends, worst neighbours. Where images are few, new questions are worth more than
# a better reading of old answers.

# %% [markdown]
# ## What each costs
#
# A gain has a price: further networks to train, inputs for the teacher to answer, and time. Teacher evaluations were counted in a recorded run of their own. Here are the perceptron's entries and their prices, each at the setting that it chose on validation.

# %%
costs = dh.read_record(records_costs.__name__).set_index("entry").evaluations

def priced(names):
    rows = record[record.entry.isin(names)].groupby("entry", sort=False)
    kept = rows[["choice", "added"]].first().join(rows[["accuracy", "nll", "ece", "training_s"]].mean())
    kept.insert(1, "gain over labels", [str(gain(n)).split(" (")[0] for n in kept.index])
    kept.insert(3, "teacher evaluations", [int(costs.get(n, 0)) for n in kept.index])
    return kept.loc[list(names)].reset_index()

formats = {"added": "{:,}", "teacher evaluations": "{:,}", "accuracy": "{:.4f}", "nll": "{:.3f}", "ece": "{:.3f}", "training_s": "{:.1f}"}
dh.table(priced(parts["perceptron"]), "The perceptron division: parameters added, inputs the teacher answers, and seconds of one core for one student", formats)

# %%
dh.table(priced(parts["convolutional"]), "The convolutional division", formats)

# %% [markdown]
# ## Who is best, and how sure are we?
#
# An order is not a result. Draw the eight seeds anew, with replacement, again and again; each time somebody has the highest mean. How often is it the same? Keep the seeds together, so that all methods meet the same luck. Written out:

# %%
def how_often_best(table, times=2000):
    draw, wins = np.random.default_rng(0), np.zeros(len(table))
    for _ in range(times):
        seeds = draw.integers(table.shape[1], size=table.shape[1])
        wins[table[:, seeds].mean(1).argmax()] += 1
    return wins / times

names = parts["perceptron"]
table = np.stack([scores(n) for n in names])
best = probability_best(table)
print("the notebook's shares equal the package's to three points:", bool(np.abs(how_often_best(table) - best).max() < 0.03))

# %%
ranks = rank_interval(table)
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 0.2 * len(names) + 1.2), sharey=True)
for row, name in enumerate(names):
    colour = colours[ENTRIES[name].family]
    left.plot(ranks[row], [row, row], "o-", lw=3, ms=4, color=colour)
    right.barh(row, 100 * best[row], color=colour)
left.set_yticks(range(len(names)), names, fontsize=8)
left.set(xlabel="rank, 95 % of the resamples", ylim=(len(names) - 0.4, -0.6))
right.set(xlabel="probability of being best, %")
dh.figure(fig, alt="Left: for each strategy of the perceptron division the range of ranks that holds 95 percent of the resamples, wide bars that overlap. "
          "Right: the probability of being best, nearly all of it with the first entry.")

# %%
leaders = [n for n, low in zip(names, ranks[:, 0]) if low == 1]
print("rank 1 lies within the interval of:", "; ".join(leaders))
print("one strategy is best with a probability above 95 %:", bool(best.max() > 0.95))
crowded = [n for n, (low, high) in zip(names, ranks) if high - low >= 8]
print(f"{len(crowded)} of {len(names)} entries have an interval of nine ranks or more")

# %% [markdown]
# So the first place is sure, in this regime, and few others. From the sixth entry to the twenty-fifth the order is largely a toss: a paper that reported ranks 8 and 15 of this table would report noise. And the winner pays for its place, with a teacher evaluation
# for every view in every step.

# %% [markdown]
# ## The luck of the best
#
# With dozens of entries, the best of them looks good even if all are equal. How good? Centre every difference to soft targets, so that nobody gains, resample, and note the largest mean each time (White 2000). Only a gain beyond that bound is more than luck. One wild entry sets it here: without the critic that sees answers only, whose seeds scatter by more than four points, it would be 1.2.

# %%
rivals = [n for n in names if n != "soft targets"]
against_soft = {n: dh.paired(scores(n), scores("soft targets")) for n in rivals}
bound = best_by_luck(np.stack([d.values for d in against_soft.values()]))
beyond = [n for n, d in against_soft.items() if d.mean > bound]
print(f"the best of {len(rivals)} equals would seem to gain up to {100 * bound:.2f} points on soft targets")
print("beyond that:", "; ".join(f"{n} ({100 * against_soft[n].mean:+.2f})" for n in beyond) or "nobody")

# %% [markdown]
# ## What choosing costs
#
# The chosen setting looked best on validation, partly by chance. How well does the validation score of the search foretell the test score of fresh seeds?

# %%
means = record.groupby("entry")[["validation", "accuracy"]].mean().loc[names]
fig, ax = plt.subplots(figsize=(5.2, 4))
for family in families:
    chosen = [n for n in names if ENTRIES[n].family == family]
    ax.plot(means.validation[chosen], means.accuracy[chosen], "o", ms=5, color=colours[family], label=family)
ax.set(xlabel="validation accuracy in the search", ylabel="test accuracy of fresh seeds", xlim=(0.79, 0.96), ylim=(0.79, 0.96))
ax.legend(fontsize=8)
dh.figure(fig, alt="Test accuracy of fresh seeds against validation accuracy in the search, one dot for each entry of the perceptron division that reaches 80 percent: the "
          "two rise together, with a scatter of about a point.")
print(f"rank correlation of the two: {means.validation.corr(means.accuracy, method='spearman'):.2f}")

# %% [markdown]
# Well, in this regime; the differences are large, and 500 digits times three seeds are enough to see them. Among entries within a point of each other the search order says little. And mind the edges: several feature strategies chose the smallest weight they were
# offered, so a wider grid might have helped them. Equal budgets are fair, not generous.

# %% [markdown]
# ## Two at a time
#
# **Move it.** Choose any two entries and see them seed by seed. Lines that all rise are a difference; lines that cross are luck.

# %%
def draw_pair(first="soft targets", second="labels alone"):
    d = dh.paired(scores(second), scores(first))
    fig, ax = plt.subplots(figsize=(6, 3.2))
    ax.plot([0, 1], [scores(first), scores(second)], "o-", color=dh.show.PALETTE[0], alpha=0.6)
    ax.set(xticks=(0, 1), xlim=(-0.5, 1.5), ylabel="test accuracy")
    ax.set_xticklabels([first, second])
    ax.set_title(f"{100 * d.mean:+.2f} points [{100 * d.low:+.2f}, {100 * d.high:+.2f}]")
    return fig

# %%
dh.figure(draw_pair("labels alone", "soft targets"), alt="Test accuracy of eight seeds under labels alone and under soft targets, joined by lines that nearly "
          "all rise.")

# %%
dh.explore(draw_pair, alt="Two entries seed by seed", first=dh.Choice(tuple(ENTRIES), "labels alone"), second=dh.Choice(tuple(ENTRIES), "soft targets"))

# %% [markdown]
# ## Verdicts
#
# The article names methods and says that they help. Each stands here against labels alone, and against plain soft targets, for a method that adds to distillation should add something. Clean accuracy with 200 labels is all that is judged; robustness is
# the business of notebooks [08](08_supervised_strategies.ipynb) and [12](12_robust_students.ipynb), stability of [11](11_discriminative_distillation.ipynb).

# %%
def evidence(name, soft="soft targets"):
    return [dh.measured(f"{name} gains on labels alone", gain(name)),
            dh.measured(f"{name} gains on {soft}", dh.paired(scores(name), scores(soft)))]

named = {"adversarial training": evidence("robust distillation"),
         "attention": evidence("gradient attention") + evidence("maps: attention transfer", "maps: soft targets"),
         "correcting samples": evidence("adjusted targets"),
         "smoothness penalty": evidence("Jacobian matching") + evidence("virtual adversarial")}
c13 = {idea: dh.first_edition("C13", "13", part=f"{idea}, clean accuracy").judge(stated=stated) for idea, stated in named.items()}

# %%
c20 = dh.first_edition("C20", "13", part="accuracy in the tournament").judge(
    stated=evidence("critic and soft targets"),
    corrected=[dh.measured("the critic alone, told the image, gains on labels alone", gain("critic alone, told the image"))])

# %%
robust = {"Dropout": "student dropout", "Mixup": "mixup", "Softmax": "soft targets", "Marginal Loss": "marginal loss"}
c21 = {idea: dh.first_edition("C21", "13", part=f"{idea}, clean accuracy").judge(stated=dh.measured(f"{name} gains on labels alone", gain(name)))
       for idea, name in robust.items()}

# %%
rows = [{"part": v.part, "evidence": e.name, "numbers": f"{100 * e.numbers['mean']:+.2f} [{100 * e.numbers['low']:+.2f}, {100 * e.numbers['high']:+.2f}]"}
        for v in (*c13.values(), c20, *c21.values()) for e in v.stated + v.corrected]
dh.table(pd.DataFrame(rows), "Gains in points of test accuracy, 95 % intervals over eight paired seeds")

# %% [markdown]
# ## Remember
#
# 1. Equal budget, equal search, shared seeds, test read once: only then is a difference the method's.
# 2. Ask of every gain what its control gains. What a shuffled teacher also gives is regularisation.
# 3. Say how sure a ranking is: here one winner is certain, and twenty places behind it are a toss. Ask how much luck alone would give the best of many.

# %% [markdown]
# ## Exercises
#
# **13.1** The paired interval: mean of a − b over seeds and half the width of its 95 % Student interval; `t` is the quantile for n − 1 degrees of freedom. Solutions are in [solutions/13_strategy_tournament.md](solutions/13_strategy_tournament.md).

# %% tags=["raises-exception"]
def my_paired(a, b, t):  # exercise 13.1: a, b [n]; return a tensor (mean, half width)
    raise NotImplementedError

my_paired(torch.tensor([0.90, 0.92, 0.91]), torch.tensor([0.89, 0.90, 0.90]), 4.303)

# %%
dh.check("13.1", my_paired)

# %% [markdown]
# **13.2** An honest search: validation and test scores [settings, seeds], as tensors. Return the test mean of the setting that a fair competitor would report.

# %% tags=["raises-exception"]
def my_reported_score(validation, test):  # exercise 13.2
    raise NotImplementedError

my_reported_score(torch.zeros(3, 2), torch.ones(3, 2))

# %%
dh.check("13.2", my_reported_score)

# %% [markdown]
# **13.3** How often is each method the best? scores [methods, seeds], and resamples [times, seeds] of seed numbers, already drawn.

# %% tags=["raises-exception"]
def my_shares(scores, resamples):  # exercise 13.3: return a tensor [methods] of shares; no ties occur
    raise NotImplementedError

my_shares(torch.zeros(2, 3), torch.tensor([[0, 1, 1]]))

# %%
dh.check("13.3", my_shares)

# %% [markdown]
# ## Further reading
#
# - H. White, *A Reality Check for Data Snooping*, Econometrica 68, 2000.
# - J. Demšar, *Statistical Comparisons of Classifiers over Multiple Data Sets*, JMLR 7, 2006.
# - X. Bouthillier et al., *Accounting for Variance in Machine Learning Benchmarks*, MLSys 2021.
# - Y. Tian, D. Krishnan, P. Isola, *Contrastive Representation Distillation*, ICLR 2020: a comparison of a dozen losses, and the base of many.
#
# **Next:** [14 · MNIST](14_mnist.ipynb), the first of seven applications.
