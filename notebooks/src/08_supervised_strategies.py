# %% [markdown]
# # 08 · Supervised strategies
#
# **You will be able to** attack a student and train one that withstands it, draw where a net looks, correct wrong samples and know when not to, penalise a rough student, and say which signals a strategy needs.
# **You need** [07](07_soft_targets.ipynb). **Time:** about 75 seconds to run on a 2-core CPU, 120 minutes to teach. **Claims tested:** C12, C13.

# %%
import matplotlib.pyplot as plt
import pandas as pd
import torch
import distill_helpers as dh
from distill_helpers import measure
from distill_helpers.course.lessons.supervised_strategies import records_robust as robust, records_signals as signals
from distill_helpers.strategies import (
    AdjustedTargets, AttentionTransfer, Batch, GradientAttention, HardLabels, JacobianMatching, LabelSmoothing, Relabelled,
    RobustDistillation, SoftTargets, VirtualAdversarial)

dh.start(seed=0)

# %% [markdown]
# ## Four ideas, four signals
#
# For supervised distillation the article (section 2.2) names adversarial training, attention, correcting samples and a smoothness penalty. Each strategy of this course declares what it uses: *labels*, and from the
# teacher *outputs*, *features* or *gradients*. Read it from the classes themselves. Which of them work without labels?

# %%
methods = {"soft targets": SoftTargets(), "robust distillation": RobustDistillation(), "attention transfer": AttentionTransfer(),
           "gradient attention": GradientAttention(), "probability shift": AdjustedTargets(), "relabelling": Relabelled(),
           "Jacobian matching": JacobianMatching(SoftTargets(4.0, 1.0)), "virtual adversarial": VirtualAdversarial(SoftTargets(4.0, 1.0)),
           "label smoothing": LabelSmoothing()}
kinds = ("labels", "outputs", "features", "gradients")
rows = [{"strategy": n} | {k: "yes" if k in s.signals else "" for k in kinds} | {"must have labels": "yes" if s.needs_labels else ""}
        for n, s in methods.items()]
dh.table(pd.DataFrame(rows), "What each strategy uses, as it declares itself (soft terms of the two penalties with weight 1)")

# %% [markdown]
# ## Adversarial training
#
# An attacker moves every pixel by at most ε to raise your loss. One step goes all the way along the sign of the gradient (FGSM, Goodfellow et al. 2015). Several small steps from a random start, each cut back into
# the ball, are PGD (Madry et al. 2018).

# %%
def attacked_by_hand(model, x, y, start, eps, steps):
    moved = (x + eps * start).clamp(0, 1)
    for _ in range(steps):
        moved.requires_grad_()
        (slope,) = torch.autograd.grad(torch.nn.functional.cross_entropy(model(moved), y), moved)
        moved = (moved + 2.5 * eps / steps * slope.sign()).clamp(x - eps, x + eps).clamp(0, 1).detach()
    return moved

# %% [markdown]
# *Adversarially robust distillation* (Goldblum et al. 2020, eq. 3) trains on such inputs: under attack the student should say what its teacher says about the clean image. The attack is on the student of this very step.

# %%
def robust_loss(student, teacher_logits, x, y, start, eps=0.1, steps=5, T=4.0, weight=0.9):
    attacked = attacked_by_hand(student, x, y, start, eps, steps)
    log_p, log_q = (teacher_logits / T).log_softmax(-1), (student(attacked) / T).log_softmax(-1)
    soft = T**2 * (log_p.exp() * (log_p - log_q)).sum(-1).mean()
    return weight * soft + (1 - weight) * torch.nn.functional.cross_entropy(student(x), y)

# %% [markdown]
# From here on it comes from the package, `RobustDistillation(eps, steps, temperature, weight)`, which finds the attack with `torch.func.grad` so that students stack. The two are the same function:

# %%
from distill_helpers.models.outputs import Outputs

