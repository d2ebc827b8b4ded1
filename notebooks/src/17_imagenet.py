# %% [markdown]
# # 17 · ImageNet
#
# **The question:** with a hundred classes or a thousand, and more pictures than memory holds: what can a small net still learn, and what does a teacher add?
#
# **You will be able to** train on a stream with flat memory, read top-1 and top-5, and say what 27,000 parameters can do with many classes. **You need** [14](14_mnist.ipynb) for the three questions. **Time:** under 2 minutes to run, 75 minutes to teach. **Claims:** C22.

# %%
from dataclasses import replace

import torch
import distill_helpers as dh
from distill_helpers.course.applications import figures as shared
from distill_helpers.course.applications.public import in_profile
from distill_helpers.course.applications.results import Results
from distill_helpers.course.applications.task import lent_teacher
from distill_helpers.course.applications.trials import answered, train
from distill_helpers.course.applications.tuning import chosen_rows
from distill_helpers.course.lessons.imagenet import (
    classes, figures, full, measured, memory, published, records_arms, records_costs,
    tuned)
from distill_helpers.course.lessons.imagenet.task import IMAGENET
from distill_helpers.course.paths import cache_dir
from distill_helpers.course.records import agrees

dh.start(seed=0, lesson="imagenet")

# %%
app = in_profile(IMAGENET, full.application)
shared.flow(app.teacher(), app.student(), "8,000 pictures", "4,000 other pictures")

# %% [markdown]
# ## A hundred classes
#
# ImageNet has 1.28 million photographs of 1,000 classes, and is not bundled here. `emoji-imagenet` stands in for it: emoji on photographs or running colours, at 32 pixels. It is synthetic. Each class has two drawings, one of each of two vendors, and **the same two are in training and in test**: place, size, light and surroundings differ.

# %%
drawn = app.draw(0)
names = full.names_of(app)
some = drawn.mine[:14]
figures.objects(drawn.pool.pixels[0][some],
                [names[y] for y in drawn.pool.labels[some].tolist()])

# %% [markdown]
# In each replicate the teacher learns from 8,000 pictures and the student from 4,000 others, and both are read on 10,000 more. No two replicates share a picture, so an interval over replicates covers other test pictures by itself. Where labels are few, ten pictures of each class have one. With `DISTILL_PROFILE=full` the cells on teacher and student run on ImageNet's own folders.

# %% [markdown]
# ## A stream that is larger than memory
#
# ImageNet at 224 pixels takes 193 gigabytes as numbers. So pictures stay on the disk, as `jpg` in tar files called shards, and a batch is read when it is wanted. Here 3,000 pictures at 64 pixels play the part of too many: the process that learns from them may take 16 megabytes more, and they need 37.

# %% tags=["nbval-ignore-output"]
shards = memory.written(cache_dir() / "imagenet_shards", 3000, 100)
stream = dh.Stream(shards, classes=100, block=1000)
size = sum(path.stat().st_size for path in shards.glob("*.tar")) / 1e6
print(f"{len(list(shards.glob('*.tar')))} shards, {size:.1f} MB on the disk")

# %%
whole = len(stream) * 3 * 64 * 64 / 1e6
print(f"{len(stream):,} pictures, {whole:.0f} MB as numbers in memory")

# %% [markdown]
# The order must be random, and nobody may hold it all. Here the picture at place $k$ of an epoch is a function of the seed, the epoch and $k$: shards are shuffled, then the pictures within blocks of 1,000. So a training run that was stopped goes on from one whole number.

# %%
reader = stream.batches(seed=0, batch_size=64)
first, second = next(reader), next(reader)
again = next(stream.batches(seed=0, batch_size=64, start=first[0]))
assert torch.equal(second[3], again[3]) and torch.equal(second[1], again[1])
print(f"from place {first[0]} on, a new reader gives the very same pictures")

# %% [markdown]
# Training is the loop that you know. It is written out here for three steps; a batch that was used is forgotten.

