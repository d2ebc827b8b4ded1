# %% [markdown]
# # 11 · Discriminative distillation
#
# **You will be able to** let a critic judge a student's answers against its teacher's, say what such a critic can and cannot teach, find the sign leak that ruins it, and judge whether it makes students better or steadier.
# **You need** [07](07_soft_targets.ipynb). **Time:** about a minute to run on a 2-core CPU, 75 minutes to teach. **Claims tested:** C20.

# %%
import matplotlib.pyplot as plt
import pandas as pd
import torch
import distill_helpers as dh
from distill_helpers import measure
from distill_helpers.strategies import Adversarial, Watched

dh.start(seed=0)

# %% [markdown]
# ## A game for two
#
# Soft targets say how far an answer may be from the teacher's: by a divergence that somebody chose. Here nobody chooses. A *critic* D sees an answer and scores it: above 0 for "the teacher's", below 0 for "the student's". It
# learns to tell them apart. The student learns to be mistaken for its teacher.

# %%
def softplus(z):  # = -log σ(-z)
    return torch.log(1 + torch.exp(z))

def critic_loss(student_scores, teacher_scores):
    return softplus(student_scores).mean() + softplus(-teacher_scores).mean()

def student_loss(student_scores):
    return softplus(-student_scores).mean()

# %% [markdown]
# The critic's loss is the cross-entropy of naming the side. The student could just maximise it: *saturating*. Goodfellow et al. (2014) turn the sign inside instead. Why? Take a critic that is sure, D = −8, and ask both for their gradient.

# %%
D = torch.tensor([-8.0], requires_grad=True)
for name, loss in {"saturating": -softplus(D).mean(), "non-saturating": student_loss(D)}.items():
    (slope,) = torch.autograd.grad(loss, D)
    print(f"{name:14} gradient {slope.item():+.4f}")

# %% [markdown]
# From here on the losses come from the package. `Adversarial` shows both sides as softmax at one temperature, and its loss and opponent loss are these two:

# %%
from distill_helpers.strategies.critics.discriminator import taken_for_student, taken_for_teacher

ours, theirs = torch.randn(6, 1), torch.randn(6, 1)
print("the critic's loss equals the package's: ", torch.allclose(critic_loss(ours, theirs), taken_for_student(ours) + taken_for_teacher(theirs)))
print("the student's loss equals the package's:", torch.allclose(student_loss(ours), taken_for_teacher(ours)))

# %% [markdown]
# ## What can a critic teach? A problem with a known answer
#
# The inputs are dots in a plane, equally dense in all directions. The teacher looks at one direction only: z = 3·x₁. The student is an arrow *w*, z = w·x. When do its answers look like the teacher's?

# %%
class Arrow(torch.nn.Module):
    def __init__(self, w=None):
        super().__init__()
        self.w = torch.nn.Parameter(torch.randn(2) if w is None else torch.tensor(w))

    def forward(self, x):
        z = (8 * x.flatten(1) - 4) @ self.w
        return torch.stack([0 * z, z], -1)

make = torch.Generator().manual_seed(0)
dots = (128 + 32 * torch.randn(2000, 1, 1, 2, generator=make)).clamp(0, 255).to(torch.uint8)

# %% [markdown]
# One critic sees the answer alone; the other sees the dot too. Prediction: seen from all sides the cloud of dots is the same, so every arrow of length 3 gives the same *distribution* of answers. The first critic cannot object to a wrong
# direction. The second can.

# %%
play = dh.Recipe(steps=500, lr=2e-2, opponent_lr=2e-2)
arrows = {}
for name, condition in {"critic sees the answer": "none", "critic sees answer and dot": "image"}.items():
    game = Adversarial(condition=condition, inputs=2, hidden=32)
    run = dh.distill(Arrow, Arrow([3.0, 0.0]), dh.ImageSet(dots, None, 2, "dots"), game, seeds=range(12), recipe=play)
    arrows[name] = run.fleet.params["student"]["w"].detach()

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 2, figsize=(7.4, 4.1), sharey=True)
for ax, (name, w) in zip(axes, arrows.items()):
    ax.add_patch(plt.Circle((0, 0), 3, fill=False, color="gray", ls=":"))
    ax.quiver(*torch.zeros(2, len(w)), *w.T, angles="xy", scale_units="xy", scale=1, width=0.008, color=dh.show.PALETTE[0])
    ax.plot(3, 0, "*", ms=14, color=dh.show.PALETTE[1], label="teacher")
    ax.set(xlim=(-4, 4), ylim=(-4, 4), aspect="equal", xlabel="w₁", title=name)