net, x5, y5, start = dh.digits_student().eval(), torch.rand(5, 1, 28, 28), torch.arange(5), 2 * torch.rand(5, 1, 28, 28) - 1
answers = torch.randn(5, 10)
batch = Batch(x5, y5, y5, y5, {"start": start})
package = RobustDistillation().loss(lambda x: Outputs(net(x), {}), lambda b: Outputs(answers, {}), batch)
print("the notebook's loss equals the package's:", torch.allclose(sum(package.values()), robust_loss(net, answers, x5, y5, start), rtol=1e-3))

# %% [markdown]
# Train two teachers of 269,322 parameters on 3,500 digits, one on labels, one adversarially, and from them two students: plain soft targets, and robust distillation. *Prediction:* at ε = 0.1 (a tenth of black to white) the plain
# student is lost.

# %%
digits = dh.load_digits()
x, y = digits.test.x, digits.test.labels
plain, sturdy = (robust.students(arm, seeds=(0,)).model(0) for arm in ("soft targets", "robust distillation"))

# %% tags=["nbval-ignore-output"]
for name, model in {"standard teacher": robust.teacher("standard"), "robust teacher": robust.teacher("robust"), "plain student": plain,
                    "robust student": sturdy}.items():
    clean = measure.accuracy(model(x).detach(), y).item()
    print(f"{name:17} clean {clean:.1%}, under PGD {measure.robust_accuracy(model, x, y, 0.1).item():.1%}")

# %%
def shown_attack(eps=0.1, digit=0, student="plain"):
    model = {"plain": plain, "robust": sturdy}[student]
    moved = measure.pgd(model, x[digit : digit + 1], y[digit : digit + 1], eps, steps=10)
    fig, axes = plt.subplots(1, 4, figsize=(8, 2.7), width_ratios=(1, 1, 1, 1.6))
    for ax, image, title in zip(axes, (x[digit], moved[0] - x[digit], moved[0]), ("clean", "perturbation", f"ε = {eps:g}")):
        ax.imshow(image[0], cmap="gray_r", vmin=-eps if title == "perturbation" else 0, vmax=eps if title == "perturbation" else 1)
        ax.set_title(title)
        ax.axis("off")
    p = model(moved).detach().softmax(-1)[0]
    axes[3].bar(range(10), p, color=[dh.show.PALETTE[0 if c == y[digit] else 1] for c in range(10)])
    axes[3].set(xticks=range(10), ylim=(0, 1), title=f"{student} says {p.argmax()}", xlabel="class")
    return fig

# %% tags=["nbval-ignore-output"]
dh.figure(shown_attack(0.1, 3, "plain"), alt="A handwritten digit, the perturbation that an attacker found against the plain student, the attacked "
          "digit that still looks the same to us, and the student's probabilities, which now favour another class.")

# %% tags=["nbval-ignore-output"]
dh.figure(shown_attack(0.1, 3, "robust"), alt="The same digit attacked anew, now against the robust student: the perturbation follows the strokes "
          "of the digit, and the bar chart shows what the robust student still believes.")

# %% [markdown]
# **Move it.** The attack is found anew at every move. How large must ε be before *you* would hesitate, and before each student errs?

# %%
dh.explore(shown_attack, alt="A digit under attack", eps=dh.Slider(0.0, 0.5, 0.1, step=0.02), digit=dh.Slider(0, 19, 3),
           student=dh.Choice(("plain", "robust")))

# %% [markdown]
# ### Eight seeds, nine arms
#
# The recorded run trains nine kinds of student, all for 400 steps. Equal steps are not equal seconds: an attacked step costs several times as much. First the same slice live and recorded, then all.

# %%
record = dh.read_record(robust.__name__)
def under(arm, column):
    return record[record.arm == arm].sort_values("seed")[column].to_numpy()

live = measure.robust_accuracy(sturdy, x, y, 0.1).item()
print("seed 0, run again, agrees with its record to three points:", abs(live - under("robust distillation", "pgd 0.1")[0]) < 0.03)

