# %% [markdown]
# # 00 · Start here
#
# **You will be able to** check your set-up, find your way through the course, and read a verdict. **You need** Python and a first course in machine learning.
# **Time:** 15 seconds to run on a 2-core CPU, 15 minutes to teach. **Claims tested:** none; the other notebooks do that.

# %%
import numpy as np
import distill_helpers as dh

dh.start(seed=0)

# %% [markdown]
# ## What this course is
#
# Distillation trains a small *student* on the answers of a big *teacher*. An article on distilling big models makes 23 claims about it; some are right, some vague, some wrong. (It is in Chinese; our copy has no title, date or author.) Here each
# claim is tested on real data, over several seeds, beside controls. What you see was measured by the notebook that you are reading.

# %% [markdown]
# ## Preflight
#
# Each line says OK, or what is wrong and the command that mends it. If a line is marked `!!`, mend that first.

# %% tags=["nbval-ignore-output"]
ready = dh.preflight()

# %%
print("ready for every notebook:", ready)

# %% [markdown]
# ## The map
#
# Every notebook runs on its own, first, from a fresh kernel. If you have an hour, read 01 and 07. If you have a minute, read 22.

# %%
dh.course_map()

# %% [markdown]
# ## How to read a verdict
#
# A comparison is made seed by seed: same initial weights, same order of data, with and without the method. Each seed gives one difference. Their mean comes with a 95 % interval, and the
# interval is held against a *margin* stated before the run. Three things can happen.

# %%
rng = np.random.default_rng(0)
made_up = {"clearly above the margin": rng.normal(1.6, 0.5, 8), "on both sides of it": rng.normal(0.5, 0.9, 8), "clearly below": rng.normal(-0.4, 0.4, 8)}
examples = {name: dh.paired(values, np.zeros(8)) for name, values in made_up.items()}
for name, difference in examples.items():
    print(f"{name:26} {difference}   evidence: {difference.against(0.3)}")

# %%
ax = dh.show.gains_plot(examples, unit="difference with and without the method, percentage points", margin=0.3,
                        title="Made-up examples; the dotted line is the margin")
dh.figure(ax.figure, alt="Three made-up comparisons as points with intervals: one interval lies wholly right of the dotted margin, one crosses it, one lies wholly left.")

# %% [markdown]
# Evidence above the margin counts as *yes*, below as *no*, across as *open*. A verdict is then computed, never typed:
#
# - **holds**: all evidence for the claim as stated says yes;
# - **holds with a correction**: the claim fails as stated, and a corrected one holds;
# - **refuted**: it fails, and nothing saves it;
# - **inconclusive**: the seeds cannot decide. That is a result too.

# %% [markdown]
# These are the rules of the course's first edition, which all lessons follow today. The second edition is on its way: its register of claims stands, with the readings, the
# weaker forms and the smallest effect that matters written down before any run. A lesson that is reworked hands in measurements and nothing else, over replicates that draw data, teacher and start anew. The
# ledger in 22 marks what is of which edition.

# %% [markdown]
# ## Controls
#
# A gain over "no teacher" need not be the teacher's knowledge. So beside each distillation stand students that learn from smoothed labels, from a teacher whose answers were shuffled between images, and
# from a teacher that was never trained. Whatever a control also gains, the teacher's knowledge did not cause.

# %% [markdown]
# ## What differs between devices
#
# Initial weights and the order of data come from the same generator everywhere, so runs start equal. Sums are added up in another order on another processor, so losses drift apart in the last digits,
# and accuracies by a few images. Verdict lines hold no such numbers and should not change. On a GPU, bf16 and TF32 add rounding of their own.
#
# Set `DISTILL_PROFILE=full` for the full public data sets where a notebook offers them.

# %% [markdown]
# ## Remember
#
# 1. A verdict is computed from paired seeds, an interval and a margin.
# 2. Look at the controls before you believe a gain.
# 3. A null result stays in the course.
#
# **Further reading:** G. Hinton, O. Vinyals, J. Dean, *Distilling the Knowledge in a Neural Network*, NIPS 2014 workshop; X. Bouthillier et al., *Accounting for Variance in Machine Learning Benchmarks*, MLSys 2021.
#
# **Next:** [01 · Counting the big MLP](01_counting_the_big_mlp.ipynb).