axes[0].set_ylabel("w₂")
axes[1].legend(loc="upper left")
dh.figure(fig, alt="Twelve students as arrows in the plane. Left, where the critic sees the answer alone, all have about the teacher's length of 3 but point "
          "everywhere; right, where it sees the dot too, they gather around the teacher at (3, 0).")

# %%
blind, seeing = arrows.values()
off = lambda w: torch.atan2(w[:, 1], w[:, 0]).abs().rad2deg()
print("both critics teach the length: ", all((w.norm(dim=1).median() - 3).abs().item() < 0.7 for w in (blind, seeing)))
print("the blind critic's arrows are off by more than 40 degrees, half of them at least:", off(blind).median().item() > 40)
print("the seeing critic's arrows are off by less than 20 degrees, half of them at least:", off(seeing).median().item() < 20)

# %% [markdown]
# That is the main thing to know about this method. A critic that sees only answers compares two *crowds* of answers. Who gets which answer is outside its view. (The blind arrows gather on the diagonals because Adam moves both coordinates
# equally fast: the optimiser chose their direction, not the teacher.)

# %% [markdown]
# ## Digits: the right crowd, the wrong images
#
# Now 200 digits, a teacher of 670,000 parameters, the student of 26,746, and no label at all. Two critics again, both held by a *gradient penalty* that you will meet below. Prediction for the blind one: the student gets as sure as its
# teacher, says "7" about as often, but not of the sevens.

# %%
from dataclasses import replace
from distill_helpers.course.lessons.discriminative_distillation import records_game as lab

views, teacher = lab.pool_and_teacher("200 labels")
digits = dh.load_digits()
x, y = digits.test.x, digits.test.labels
answers = lab.teacher_net()(x).detach()
print("the teacher reaches 95 %:", measure.accuracy(answers, y).item() > 0.95)

# %%
seeing_game = Adversarial(condition="image", gradient_penalty=lab.PENALTY)
blind_game = Adversarial(condition="none", gradient_penalty=lab.PENALTY)
train = lambda game, steps: dh.distill(dh.digits_student, teacher, views, game, seeds=range(3), recipe=replace(lab.SLOW, steps=steps))
start, blind_run, seeing_run = train(blind_game, 1), train(blind_game, 1200), train(seeing_game, 600)

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.9))
for ax, name, run in zip(axes, ("critic sees the answer", "critic sees answer and image"), (blind_run, seeing_run)):
    table = torch.zeros(10, 10)
    table.index_put_((answers.argmax(-1), run.predict(x)[0].argmax(-1)), torch.ones(()), accumulate=True)
    dh.show.heat_map(table / table.sum(1, keepdim=True), range(10), range(10), ax, "teacher says", "student says", "share of the teacher's digits", fmt="{:.1f}")
    ax.set_title(name)
dh.figure(fig, alt="Two tables of what the student says where the teacher says each digit. Left, with a blind critic, most of the large shares lie scattered off the diagonal; "
          "right, with a critic that sees the image, they lie on the diagonal.")

# %%
truth, rows = answers.softmax(-1), []
for name, run in {"after one step": start, "critic sees the answer": blind_run, "critic sees answer and image": seeing_run}.items():
    p = run.predict(x).softmax(-1)
    apart = (p.mean(1) - truth.mean(0)).abs().sum(-1).mean() / 2
    rows.append({"student": name, "mean largest probability": p.amax(-1).mean(), "mean answer apart": apart, "agreement": measure.agreement(p, answers).mean()})
rows.append({"student": "(the teacher itself)", "mean largest probability": truth.amax(-1).mean(), "mean answer apart": 0.0, "agreement": 1.0})
crowd = pd.DataFrame(rows).set_index("student").astype(float)

# %% tags=["nbval-ignore-output"]
dh.table(crowd.reset_index(), "Test digits, means of three seeds; apart: total variation between the mean answers of student and teacher", 3)

# %%
said = crowd.loc["critic sees the answer"]
print("blind critic:  the student is more than 60 % sure, on average:          ", said["mean largest probability"] > 0.6)
print("blind critic:  its mean answer lies less than 0.3 from the teacher's:   ", said["mean answer apart"] < 0.3)
print("blind critic:  it agrees with its teacher on fewer than 3 digits in 10: ", said["agreement"] < 0.3)
print("seeing critic: it agrees on more than 6 in 10:                          ", crowd.agreement["critic sees answer and image"] > 0.6)