# %%
fig, axes = plt.subplots(1, 2, figsize=(10, 3.9), sharey=True)
for ax, column, unit in zip(axes, ("accuracy", "pgd 0.1"), ("clean accuracy", "accuracy under PGD, ε = 0.1, 20 steps")):
    dh.show.seeds_plot({arm: under(arm, column) for arm in robust.ARMS}, ax, unit=unit)
dh.figure(fig, alt="Clean accuracy and accuracy under attack of nine kinds of student, eight seeds each: plain students near 95 percent clean and near "
          "zero under attack, adversarially trained ones between 80 and 90 percent clean and near 58 percent under attack, virtual adversarial between.")

# %% [markdown]
# ### Is the attack strong enough?
#
# A weak attack makes anything look robust. Check four things. More steps and restarts (60 steps, 3 restarts) should change little. Another loss (the margin of logits) should not do much better. What was found against
# a *neighbour*, another seed of the same arm, should do worse, else gradients are hidden (Athalye et al. 2018). And at ε = 0.5 nothing should survive.

# %%
checks = record.groupby("arm", sort=False)[["weak", "strong", "margin", "neighbour", "huge"]].mean()
dh.table(checks.reset_index(), "Accuracy on 250 test digits: 20 steps, 60 steps with 3 restarts, margin loss, neighbour's attack, ε = 0.5", 3)

# %%
print("more steps and restarts take less than 4 points:", bool((checks.weak - checks.strong < 0.04).all()))
print("no neighbour's attack beats the strong one by a point:", bool((checks.neighbour > checks.strong - 0.01).all()))
print("at ε = 0.5 nothing survives:", bool((checks.huge == 0).all()))
print("the margin loss finds more, by at most 5 points:", bool((checks.strong - checks.margin).max() < 0.05))

# %% [markdown]
# So the figures stand, give or take: against adversarial training the margin attack finds 3 points more. Now judge, as for every method, against plain soft targets. For robustness: at least 10 points
# gained under attack, at most 2 lost without.

# %%
def against_soft(arm, column):
    return dh.paired(under(arm, column), under("soft targets", column))

ard = "robust distillation"
dh.first_edition("C13", "08", part="adversarial training").judge(
    stated=[dh.measured("robust distillation gains more than 10 points under attack", against_soft(ard, "pgd 0.1"), margin=0.10),
            dh.measured("it costs less than 2 points on clean digits", against_soft(ard, "accuracy"), margin=-0.02)],
    corrected=[dh.measured("it gains more than 10 points under the margin attack as well", against_soft(ard, "margin"), margin=0.10),
               dh.measured("on clean digits it beats adversarial training without a teacher by more than 2 points",
                           dh.paired(under(ard, "accuracy"), under("adversarial training", "accuracy")), margin=0.02)],
).table()

# %%
kinder = "robust distillation, standard teacher"
print("robust minus standard teacher, under PGD:      ", dh.paired(under(ard, "pgd 0.1"), under(kinder, "pgd 0.1")))
print("robust minus standard teacher, on clean digits:", dh.paired(under(ard, "accuracy"), under(kinder, "accuracy")))

# %% [markdown]
# A surprise: the paper wants a robust teacher, but here an ordinary one serves as well under attack, and better without. The student's robustness comes from its own attacks. What a robust teacher passes on *by itself* is
# seen with plain soft targets: 10 % under attack instead of 1 %.

# %% [markdown]
# ## Attention
#
# Where does a net look? Sum the squares of a layer's activations over its channels: a map, bright where something was found. Attention transfer (Zagoruyko & Komodakis 2017) asks that the student's map, scaled to length 1, be
# the teacher's.

# %%
from distill_helpers.strategies.features.attention_transfer import attention_map

def where_it_looks(feature):
    q = feature.square().sum(1).flatten(1)
    return q / q.norm(dim=-1, keepdim=True)

maps = torch.randn(4, 8, 7, 7)
print("the notebook's map equals the package's:", torch.allclose(where_it_looks(maps), attention_map(maps), atol=1e-6))