# %%
net = IMAGENET.student()
optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
for _, x, y, _ in (next(reader) for _ in range(3)):
    loss = torch.nn.functional.cross_entropy(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
assert loss.isfinite()
print("three steps on pictures that were never all in memory")

# %%
dh.predict("imagenet.memory",
           "A fresh process trains for an epoch of the 37 MB. By how much does its "
           "memory rise after the first steps?",
           ["under 8 MB", "8 to 30 MB", "about 37 MB"])

# %% [markdown]
# That process binds itself: after ten steps it asks the system to refuse more than 16 megabytes beyond what it has. (Linux heeds this; elsewhere memory is only watched.) At the end it tries to hold all pictures at once.

# %% tags=["nbval-ignore-output"]
found = memory.measured(shards, limit=16.0, classes=100)
print(f"rises by {memory.rise(found):.1f} MB; limit enforced: "
      f"{'yes' if found['bound'] else 'no'}; all pictures at once: "
      f"{'held' if found['held'] else 'refused'}")

# %% tags=["nbval-ignore-output"]
figures.resident(found)

# %%
assert memory.flat(found) and not (found["bound"] and found["held"])
print(f"memory rises by no more than {memory.MARGIN:.0f} MB")

# %%
rises = memory.rise(found)
came = ("under 8 MB" if rises < 8 else "8 to 30 MB" if rises < 30
        else "about 37 MB")
dh.predict.outcome("imagenet.memory", came)

# %% [markdown]
# The record holds the same over 3,000 pictures and over ten times as many. What a stream does take is a few numbers for each shard, and the index of the shards that two blocks touch.

# %%
kept = measured.memory()
figures.amounts(kept)

# %%
dh.finding("imagenet.memory",
           "Ten times as many pictures, 369 MB of them, move the most memory that "
           "training takes by less than 8 MB: {}.",
           holds=abs(kept.apart()) < 8, value=f"{kept.apart():+.1f} MB")

# %% [markdown]
# ## Teacher and students
#
# Back to pictures that fit. The teacher has 13 times the student's parameters. You train a brief one here, for 800 steps in place of the record's 1,500, and two students with all labels: alone and with its soft answers.

# %%
dh.predict("imagenet.first", "Which gains more points from soft targets?",
           ["all 4,000 labels", "1,000 labels, no other pictures",
            "1,000 labels among 4,000 pictures"])

# %%
brief = replace(app, teaching=replace(app.teaching, steps=800))
teacher = lent_teacher(brief, 0)
numbers = tuned.TUNED["all labels"]
arms = {name: (name, numbers[name]) for name in ("alone", "soft targets")}
watch = dh.Curve(drawn.validation)
pair = train(brief, "all labels", arms, 0, drawn.validation, teacher, watch=(watch,))

# %% [markdown]
# With many classes a first answer says little. *Top-k* accuracy asks whether the label is among the $k$ largest logits. Let $r_i$ be the number of classes whose logit is above the label's, for one picture of $N$:
#
# $$\text{top-}k = \frac{1}{N} \sum_i [\, r_i < k \,]$$

# %%
def top(logits, labels, k):
    right = logits.gather(-1, labels.unsqueeze(-1))
    return ((logits > right).sum(-1) < k).float().mean()

# %%
answers = {"teacher": answered(teacher, drawn.validation)}
answers |= {name: answered(pair.model(name), drawn.validation) for name in arms}
labels = drawn.validation.labels
assert abs(top(answers["alone"], labels, 1) - pair.scores["accuracy"][0, 0]) < 2e-3
print("top-1 is accuracy")

# %% tags=["nbval-ignore-output"]
for name, logits in answers.items():
    one, five = (top(logits, labels, k) for k in (1, 5))
    print(f"{name}: top-1 {one:.1%}, top-5 {five:.1%}")

# %% tags=["nbval-ignore-output"]
figures.within(answers, labels)

# %% [markdown]
# Settings were searched for as in [14](14_mnist.ipynb), fifteen for each arm. One arm was chosen for this lesson: *standardised logits* (Sun et al. 2024). A hundred logits have a size and a shape. A student of 48 features may copy their shape and not their size, and this arm asks for the shape alone.

# %%
dh.table(chosen_rows(tuned.TUNED), "Settings that the search chose")

# %%
result = Results(IMAGENET, records_arms.__name__, records_costs.__name__)
shared.gains(result, "all labels")

# %%
def zero_inside(key, sentence, d):
    dh.finding(f"imagenet.{key}", sentence, holds=d.low < 0 < d.high,
               value=f"{100 * d.low:+.1f} to {100 * d.high:+.1f} points")

zero_inside("shape", "With all labels, the interval of standardised logits against "
            "soft targets includes zero: {}.",
            result.gain("all labels", "standardised logits", "soft targets"))

# %%
shared.gains(result, "few labels")

# %%
shared.gains(result, "unlabelled data")

# %%
regimes = {"all 4,000 labels": "all labels",
           "1,000 labels, no other pictures": "few labels",
           "1,000 labels among 4,000 pictures": "unlabelled data"}
means = {said: result.gain(regime, "soft targets").times(100).mean
         for said, regime in regimes.items()}
dh.predict.outcome("imagenet.first", max(means, key=means.get),
                   said=", ".join(f"{s}: {v:+.1f}" for s, v in means.items()) + ".")

# %% [markdown]
# The record must be what this code makes. Run a slice of it again: the student alone with few labels in the first replicate. It is held against the last look at validation that the record kept.

# %%
few = tuned.TUNED["few labels"]["alone"]
again = train(IMAGENET, "few labels", {"alone": ("alone", few)}, 0, drawn.validation)
last = result.looks("few labels", "alone")[1][-1]
live = {"replicate": 0, "last": again.scores["accuracy"][0, 0].item()}
agrees(result.of("few labels", "alone").assign(last=last), [live], ["replicate"],
       {"last": 0.04})
print("the slice agrees with its record within four percentage points")

# %% [markdown]
# ## A thousand classes in 27,000 parameters
#
# The article (section 1) tells of a ResNet-50 on ImageNet that became a student of about 27 thousand parameters. Count first. A head over $n$ features and $C$ classes has a weight for each pair and a bias for each class:
#
# $$C\,(n + 1) \le 27{,}000 \quad\Rightarrow\quad n \le \frac{27{,}000}{C} - 1$$

# %%
print(f"10 classes: {classes.widest(10):,} features; "
      f"1,000 classes: {classes.widest(1000)} features, "
      "if all that comes before the head cost nothing")

# %% [markdown]
# So there must be few features. The net below has four narrow convolutions that give 20 of them. It stays under 27,000 with 1,000 classes, and the table shows what is left for seeing.

# %%
dh.table(classes.count_rows(), "A net of 20 features: where its parameters are",
         {"head, share": "{:.0%}"})

# %%
dh.predict("imagenet.classes", "This net on all 794 emoji: how often is its first "
           "answer right, with a teacher?",
           ["under 10 %", "10 to 30 %", "over 30 %"])

# %% [markdown]
# The course has 794 emoji that can be told apart, and no more. So the count is for 1,000 classes, and the measurement goes to 794. Student and teacher learn from the same 12,000 pictures for 3,000 steps; what longer training gives was not measured. The rate is chosen for each number of classes, alike for either arm. Heat 4 and weight 0.9 are those of published comparisons.

# %%
many = measured.classes()
figures.by_classes(many)

# %%
d = many.mean(794, "soft targets").times(100)
came = "under 10 %" if d.mean < 10 else "10 to 30 %" if d.mean <= 30 else "over 30 %"
dh.predict.outcome("imagenet.classes", came, said=f"{d.mean:.1f} % on average.")

# %% [markdown]
# **Move it.** Go from 100 classes to 794. Watch the head take the parameters, and the distance between circles and diamonds. At which number does the student of the teacher stop being better than the student alone?

# %%
dh.explore(lambda number: figures.at_classes.picture(many, number),
           number=dh.Steps(classes.NUMBERS, 400, label="number of classes"))

# %%
d = many.share(794, "soft targets", "teacher")
dh.finding("imagenet.share",
           "On 794 classes, a distilled student of 22,530 parameters keeps {} of the "
           "accuracy of its teacher of 468,698.", holds=d.low > 0,
           value=f"{d.mean:.0%} [{d.low:.0%}, {d.high:.0%}]")
dh.finding("imagenet.not_98", "The 98 % of claim C05 are not reached there: the "
           "share lies between {}.", holds=d.high < 0.98,
           value=f"{d.low:.0%} and {d.high:.0%}")
dh.finding("imagenet.many", "There, its first answer is right more often than that of "
           "the student alone, by {}.",
           many.gain(794, "soft targets", "alone"), kind="by m", m=1.0)
dh.finding("imagenet.many_five", "The label is among its first five answers more "
           "often, by {}.",
           many.gain(794, "soft targets", "alone", "top5"), kind="by m", m=1.0)

# %% [markdown]
# This is what was missing beside C05, which [07](07_soft_targets.ipynb) judges on digits. It is a measurement on drawings. Every class looks one of two ways here, and a class of ImageNet has no two photographs alike. Accuracy on photographs does not follow from it.

# %% [markdown]
# ## Drawings that nobody saw
#
# How much hangs on seen drawings can be asked. One vendor's drawings teach, and the other's are read. The pictures below have the same classes, places and lights; only the hand that drew them differs.

# %%
figures.drawings()

# %%
dh.predict("imagenet.vendors", "A teacher that learnt from the upper drawings alone: "
           "what share of its accuracy is left on the lower ones?",
           ["over two thirds", "a third to two thirds", "under a third"])

# %% [markdown]
# Five students stand beside that teacher. Two learnt from known drawings. Two had 1,000 labelled known pictures, and the teacher's answers to 3,000 in strange drawings. The last had labels of strange drawings, and no teacher. All settings are those of the lesson's search.

# %%
moved = measured.vendors()
figures.by_vendor(moved)

# %%
left = moved.column("twitter", "teacher") / moved.column("google", "teacher")
came = ("over two thirds" if left.mean() > 2 / 3 else
        "a third to two thirds" if left.mean() >= 1 / 3 else "under a third")
dh.predict.outcome("imagenet.vendors", came, said=f"{left.mean():.0%}.")

# %%
dh.finding("imagenet.drawings",
           "From known to strange drawings, the teacher's accuracy falls by {}.",
           moved.falls("teacher", "google", "twitter"), kind="by m", m=5.0)
zero_inside("strange_or_known", "On strange drawings, the interval of the teacher's "
            "answers to strange ones against its answers to known ones includes zero: "
            "{}.", moved.gain("twitter", "soft targets, strange drawings",
                              "soft targets, known drawings"))
dh.finding("imagenet.strange_labels",
           "There, labels of strange drawings beat the teacher's answers to them "
           "by {}.",
           moved.gain("twitter", "alone, labels of the strange",
                      "soft targets, strange drawings"), kind="by m", m=1.0)

# %% [markdown]
# ## Three questions
#
# Fewer steps, less time, better at the end? [14](14_mnist.ipynb) says how each is measured: steps to the validation accuracy that both arms show, seconds to it with the teacher counted or not, and test accuracy against three rivals.

# %%
dh.predict("imagenet.steps",
           "With all labels, what share of the steps do soft targets spare?",
           ["less than a tenth", "a tenth to a third", "more than a third"])

# %%
shared.learning(result, "all labels")

# %%
shared.learning(result, "unlabelled data")

# %%
spared = result.steps_saved("all labels").mean
came = ("less than a tenth" if spared < 0.1 else
        "a tenth to a third" if spared <= 1 / 3 else "more than a third")
dh.predict.outcome("imagenet.steps", came, said=f"{spared:.0%} of a run, on average.")

# %%
shared.questions(result)

# %% [markdown]
# An arm that ends higher passes most qualities earlier, so the first question says little that the third does not.

# %% [markdown]
# Time is another question, since a teacher must be trained first, and must answer. Each part was timed alone on an idle machine: the teacher's training, its answers to all views of the student's pictures, one step of each arm.

# %%
shared.seconds(result)

# %% [markdown]
# And better at the end? The forests above show it. With few labels and no other picture, pseudo-labels are the student alone, and stand for one control only. *Alone for longer* has the settings of the shorter run. No arm here has the teacher's 8,000 labels as well; lesson 07 holds that control.

# %%
dh.table(shared.summary(result, "all labels"), "All labels: means over replicates", 3)

# %% [markdown]
# ## As it was published
#
# On ImageNet itself, ResNet-34 teaches ResNet-18. The recipe of *torchdistill* (Matsubara 2021): 100 epochs of gradient descent, batch 256, rate 0.1, temperature 1, half of the weight on the teacher. `published.run(root)` does it on ImageNet's folders, in days on a GPU. Its numbers go into the last column.

# %%
dh.table(published.table(), "ImageNet, 50,000 validation images", 2)

# %% [markdown]
# One run each, so no interval. *Alone* was trained by torchvision for 90 epochs and the distilled net by torchdistill for 100: recipe and length differ a little, and the difference is of that mixture. `run` trains both alike.

# %% [markdown]
# ## Verdicts
#
# The readings were registered before these runs: soft targets against alone, in three regimes, with a tenth of the steps or of the time, and one point of accuracy, as the smallest differences that matter.

# %%
easier = dh.claim("C22", "ImageNet: easier").judge(result.easier())

# %%
easier.table()

# %%
shorter = dh.claim("C22", "ImageNet: shorter").judge(
    result.shorter(), result.otherwise())

# %%
shorter.table()

# %%
better = dh.claim("C22", "ImageNet: better").judge(result.better())

# %%
better.table()

# %% [markdown]
# ## What you know now
#
# Each sentence is printed from the record with its number. If the record no longer bore it out, the cell would stop with an error. Compare them with what you predicted above.

# %%
def know(key, sentence, *pair):
    dh.finding(f"imagenet.{key}", sentence, result.gain(*pair), kind="by m", m=1.0)

know("know_few", "With 1,000 labels among 4,000 pictures, soft targets beat the "
     "student alone by {}.", "unlabelled data", "soft targets")
know("know_pseudo", "There, they beat the teacher's first choices by {}.",
     "unlabelled data", "soft targets", "pseudo-labels")
know("know_little", "With 1,000 labels and no other pictures, they beat the student "
     "alone that trains as long as teacher and student together by {}.",
     "few labels", "soft targets", "alone for longer")

# %%
zero_inside("know_longer", "With all labels, the interval of that comparison "
            "includes zero: {}.",
            result.gain("all labels", "soft targets", "alone for longer"))

# %% [markdown]
# Count the labels once more before you choose a teacher: it had 8,000 that the student alone had not. Which of these four sentences could that explain?

# %% [markdown]
# ## Exercises
#
# Solutions are in [solutions/17_imagenet.md](solutions/17_imagenet.md). Try each for five minutes first; the hints under a stub open one behind the other.
#
# **17.1** Write top-k accuracy without counting by hand: from `logits` [N, C], `labels` [N] and `k`, return the share of examples whose label is among the k largest logits.

# %% tags=["raises-exception"]
def my_within(logits, labels, k):  # exercise 17.1
    raise dh.Unsolved("Return the share whose label is among the k largest logits.")

my_within(torch.zeros(2, 5), torch.tensor([0, 1]), 5)

# %%
dh.hints("Which function gives the k largest of each row, and their places?",
         "Compare the places with the label, one row at a time.",
         "One hit among the k is enough: any, not mean.")
dh.check("17.1", my_within)

# %% [markdown]
# **17.2** Judge a report on many classes in few parameters. Return the letter of the sentence that says what was shown, no less and no more.

# %%
dh.options("17.2")

# %% tags=["raises-exception"]
def my_reading():  # exercise 17.2
    raise dh.Unsolved("Return the letter of what the measurement shows.")

my_reading()

# %%
dh.hints("What differs between emoji and photographs besides the number of classes?",
         "What had the net seen of each test picture before?")
dh.check("17.2", my_reading)

# %% [markdown]
# **17.3** Shuffle a stream. `items` is an iterator that can be read once. Give every item exactly once, in an order drawn by `generator`, and never hold more than `size` of them. When it passes, put it over `stream.batches` and look at memory.

# %% tags=["raises-exception"]
def my_shuffled(items, size, generator):  # exercise 17.3
    raise dh.Unsolved("Yield the items in random order, holding at most size of them.")

list(my_shuffled(iter(range(4)), 2, torch.Generator()))

# %%
dh.hints("Fill a list until it has `size` items.",
         "Then take one of them out by lot before you read the next.",
         "What is in the list when the stream ends?")
dh.check("17.3", my_shuffled)

# %% [markdown]
# ## Further reading

# %%
dh.reading("russakovsky2015imagenet", "he2016deep", "chrabaszcz2017downsampled",
           "matsubara2021torchdistill", "sun2024logit")

# %% [markdown]
# **Next:** [18 · COCO detection](18_coco_detection.ipynb).
