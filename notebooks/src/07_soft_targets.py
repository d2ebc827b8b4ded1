# %% [markdown]
# # 07 · Soft targets
#
# **The question:** when does a big teacher help a small student, and is it the teacher's knowledge that helps?
#
# **You will be able to** derive the loss and its gradient, say why $T^2$ stands in it, distil a teacher into a student 222 times smaller, and choose the control that could take the gain away. **You need** softmax, cross-entropy, [00](00_start_here.ipynb) for reading a verdict and [01](01_counting_the_big_mlp.ipynb) for the networks. **Time:** under 2 minutes to run, 90 minutes to teach. **Claims:** C02, C04, C05.

# %%
import torch
import distill_helpers as dh
from distill_helpers import measure
from distill_helpers.course.lessons.soft_targets import arms, exercises, figures, halves
from distill_helpers.course.lessons.soft_targets.measured import chosen, measured, searched
from distill_helpers.course.teachers import TEACHER
from distill_helpers.strategies import HardLabels, SoftTargets
from distill_helpers.training.randomness import build_seeded

dh.start(seed=0, lesson="soft_targets")

# %%
big, small = build_seeded(dh.digits_teacher, 0), build_seeded(dh.digits_student, 0)
figures.flow(big, small)

# %% [markdown]
# ## Half teaches, half learns
#
# The bundled MNIST digits are cut into 2,500 to learn from, 500 to choose settings with, and 2,000 that are read at the end. Half of the 2,500 teach the teacher. The other half is the student's. Why not give the teacher all of them?

# %%
digits = dh.load_digits_cut()
pool = halves.pool()
print([len(part) for part in digits], f"{pool.views} views of each training digit")
(drawn,) = halves.replicates(200, "all", 1)
print(len(drawn.teacher_rows), "digits teach;", len(drawn.rows), "are the student's,",
      int(drawn.labelled.sum()), "of them with a label")

# %% [markdown]
# Suppose that the teacher learnt from all 2,500 labels, and that you then hide most of them from the student. The teacher can repeat the hidden labels, because it had them. That is *label laundering*: the student would look as if it needed no labels. Here the teacher never has a label of the student's half.

# %%
shown = drawn.rows[:20]
words = [str(int(y)) if known else "?" for y, known
         in zip(digits.train.labels[shown], drawn.labelled[:20], strict=True)]
figures.digits(digits.train.images[shown], words)

# %%
figures.views(pool, drawn.rows[:3].tolist())

# %% [markdown]
# ## The teacher
#
# The teacher is the big network of lesson 01. It sees its own half only, each digit in 32 views. A view is the digit moved by up to two pixels. You train it now, as the record's first replicate did.

# %%
teaching = dh.fit(big, pool.subset(drawn.teacher_rows), TEACHER, seed=0)
teacher = dh.Teacher(big).over(pool.subset(drawn.rows))
check = digits.validation
figures.teacher_learns(teaching, measure.accuracy(big(check.x), check.labels).item())

# %% [markdown]
# ## Temperature
#
# The teacher ends with ten numbers for each image, its *logits* $t_1, \dots, t_{10}$. The student has logits $z_1, \dots, z_{10}$. A softmax makes probabilities of them. Dividing by a *temperature* $T > 0$ first makes these softer (Hinton et al. 2014, eq. 1):
#
# $$p_i = \frac{e^{t_i/T}}{\sum_j e^{t_j/T}}, \qquad q_i = \frac{e^{z_i/T}}{\sum_j e^{z_j/T}}$$

# %%
def softmax_at(z, T):
    e = torch.exp(z / T)
    return e / e.sum(-1, keepdim=True)

with torch.no_grad():
    answers = big(check.x)
top2 = answers.topk(2).values
right = answers.argmax(-1) == check.labels
divided = torch.where(right, top2[:, 0] - top2[:, 1], torch.inf).argsort()[:5]

# %% [markdown]
# You picked five validation digits that the teacher gets right and is least sure of. The first choice leads the second by little. Look at one of them at three temperatures: the order of the bars is the same in each.

# %%
figures.beliefs(check.images[divided], answers[divided])

# %% [markdown]
# **Move it.** Heat the teacher up and cool it down, and change the digit. At which temperature can you first see more than three bars? The slider moves without a kernel as well.

# %%
dh.explore(lambda temperature, digit: figures.belief.picture(
               check.images[divided], answers[divided], temperature, digit),
           temperature=dh.Steps((0.5, 1, 2, 4, 8, 16, 32), 4, label="temperature T"),
           digit=dh.Steps((0, 1, 2, 3, 4), 0, label="digit"))

# %% [markdown]
# ## The distance and its gradient
#
# The student should match $p$ with its own $q$. The distance is the Kullback–Leibler divergence, written in nats:
#
# $$D = \sum_j p_j\,(\log p_j - \log q_j)$$
#
# Only $q$ depends on the student. You need the derivative of $D$ by one logit $z_i$. Begin with the logarithm of $q_j$.

# %% [markdown]
# **Step 1.** From the definition, $\log q_j = z_j/T - \log \sum_k e^{z_k/T}$. Let $\delta_{ij}$ be 1 if $i = j$ and 0 otherwise. The derivative of the second part by $z_i$ is $e^{z_i/T} / (T \sum_k e^{z_k/T})$, and that is the probability $q_i$ divided by $T$:
#
# $$\frac{\partial \log q_j}{\partial z_i} = \frac{\delta_{ij} - q_i}{T}$$