# %% [markdown]
# Compare three nets on 200 labelled digits: a convolutional teacher of 298,570 parameters, a student of 6,330 alone, and the same student with transfer (weight 100, so that the effect is plain to see). *Prediction:* the third
# row will copy the first.

# %%
from distill_helpers.models.small_conv import digits_conv_student, digits_conv_teacher
from distill_helpers.training.randomness import build_seeded

seer = build_seeded(digits_conv_teacher, 0)
dh.fit(seer, robust.views(), dh.Recipe(steps=250, lr=2e-3, batch_size=64))
few = dh.make_views(digits.train.per_class(20, seed=0), 32, 2)
alone, told = (dh.distill(digits_conv_student, seer, few, s, recipe=signals.MAPS).model(0)
               for s in (HardLabels(), AttentionTransfer(weight=100.0)))

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(4, 8, figsize=(8.4, 4.4))
for row, (name, model) in enumerate({"digit": None, "teacher": seer.eval(), "student alone": alone, "with transfer": told}.items()):
    picture = x[:8, 0] if model is None else attention_map(model(x[:8], features=True).features["stage2"]).detach().view(-1, 7, 7)
    for column, ax in enumerate(axes[row]):
        ax.imshow(picture[column], cmap="gray_r" if model is None else "magma")
        ax.set(xticks=[], yticks=[])
    axes[row, 0].set_ylabel(name, fontsize=8)
dh.figure(fig, alt="Eight digits and under each the attention maps of the second stage, seven by seven, of the teacher, of a student trained on labels "
          "alone, and of a student with attention transfer, whose maps resemble the teacher's more.")

# %%
def gap_to_teacher(model):
    ours, theirs = (attention_map(m(x, features=True).features["stage2"]) for m in (model, seer))
    return (ours - theirs).square().sum(1).mean().item()

print("with transfer the maps are at least twice as close to the teacher's:", gap_to_teacher(told) < 0.5 * gap_to_teacher(alone))

# %% [markdown]
# Looking alike is what was trained. Is the student *better*? The record holds small convolutional students on 200 labelled digits, and attention on gradients (eq. 3–4 of the same paper) for the perceptrons. Gains that
# count must exceed half a point over soft targets. *Prediction?*

# %%
clean = dh.read_record(signals.__name__)
def arm(regime, name):
    return clean[(clean.regime == regime) & (clean.arm == name)].sort_values("seed").accuracy.to_numpy()

def gain(regime, name, base="soft targets"):
    return dh.paired(arm(regime, name), arm(regime, base))

# %%
def gains_figure(regime):
    found = {n: dh.paired(100 * arm(regime, n), 100 * arm(regime, "soft targets")) for n in signals.REGIMES[regime] if n != "soft targets"}
    return dh.show.gains_plot(found, unit="percentage points against soft targets", title=regime, margin=0.5).figure

dh.figure(gains_figure("maps, 200 labels"), alt="Paired gains over soft targets of small convolutional students on 200 labels: labels alone near zero, "
          "attention transfer and soft targets with attention between zero and three points.")

# %%
dh.first_edition("C13", "08", part="attention transfer").judge(stated=[
    dh.measured("attention transfer gains more than half a point", gain("maps, 200 labels", "attention transfer"), margin=0.005)])
dh.first_edition("C13", "08", part="attention on gradients").judge(stated=[
    dh.measured("gradient attention gains more than half a point", gain("200 labels", "gradient attention"), margin=0.005)])
print("attention transfer", gain("maps, 200 labels", "attention transfer"))

# %% [markdown]
# ## Correcting samples
#
# Two kinds of correction pull in opposite directions. *Probability shift* (Wen et al. 2019) trusts the label: where the teacher's first choice is another class, the two values change places. *Relabelling* trusts the
# teacher: where it is sure and contradicts, its answer becomes the label (Lee 2013; Reed et al. 2015). Which is right depends on who errs.

