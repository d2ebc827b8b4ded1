# %% [markdown]
# # 22 · The verdicts
#
# **You will be able to** see what became of each of the article's 23 claims, and where to look for the evidence. **You need** nothing, though [00](00_start_here.ipynb) explains how to read a verdict.
# **Time:** 10 seconds to run on a 2-core CPU, 20 minutes to teach. **Claims tested:** none anew; this page collects what the other notebooks recorded.

# %%
import matplotlib.pyplot as plt
import distill_helpers as dh
from distill_helpers.course.ledger import synthesis
from distill_helpers.course.lessons.the_verdicts import figures

dh.start(seed=0)

# %% [markdown]
# ## The ledger
#
# One row for every claim, more where a claim was judged in parts. *Expected* is what we thought before any run. The verdict was computed by the notebook named beside it. A claim that no notebook has tested yet says so.
# *Edition* says by which rules: the first edition counts seeds, against margins that each notebook chose; the second counts replicates, by a register that was written down before its runs.

# %%
ledger = dh.ledger()
dh.table(ledger.drop(columns="evidence"), "The article's claims and what became of them")

# %% [markdown]
# ## Where things stand

# %%
print(synthesis())

# %%
order = ["holds", "holds in part", "holds with a correction", "refuted", "inconclusive", "not yet tested"]
counts = ledger.verdict.value_counts().reindex(order, fill_value=0)
print(counts.to_string())

# %%
fig, ax = plt.subplots(figsize=(7, 2.4))
ax.barh(order, counts, color=[dh.show.PALETTE[i] for i in (2, 0, 5, 1, 4, 7)])
ax.invert_yaxis()
ax.set(xlabel="rows of the ledger", title="Verdicts so far")
dh.figure(fig, alt="Horizontal bars counting the rows of the ledger by verdict: " + ", ".join(f"{n} {v}" for v, n in counts.items()) + ".")

# %% [markdown]
# ## All readings of the second edition
#
# Every measured reading, one line each: the difference in the claimed direction, divided by its own *m*, the smallest effect that matters. So all claims share one axis. Right of the right stroke a gain matters for sure;
# between the strokes nothing that matters was found. Statements that are simply true or false have no line here.

# %%
figures.readings()

# %% [markdown]
# ## The evidence
#
# Each statement that a verdict rests on, with *yes*, *no* or *open*, and the numbers behind it: mean and 95 % interval of the paired difference, the margin, the number of seeds.

# %%
tested = ledger[ledger.verdict != "not yet tested"]
dh.table(tested[["claim", "part", "verdict", "notebook", "evidence"]], "What each verdict rests on")

# %% [markdown]
# ## Expected, and found
#
# A hypothesis that never fails was not at risk. Where the run disagrees with what we expected, the run is right.

# %%
comparable = tested[tested.expected.isin(order)]
surprises = comparable[comparable.expected != comparable.verdict]
print(f"{len(comparable) - len(surprises)} of {len(comparable)} rows came out as expected")
for row in surprises.itertuples():
    print(f"{row.claim} {row.part}: expected {row.expected}, found {row.verdict}")

# %% [markdown]
# ## Remember
#
# 1. Every word in the verdict column was computed from a run, by rules written down before it.
# 2. The numbers come with their seeds and margins; `make course` makes all of them again.
# 3. "Not yet tested" means exactly that.
#
# **Further reading:** J. Pineau et al., *Improving Reproducibility in Machine Learning Research*, JMLR 2021.
#
# **Next:** go back to a verdict that surprised you, and open its notebook: the map is in [00](00_start_here.ipynb).