# %% [markdown]
# **Step 2.** Put this into $D$. The $p_j$ sum to 1, so the terms with $q_i$ add up to $q_i$ itself, and one term with $p_i$ is left over:
#
# $$\frac{\partial D}{\partial z_i} = -\sum_j p_j\,\frac{\delta_{ij} - q_i}{T} = \frac{q_i - p_i}{T}$$
#
# The gradient is the difference of two probabilities, divided by the temperature. It is zero where student and teacher agree.

# %% [markdown]
# **Step 3.** Let $T$ be large against all logits. Then $e^{x/T} \approx 1 + x/T$. Let $C$ be the number of classes, and let both sets of logits have mean 0, which changes no probability:
#
# $$q_i \approx \frac{1 + z_i/T}{C + \sum_j z_j/T} = \frac{1}{C} + \frac{z_i}{C\,T}$$
#
# So $q_i - p_i \approx (z_i - t_i)/(C\,T)$. The difference itself shrinks with the temperature.

# %% [markdown]
# **Step 4.** Together, for large $T$:
#
# $$\frac{\partial D}{\partial z_i} \approx \frac{z_i - t_i}{C\,T^2}, \qquad T^2\,\frac{\partial D}{\partial z_i} \approx \frac{z_i - t_i}{C}$$
#
# This is why $T^2$ stands before the divergence. It keeps the teacher's share of the gradient when you change $T$. What remains at high heat is plain regression of the teacher's logits.

# %%
dh.predict("soft_targets.shrinks", "You raise T from 1 to 16 and leave out T². By what factor does "
           "the mean gradient shrink?", ["less than 16", "16 to 100", "more than 100"])

# %% [markdown]
# Write the loss in plain torch: the divergence of each row, its mean over the batch (*not* over the classes), times $T^2$. Then hold the derived gradient against the one that autograd computes.

# %%
def soft_target_loss(z, t, T):
    log_p = torch.log_softmax(t / T, dim=-1)
    log_q = torch.log_softmax(z / T, dim=-1)
    return T**2 * (log_p.exp() * (log_p - log_q)).sum(-1).mean()

# %%
g = torch.Generator().manual_seed(0)
z, t = (3 * torch.randn(64, 10, generator=g, dtype=torch.double) for _ in range(2))
z.requires_grad_()
sizes = {}
for T in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0):
    (gradient,) = torch.autograd.grad(soft_target_loss(z, t, T), z)
    derived = T**2 * (softmax_at(z, T) - softmax_at(t, T)) / T / len(z)
    torch.testing.assert_close(gradient, derived)
    size = gradient.abs().mean().item()
    sizes[T] = size, size / T**2

# %%
shrunk = sizes[1.0][1] / sizes[16.0][1]
came = "less than 16" if shrunk < 16 else "16 to 100" if shrunk <= 100 else "more than 100"
dh.predict.outcome("soft_targets.shrinks", came, said=f"It shrank {shrunk:.0f} times.")
figures.gradient_sizes(sizes)

# %% [markdown]
# The dotted line falls as $1/T^2$, as step 4 says for large $T$. At small $T$ the approximation does not hold yet, so the whole way from 1 to 16 does not shrink by $16^2$.
#
# From here on the loss is the package's. `SoftTargets(temperature, weight)` adds `weight` times the soft term and `1 - weight` times cross-entropy on the known labels.

# %%
from distill_helpers.strategies.contract.divergences import kl_from_logits

torch.testing.assert_close(soft_target_loss(z, t, 4.0), 4.0**2 * kl_from_logits(t, z, 4.0))
print("your loss equals the package's")

# %% [markdown]
# ## The headline: 222 to 1
#
# The student has a linear stem, two residual blocks and a head. Train it on its half with all 1,250 labels: once alone, once with soft targets. Both begin with the same weights and see the same batches. The settings are those that a search on the validation digits chose for each.

# %%
numbers = {name: chosen(1250, name) for name in ("alone", "soft targets, all images")}
ratio = teaching.parameters / sum(p.numel() for p in small.parameters())
print(f"{teaching.parameters:,} parameters teach, {teaching.parameters / ratio:,.0f} learn: {ratio:.0f} to 1")
dh.table([{"arm": name} | cell for name, cell in numbers.items()], "Settings, all labels")

# %%
dh.predict("soft_targets.kept", "How much of its teacher's accuracy will the distilled student keep?",
           ["under 95 %", "95 to 98 %", "over 98 %"])

# %%
def way(cell):
    rates = {"lr": cell["lr"], "weight_decay": cell.get("weight_decay", 0.05)}
    soft = "temperature" in cell
    return dh.Arm(SoftTargets(cell["temperature"], cell["weight"]) if soft else HardLabels(), **rates)

ways = {name: way(cell) for name, cell in numbers.items()}
first = dh.compare(dh.digits_student, teacher, pool, ways, test=digits.test, recipe=arms.RECIPE,
                   replicates=halves.replicates(1250, "all", 1), progress=False)

# %% tags=["nbval-ignore-output"]
x, y = digits.test.x, digits.test.labels
big_accuracy = measure.accuracy(big(x), y).item()
print(f"teacher {big_accuracy:.2%}, {teacher.evaluations:,} views answered once and kept")
for name in ways:
    score = first.scores["accuracy"][0, first.arms.index(name)].item()
    print(f"{name}: {score:.2%}, which is {score / big_accuracy:.2%} of its teacher's")

# %%
kept = first.scores["accuracy"][0, 1].item() / big_accuracy
came = "under 95 %" if kept < 0.95 else "95 to 98 %" if kept <= 0.98 else "over 98 %"
dh.predict.outcome("soft_targets.kept", came)

# %%
figures.students_learn(first)