# %% [markdown]
# The student of the blind critic learnt to speak like its teacher, sure and of all digits. It did not learn to read: nothing tied an answer to its image. Where papers leave the image out, something else must tie them: labels, or a distance between logits. Both papers below have one.

# %% [markdown]
# ## The sign leak
#
# A bug that real code has had: the student's side comes as log-softmax, as `kl_div` wants it, the teacher's as softmax. One is never positive, the other never negative. Prediction: the critic is perfect after a few steps, and the student
# learns nothing.

# %%
class SignLeak(Adversarial):
    def shown(self, student, teacher, batch):
        ours, theirs = super().shown(student, teacher, batch)
        return ours.log(), theirs  # one side in logarithms

leak = Watched(SignLeak(gradient_penalty=lab.PENALTY))
leaking = dh.distill(dh.digits_student, teacher, views, leak, seeds=range(3), recipe=dh.Recipe(steps=150, lr=3e-3, opponent_lr=1e-2))
told = leaking.history["told apart"]

# %% tags=["nbval-ignore-output"]
print(f"the critic places {told[:5].mean():.0%} right in the first five steps, {told[40:].mean():.1%} from step 40 on")
print(f"the student is right on {measure.accuracy(leaking.predict(x), y).mean():.1%} of the test digits; guessing gives 10 %")

# %%
print("from step 40 on the critic places more than 99 % right:", told[40:].mean().item() > 0.99)
print("no student beats 25 %:", measure.accuracy(leaking.predict(x), y).max().item() < 0.25)

# %% [markdown]
# Why does a perfect critic teach nothing? Its slope points to "less negative logarithms", in every class and on every image alike. No answer that the student can give crosses that line. So when a critic is at 100 %, do not admire it. Look at what
# gives the student away.

# %% [markdown]
# ## How the game goes
#
# Four games without labels, eight seeds each, recorded: the share of answers that the critic places right. At 50 % the sides cannot be told apart, or the critic is lost. Prediction: with the image and a penalty it comes down to the middle.

# %%
from distill_helpers.course.lessons.discriminative_distillation import records_dynamics

game = dh.read_record(records_dynamics.__name__)
final = game.groupby("arm", sort=False).accuracy.mean()
dh.table(final.reset_index(), "Test accuracy at the end, mean of eight seeds", 3)

# %%
def draw_game():
    fig, axes = plt.subplots(3, 4, figsize=(11, 6.4), sharex=True, sharey="row")
    for number, (name, rows) in enumerate(game.groupby("arm", sort=False)):
        for row, column in enumerate(("told_apart", "fool", "critic")):
            for _, one in rows.groupby("seed"):
                axes[row, number].plot(one.step, one[column].clip(lower=0.01), lw=1, alpha=0.7, color=dh.show.PALETTE[number])
        axes[0, number].set_title(name, fontsize=9)
        axes[2, number].set_xlabel("step")
    for row, label in enumerate(("critic places right", "student's loss (nats)", "critic's loss (cut at 0.01)")):
        axes[row, 0].set(ylabel=label, yscale="log" if row else "linear")
    return fig

dh.figure(draw_game(), alt="Share of answers that the critic places right, the student's loss and the critic's loss over 600 steps, eight seeds in each of four games. With image and penalty "
          "the share falls from near one to under 0.6 and the losses rest at 0.7 and 1.4; without penalty it stays near 0.96; blind with penalty it falls to about 0.65; with the sign leak it is one.")

# %% [markdown]
# With image and penalty the critic ends at 57 %. Without the penalty it wins: it grows steep, the softmax of the student saturates at one class, and there the slope ends. The R1 penalty (Mescheder et al. 2018) adds ½‖∇D‖² at the teacher's answers, so that the
# critic stays flat around them and its slope stays a direction.

# %%
end = game[game.step >= 500].groupby("arm").told_apart.mean()
print("image, penalty:    right on more than half of the test digits:", final["sees the image, penalty"] > 0.5)
print("image, no penalty: right on fewer than a quarter:             ", final["sees the image, no penalty"] < 0.25)
print("no image, penalty: right on fewer than a third:               ", final["no image, penalty"] < 0.33)
print("sign leak:         right on fewer than a quarter, critic above 99 %:", final["sign leak, penalty"] < 0.25 and end["sign leak, penalty"] > 0.99)