# %%
from distill_helpers.strategies.outputs.adjusted_targets import shifted

def shift(logits, labels):
    rows, first, moved = torch.arange(len(logits)), logits.argmax(-1), logits.clone()
    moved[rows, first], moved[rows, labels] = logits[rows, labels], logits[rows, first]
    return moved

print("the notebook's shift equals the package's:", torch.equal(shift(answers, y5), shifted(answers, y5)))

# %% [markdown]
# Spoil 40 % of the training labels and train a teacher on them. It never sees the true labels; can it still find the wrong ones? *Prediction:* where it is at least 50 % sure and contradicts, it is right in nine cases of ten.

# %%
noisy, misled = signals.noisy_digits(), signals.teacher("misled")
confidence, first = misled(digits.train.x).detach().softmax(-1).max(-1)
changed = ((confidence >= 0.5) & (first != noisy.labels)).nonzero().squeeze(1)
mended = first[changed] == digits.train.labels[changed]
print("nine in ten changed labels are right now:", mended.float().mean().item() > 0.9)

# %% tags=["nbval-ignore-output"]
picked = torch.cat([changed[mended][:12], changed[~mended][:4]])
titles = [f"{noisy.labels[i]} → {first[i]} {'right' if first[i] == digits.train.labels[i] else 'WRONG'}" for i in picked]
print(f"{len(changed)} of {len(noisy)} labels changed, {mended.float().mean():.1%} of them rightly")
dh.figure(dh.show.image_grid(digits.train.images[picked], titles, columns=8, size=1.05), alt="Sixteen training digits with the noisy label, the "
          "teacher's label that replaced it, and whether that is right: twelve that were mended and up to four that were not.")

# %%
fig, axes = plt.subplots(1, 2, figsize=(11, 3.4))
for ax, regime in zip(axes, ("noisy labels", "misled teacher")):
    found = {n: dh.paired(100 * arm(regime, n), 100 * arm(regime, "soft targets")) for n in signals.REGIMES[regime] if n != "soft targets"}
    dh.show.gains_plot(found, ax, unit="percentage points against soft targets", title=regime, margin=0.5)
dh.figure(fig, alt="Paired gains over soft targets: with noisy labels relabelling gains a little, probability shift loses one point and smooth regularisation "
          "over ten; with right labels and a misled teacher the shift gains a little, but labels alone gain more than two points.")

# %%
slice_ = signals.run({"regime": "noisy labels", "arm": "relabelled"})
gap = abs(pd.DataFrame(slice_).accuracy.mean() - arm("noisy labels", "relabelled").mean())
print("the slice that was run again agrees with its record to one percentage point:", gap < 0.01)

# %%
dh.first_edition("C13", "08", part="correcting samples: relabelling").judge(stated=[
    dh.measured("with noisy labels, relabelling gains more than half a point", gain("noisy labels", "relabelled"), margin=0.005)])
for part, name in (("probability shift", "probability shift"), ("smooth regularisation", "smooth regularisation")):
    dh.first_edition("C13", "08", part=f"correcting samples: {part}").judge(stated=[
        dh.measured(f"with noisy labels, {name} gains more than half a point", gain("noisy labels", name), margin=0.005),
        dh.measured(f"with right labels and a misled teacher, {name} gains more than half a point", gain("misled teacher", name), margin=0.005)])

# %% [markdown]
# With noisy labels the teacher was right more often than the labels, so probability shift put errors back in. Soft targets from such a teacher already clean the labels, and relabelling adds little to that. Where labels are right, you need no
# misled teacher: labels alone win. The smoothed answer is too sharp at T = 4 beside its neighbours, and it does harm in both regimes.

# %% [markdown]
# ## Smoothness
#
# A smooth student changes its answer slowly. *Virtual adversarial training* (Miyato et al. 2018) penalises the change in the worst direction, without labels. *Jacobian matching* (Srinivas & Fleuret 2018) asks that the
# student's input gradient point where the teacher's does. See the first from above: the loss around one digit, towards the attack and in a random direction.