# %% [markdown]
# **Look through the critic's eyes.** One student, stopped at a few steps of one game: the critic's scores for its answers and for the teacher's, on the 200 digits. First the start and the end, then all the stops.

# %%
stops = (1, 10, 40, 100, 200, 400)
seen = {}
images, targets = views.inputs(torch.zeros(200, dtype=torch.long), torch.arange(200)), teacher.table.logits[0].softmax(-1)
for steps in stops:
    steady = dh.Recipe(steps=steps, lr=3e-3, opponent_lr=1e-2, schedule="constant", warmup=0)
    run = dh.distill(dh.digits_student, teacher, views, seeing_game, seeds=[0], recipe=steady)
    critic, mine = run.model(0, "critic@0"), run.predict(images)[0].softmax(-1)
    right = measure.accuracy(run.predict(x), y).item()
    seen[steps] = [critic(p, images)[:, 0].detach().numpy() for p in (mine, targets)] + [mine.amax(-1).numpy(), right]

# %%
def draw_scores(step=400, axes=None):
    fig, axes = plt.subplots(1, 2, figsize=(8, 2.9)) if axes is None else (None, axes)
    ours, theirs, sure, right = seen[step]
    for score, top, name, colour in ((ours, sure, "student", 0), (theirs, targets.amax(-1).numpy(), "teacher", 1)):
        look = dict(histtype="stepfilled", alpha=0.6, color=dh.show.PALETTE[colour], label=name)
        axes[0].hist(score.clip(-3, 3), bins=30, range=(-3, 3), **look)
        axes[1].hist(top, bins=20, range=(0, 1), **look)
    axes[0].set(xlabel="critic's score (logit)", ylabel="answers", title=f"after step {step}: student right on {right:.0%}")
    axes[1].set(xlabel="largest probability", title="how sure each side is")
    axes[0].legend(loc="upper left")
    return fig

# %% tags=["nbval-ignore-output"]
fig, axes = plt.subplots(2, 2, figsize=(8, 5.2))
for row, step in zip(axes, (stops[0], stops[-1])):
    draw_scores(step, row)
dh.figure(fig, alt="Histograms after the first and the last stop: the critic's scores of student and teacher, and the largest probability of both. At first the student is "
          "never sure and the teacher always is; at the end the two pairs of histograms overlap.")

# %%
dh.explore(draw_scores, alt="The critic's scores and the largest probabilities of student and teacher", step=dh.Choice(stops, 400))

# %%
gap = {step: abs(float(seen[step][2].mean()) - targets.amax(-1).mean().item()) for step in (stops[0], stops[-1])}
print("the student came closer to its teacher's sureness:", gap[stops[-1]] < 0.5 * gap[stops[0]])

# %% [markdown]
# ## Against soft targets
#
# Does the critic beat a divergence that somebody chose? Sixteen seeds an arm, recorded. Every arm chose among at most four settings on the validation digits, over two other seeds. Prediction of the article (section 2.3.3): better, and more stable.

# %%
record = dh.read_record(lab.__name__)
def arm(name, regime="200 labels", column="accuracy"):
    return record[(record.regime == regime) & (record.arm == name)].sort_values("seed")[column].to_numpy()

print(f"{len(record)} students, {record.seed.nunique()} seeds for each of {len(lab.SETTINGS)} arms")

# %%
from distill_helpers.course.records import agrees

slice_of = {"regime": "200 labels", "arm": "logits"}
live = {**slice_of, "accuracy": pd.DataFrame(lab.run(slice_of)).accuracy.mean()}
agrees(record.groupby(["regime", "arm"], as_index=False).accuracy.mean(), [live], on=["regime", "arm"], tolerance={"accuracy": 0.01})
print("the slice that was run again agrees with its record to one percentage point")

# %%
def gains(regime):
    rest = [n for n in lab.ARMS[regime] if n != "soft targets"]
    return {n: dh.paired(100 * arm(n, regime), 100 * arm("soft targets", regime)) for n in rest}

fig, axes = plt.subplots(1, 2, figsize=(11, 4.4), width_ratios=(1, 1))
for ax, regime in zip(axes, lab.REGIMES):
    dh.show.gains_plot(gains(regime), ax, unit="percentage points against soft targets", title=regime)
    ax.set_xscale("symlog", linthresh=2)
    ax.set_xticks([-80, -20, -5, -1, 0, 1, 5], ["−80", "−20", "−5", "−1", "0", "1", "5"])