# %%
smooth = robust.students("virtual adversarial", seeds=(0,)).model(0)
centre, label = x[3:4], y[3:4]
towards = (measure.fgsm(plain, centre, label, 0.1) - centre).sign()
aside = torch.randn(centre.shape, generator=torch.Generator().manual_seed(0)).sign()
steps = torch.linspace(-0.2, 0.2, 41)
plane = torch.cat([centre + a * towards + b * aside for b in steps for a in steps])

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 2, figsize=(8.6, 3.5), sharey=True)
for ax, (name, model) in zip(axes, {"soft targets": plain, "soft targets, smooth": smooth}.items()):
    loss = torch.nn.functional.cross_entropy(model(plane).detach(), label.expand(len(plane)), reduction="none").view(41, 41)
    shade = ax.contourf(steps, steps, loss.clamp(max=8), levels=torch.linspace(0, 8, 17), cmap="cividis")
    ax.set(xlabel="towards the attack, each pixel", title=name)
axes[0].set_ylabel("random direction, each pixel")
fig.colorbar(shade, ax=axes, label="loss of the right label in nats (cut at 8)")
dh.figure(fig, alt="Two maps of the loss around one digit: for the plain student it climbs steeply towards the attack, for the smooth student the low "
          "region is wider; sideways, in a random direction, both are flatter.")

# %%
dh.figure(gains_figure("200 labels"), alt="Paired gains over soft targets with 200 labels: labels alone and label smoothing lose about four points, gradient "
          "attention slightly less than zero, virtual adversarial one point, Jacobian matching and all combinations with it two to three points.")

# %%
few_labels, jac = "200 labels", "Jacobian matching"
dh.first_edition("C13", "08", part="smoothness: Jacobian matching").judge(
    stated=[dh.measured("with 200 labels it gains more than half a point", gain(few_labels, jac), margin=0.005),
            dh.measured("with 3,500 labels it gains more than half a point", against_soft(jac, "accuracy"), margin=0.005)],
    corrected=[dh.measured("where images are few it gains more than one point", gain(few_labels, jac), margin=0.01)])
dh.first_edition("C13", "08", part="smoothness: virtual adversarial training").judge(stated=[
    dh.measured("it gains more than 10 points under attack", against_soft("virtual adversarial", "pgd 0.1"), margin=0.10),
    dh.measured("it costs less than 2 points on clean digits", against_soft("virtual adversarial", "accuracy"), margin=-0.02)])
dh.first_edition("C13", "08", part="smoothness: label smoothing").judge(stated=[
    dh.measured("with 200 labels it gains more than half a point", gain(few_labels, "label smoothing"), margin=0.005)])
print("label smoothing with all labels:", against_soft("label smoothing", "accuracy"))

# %% [markdown]
# The smooth student's low ground reaches three times as far towards the attack; sideways neither cares. A gradient is 784 numbers about one image, where an answer is ten: with 200 images that is worth three points. With all images it is worth nothing on clean digits. Label smoothing has no teacher, so it cannot replace one where labels are
# few; with all labels it does well.

# %% [markdown]
# ## Which signal is worth what?
#
# The article says that supervised distillation needs no labels and learns from raw data. Give a student all four signals on 200 digits, then take one away. *Prediction:* which loss hurts most?

# %%
full = "all four signals"
without = {"without labels": "without labels", "without outputs": "without outputs", "without features": jac,
           "without gradients": "without gradients", "outputs alone": "outputs alone", "labels alone": "labels alone"}
lost = {name: dh.paired(100 * arm(few_labels, other), 100 * arm(few_labels, full)) for name, other in without.items()}
dh.figure(dh.show.gains_plot(lost, unit="percentage points against all four signals", title="200 labels").figure,
          alt="What a student loses without each signal: nothing without labels or features, about one point without outputs, nearly three without gradients, "
          "three with outputs alone, more than seven with labels alone.")

# %%
def compared(a, b):
    return dh.paired(arm(few_labels, a), arm(few_labels, b))

c12 = dh.first_edition("C12", "08").judge(
    stated=[dh.fact("every method of this lesson works without labels", not any(s.needs_labels for s in methods.values())),
            dh.measured("raw images and labels do as well, to one point, as the teacher's signals", compared("labels alone", full), margin=-0.01)],
    corrected=[dh.measured("a student with the teacher's signals loses less than one point without labels", compared("without labels", full), margin=-0.01),
               dh.measured("the teacher's outputs alone beat labels alone by more than 2 points", compared("outputs alone", "labels alone"), margin=0.02),
               dh.measured("without the teacher's gradients it loses more than one point", compared(full, "without gradients"), margin=0.01)])
c12.table()

# %% [markdown]
# So half of it is true, but for another reason. Labels may go where a *teacher* answers, because it knew them. Yet robust distillation, relabelling and probability shift are built on labels, and raw data without the teacher's signals fall far
# behind. The article's two terms look swapped; [10](10_label_free_and_data_free.ipynb) takes the other half.

# %% [markdown]
# ## Remember
#
# 1. Robustness is bought with attacks in training and paid for in clean accuracy. Check every attack: more steps, another loss, a neighbour's attack, a huge ε.
# 2. Corrections help only where the corrector errs less often than what it corrects: ask who is wrong, label or teacher.
# 3. With few images a teacher's gradients are worth more than its outputs; with a teacher at hand, labels add nothing.

# %% [markdown]
# ## Exercises
#
# **08.1** One step of FGSM: images x in [0, 1], the loss's gradient with respect to x, and eps. Solutions are in [solutions/08_supervised_strategies.md](solutions/08_supervised_strategies.md).

# %% tags=["raises-exception"]
def my_fgsm(x, gradient, eps):  # exercise 08.1
    raise NotImplementedError

my_fgsm(torch.rand(2, 3), torch.randn(2, 3), 0.1)

# %%
dh.check("08.1", my_fgsm)

# %% [markdown]
# **08.2** Probability shift: teacher's logits [N, C] and labels [N]. Where the first choice is not the label, the two values change places.

# %% tags=["raises-exception"]
def my_shift(logits, labels):  # exercise 08.2
    raise NotImplementedError

my_shift(torch.randn(2, 3), torch.tensor([0, 2]))

# %%
dh.check("08.2", my_shift)

# %% [markdown]
# **08.3** The attention map of a feature [B, C, H, W]: squares summed over channels, flattened, each image's map of length 1.

# %% tags=["raises-exception"]
def my_attention_map(feature):  # exercise 08.3
    raise NotImplementedError

my_attention_map(torch.randn(2, 4, 3, 3))

# %%
dh.check("08.3", my_attention_map)

# %% [markdown]
# ## Further reading
#
# - A. Madry et al., *Towards Deep Learning Models Resistant to Adversarial Attacks*, ICLR 2018.
# - A. Athalye, N. Carlini, D. Wagner, *Obfuscated Gradients Give a False Sense of Security*, ICML 2018.
# - M. Goldblum, L. Fowl, S. Feizi, T. Goldstein, *Adversarially Robust Distillation*, AAAI 2020.
# - S. Zagoruyko, N. Komodakis, *Paying More Attention to Attention*, ICLR 2017.
# - T. Wen, S. Lai, X. Qian, *Preparing Lessons: Improve Knowledge Distillation with Better Supervision*, arXiv 1911.07471, 2019.
# - S. Srinivas, F. Fleuret, *Knowledge Transfer with Jacobian Matching*, ICML 2018.
# - T. Miyato, S. Maeda, M. Koyama, S. Ishii, *Virtual Adversarial Training*, TPAMI 2018.
#
# **Next:** [10 · Label-free and data-free](10_label_free_and_data_free.ipynb). To come: 09 · Features and relations.