dh.figure(fig, alt="Paired difference in test accuracy from soft targets with 95 percent intervals and all seeds. Left, 200 labels: critics alone far below, a blind critic alone "
          "80 points below, as is the shuffled control; soft targets with any critic at zero; logits with and without a critic up to half a point above. Right, unlabelled: critic alone 11 below, with soft targets at zero.")

# %%
columns = ["accuracy", "agreement", "mean_answer_apart", "told_apart"]
table = record.groupby(["regime", "arm"], sort=False)[columns].mean()
table.insert(1, "spread", record.groupby(["regime", "arm"], sort=False).accuracy.std())
dh.table(table.reset_index(), "Means over sixteen seeds; spread is the standard deviation of accuracy", 3)

# %% [markdown]
# Read the column *told apart* beside the gains. Added to soft targets the critic ends near one half: they have already made the student's answers look like the teacher's, and what is left the critic cannot see. The shuffled control falls to
# chance: at this temperature the wrong soft answers outweigh the labels. The best arm regresses on logits and labels and has a critic too: 0.6 points above soft targets [0.2, 0.9].

# %% [markdown]
# ## More stable?
#
# Stable should mean: the result depends less on the seed. So compare the standard deviations over seeds. For paired values the ratio has an interval of its own (Pitman and Morgan 1939). Above 1 the second method is steadier.

# %%
pairs = {"200 labels: soft + critic": ("200 labels", "soft + critic"), "200 labels: soft + critic, penalty": ("200 labels", "soft + critic, penalty"),
         "200 labels: critic alone": ("200 labels", "critic alone"), "unlabelled: soft + critic, penalty": ("unlabelled", "soft + critic, penalty"),
         "unlabelled: critic alone": ("unlabelled", "critic alone")}
steadier = {name: measure.spread_ratio(arm("soft targets", r), arm(a, r)) for name, (r, a) in pairs.items()}
mean_away = {name: dh.paired(measure.distance_from_median(arm("soft targets", r)), measure.distance_from_median(arm(a, r))) for name, (r, a) in pairs.items()}

# %%
fig, ax = plt.subplots(figsize=(8, 2.9))
for row, d in enumerate(steadier.values()):
    ax.errorbar(d.mean, row, xerr=[[d.mean - d.low], [d.high - d.mean]], fmt="D", capsize=3, color=dh.show.PALETTE[row])
ax.axvline(0, color="black", lw=0.8)
ax.set_xticks([-1.386, -0.693, 0, 0.693], ["¼", "½", "1", "2"])
ax.set_yticks(range(len(steadier)), steadier)
ax.set(xlabel="spread of soft targets / spread with the critic (log scale)", ylim=(len(steadier) - 0.5, -0.5))
dh.figure(fig, alt="Ratio of the standard deviation over seeds of soft targets to that of each arm with a critic, with 95 percent intervals on a logarithmic scale; "
          "a value above 1 would mean that the critic makes results steadier.")

# %%
for name, d in mean_away.items():
    print(f"{name:36} distance from the median, soft targets minus critic: {100 * d.mean:+.2f} [{100 * d.low:+.2f}, {100 * d.high:+.2f}] points")

# %% [markdown]
# No interval of an arm with soft targets excludes 1, and a critic alone on unlabelled images is *less* steady, though its mean distance from the median leaves that open. With sixteen seeds you would have seen a spread halved.
#
# ## The papers' own forms
#
# Xu et al. (2017) let the critic also guess the class, beside an L1 on the logits and labels. Belagiannis et al. (2018) use a blind critic with a regulariser (here L2 on its weights) beside an L2 on the logits, no labels. So take the critic away from each.

# %%
papers = {"Xu et al.: critic's share": dh.paired(100 * arm("logits, labels + critic"), 100 * arm("logits, labels")),
          "Belagiannis et al.: critic's share": dh.paired(100 * arm("logits + critic"), 100 * arm("logits"))}
ax = dh.show.gains_plot(papers, unit="accuracy with the critic minus without (percentage points)")
dh.figure(ax.figure, alt="Paired difference in accuracy that the critic makes in the forms of two papers, sixteen seeds each with 95 percent intervals: the first lies above zero, the second holds it.")

# %% [markdown]
# In the first paper's form the critic adds 0.4 points [0.13, 0.65]; in the second's 0.1, which may be nothing. An earlier record, whose teacher had other dropout masks, had it the other way round: take it as a hint at most.
#
# ## Verdicts
#
# Two questions, two verdicts: the critic alone, and added to soft targets. A gain counts from half a point on, as in notebook 07, a smaller spread from two thirds.

# %%
points = lambda a, b, regime="200 labels": dh.paired(arm(a, regime), arm(b, regime))
alone = dh.first_edition("C20", "11", part="the critic alone").judge(
    stated=[dh.measured("with 200 images it beats soft targets", points("critic alone", "soft targets")),
            dh.measured("with unlabelled images it beats soft targets", points("critic alone", "soft targets", "unlabelled"))],
    corrected=[dh.measured("without any label a critic that sees the image teaches more than half of the digits",
                           dh.interval(arm("critic alone")), margin=0.5),
               dh.measured("it teaches 30 points more than a critic that sees only answers", points("critic alone", "critic alone, no image"), margin=0.3)],
)

# %%
added = dh.first_edition("C20", "11", part="the critic added to soft targets").judge(stated=[
    dh.measured("with 200 labels it gains more than half a point", points("soft + critic, penalty", "soft targets"), margin=0.005),
    dh.measured("with unlabelled images it gains more than half a point", points("soft + critic, penalty", "soft targets", "unlabelled"), margin=0.005),
    dh.measured("with 200 labels its spread is less than two thirds", steadier["200 labels: soft + critic, penalty"], margin=0.405),
])
added.table()

# %% [markdown]
# ## Remember
#
# 1. A critic that sees only answers compares crowds: the student can match them with the answers on the wrong images. Show it the image too.
# 2. A critic at 100 % has found a leak or has won; either way the student learns nothing. Same representation, same temperature, and a gradient penalty.
# 3. Spread over seeds is a measurement like any other, with an interval of its own. Say "more stable" only when it excludes 1.

# %% [markdown]
# ## Exercises
#
# **11.1** This critic's loss has four mistakes. Write it without them. Solutions are in [solutions/11_discriminative_distillation.md](solutions/11_discriminative_distillation.md).
#
#     ours = torch.log_softmax(student_logits / T, dim=-1)
#     theirs = torch.softmax(teacher_logits, dim=-1)
#     return softplus(-critic(ours)).mean() + softplus(critic(theirs)).mean()

# %% tags=["raises-exception"]
def my_critic_loss(student_logits, teacher_logits, T, critic):  # exercise 11.1
    raise NotImplementedError

my_critic_loss(torch.zeros(2, 3), torch.ones(2, 3), 4.0, lambda answers: answers[:, :1])

# %%
dh.check("11.1", my_critic_loss)

# %% [markdown]
# **11.2** Write the student's non-saturating loss from the critic's scores [B, 1], which are logits of "this is the teacher's".

# %% tags=["raises-exception"]
def my_student_loss(scores):  # exercise 11.2
    raise NotImplementedError

my_student_loss(torch.zeros(2, 1))

# %%
dh.check("11.2", my_student_loss)

# %% [markdown]
# **11.3** Write the R1 penalty: half the squared length of the critic's gradient with respect to each answer, mean over the answers [B, C]. Use `torch.func.grad`.

# %% tags=["raises-exception"]
def my_penalty(critic, answers):  # exercise 11.3
    raise NotImplementedError

my_penalty(lambda p: p.square().sum(-1, keepdim=True), torch.ones(2, 3))

# %%
dh.check("11.3", my_penalty)

# %% [markdown]
# ## Further reading
#
# - I. Goodfellow et al., *Generative Adversarial Nets*, NIPS 2014, arXiv 1406.2661.
# - Z. Xu, Y.-C. Hsu, J. Huang, *Training Shallow and Thin Networks for Acceleration via Knowledge Distillation with Conditional Adversarial Networks*, ICLR 2018 workshop, arXiv 1709.00513.
# - V. Belagiannis, A. Farshad, F. Galasso, *Adversarial Network Compression*, ECCV 2018 workshops, arXiv 1803.10750.
# - L. Mescheder, A. Geiger, S. Nowozin, *Which Training Methods for GANs do actually Converge?*, ICML 2018, arXiv 1801.04406.
# - I. Gulrajani et al., *Improved Training of Wasserstein GANs*, NIPS 2017, arXiv 1704.00028.
# - T. Miyato, M. Koyama, *cGANs with Projection Discriminator*, ICLR 2018, arXiv 1802.05637.
#
# **Next:** [12 · Robust students](12_robust_students.ipynb).
