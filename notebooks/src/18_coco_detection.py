# %% [markdown]
# # 18 · COCO detection
#
# **The question:** a detector answers at hundreds of places at once, and most of its answers say that nothing is there. What of them is worth teaching?
#
# **You will be able to** say what average precision measures, teach a detector by answers, by maps and by boxes, and hold the maps against a control. **You need** [14](14_mnist.ipynb) for the three questions. **Time:** under 2 minutes to run, 75 minutes to teach. **Claims:** C22.

# %%
import torch
import distill_helpers as dh
from distill_helpers import measure
from distill_helpers.boxes import around, distances, giou, iou, suppressed
from distill_helpers.course.applications import figures as shared
from distill_helpers.course.applications.public import in_profile
from distill_helpers.course.lessons.coco_detection import (
    choosing, figures, full, recorded, records_arms, records_costs,
    task, trials, tuned)
from distill_helpers.course.lessons.coco_detection.results import Detections
from distill_helpers.course.lessons.coco_detection.scoring import (
    Deployed, best_threshold, found_in, precision)
from distill_helpers.course.lessons.coco_detection.task import COCO
from distill_helpers.course.records import agrees
from distill_helpers.strategies.detection.assignment import centerness_of
from distill_helpers.strategies.detection.pkd import one_less_correlation
from distill_helpers.strategies.detection.soft_detections import surprised

dh.start(seed=0, lesson="coco_detection")

# %%
app = in_profile(COCO, full.application)
figures.flow(app.teacher(), app.student())

# %% [markdown]
# ## Objects on photographs
#
# COCO holds 118 thousand photographs, and is not bundled here. `emoji-coco` stands in for it: one to five emoji of ten classes on a photograph, 16 to 100 pixels large, some behind others. It is synthetic. Here its pictures are halved to 64 pixels; sizes and boxes are reported in the pixels of before.

# %%
drawn = app.draw(0)
figures.scenes(drawn.mine)

# %% [markdown]
# In each replicate 800 pictures teach the teacher and 400 others are the student's. Another 200 choose settings and 600 are read at the end. No two replicates share a picture, so an interval over replicates covers other pictures by itself. Where labels are few, 80 of the student's pictures have boxes.

# %% [markdown]
# ## What a detector answers
#
# Teacher and student are the same net at two widths, after FCOS: a detector without anchors. Two grids of places lie over the picture, one place every 8 and every 16 pixels. Each place says which class is there, how far away the four sides of the box are, and whether it is near the middle.

# %%
image = drawn.mine.images[:1].float() / 255
out = app.student()(image, features=True)
print("classes at each place:", tuple(out.logits.shape))
print("boxes:", tuple(out.features["boxes"].shape),
      "centerness:", tuple(out.features["centerness"].shape))

# %% [markdown]
# While it learns, somebody must say which place answers for which object. The rule: the place lies in the box and near its middle, and the object fits the grid. Large dots in the figure answer for an object. All others are to say: nothing.

# %%
figures.answering(drawn.mine, 2)

# %% [markdown]
# A box is coded as the distances $d$ from its place to its left, top, right and bottom side. Decoding undoes it. *Centerness* is 1 in the middle of the box and falls to 0 at its border:
#
# $$\sqrt{\frac{\min(d_\mathrm{left}, d_\mathrm{right})}{\max(d_\mathrm{left}, d_\mathrm{right})} \cdot \frac{\min(d_\mathrm{top}, d_\mathrm{bottom})}{\max(d_\mathrm{top}, d_\mathrm{bottom})}}$$

# %%
def my_centerness(place, box):
    left, top, right, bottom = distances(place, box).tolist()
    return (min(left, right) / max(left, right)
            * min(top, bottom) / max(top, bottom)) ** 0.5

place, box = torch.tensor([20.0, 24.0]), torch.tensor([8.0, 16.0, 40.0, 48.0])
assert torch.equal(around(place, distances(place, box)), box)
theirs = centerness_of(torch.tensor([20.0, 24.0, 8.0]), box).item()
print(f"centerness {my_centerness(place, box):.4f}, the package's {theirs:.4f}")

# %% [markdown]
# ## When is an answer right?
#
# Two boxes are held against each other by *intersection over union*, IoU: the area that both cover, divided by the area that either covers. It is 1 where they are equal and 0 where they do not touch.

# %%
def my_iou(one, two):
    low, high = torch.maximum(one[:2], two[:2]), torch.minimum(one[2:], two[2:])
    both = (high - low).clamp(min=0).prod()
    sizes = [(box[2:] - box[:2]).prod() for box in (one, two)]
    return both / (sum(sizes) - both)

moved = box + torch.tensor([8.0, 0, 8, 0])
print(f"moved by a quarter of its width: IoU {my_iou(box, moved).item():.3f},",
      f"the package's {iou(box, moved).item():.3f}")

# %% [markdown]
# Neighbouring places find the same object, so the weaker of two boxes of one class is taken out where they overlap too much: non-maximum suppression, NMS. What is left is ranked by score. Going down the ranks, *precision* is the share right so far, and *recall* the share of all objects that are found.

# %%
three = torch.stack([box, moved - 4, box + 60])
scores = torch.tensor([[0.6], [0.9], [0.3]])
kept, _, _ = suppressed(scores, three, threshold=0.05, overlap=0.6)
print(f"{len(three)} boxes, {len(kept)} after suppression")

# %% [markdown]
# *Average precision*, AP, is the area under precision over recall for one class. Its mean over classes and over ten overlaps from 0.50 to 0.95 is mAP; at an overlap of 0.50 alone it is called AP50. All come from pycocotools, COCO's own judge, for the 30 surest answers to each picture. With `DISTILL_PROFILE=full` the cells on teacher and student run on COCO's own files, and torchvision's FCOS is the teacher.

# %% [markdown]
# ## Teacher and student
#
# You train the teacher on its pictures, then two students on theirs, all with boxes: one alone, and one that is told in addition, at every place, what the teacher says there. The teacher has four times as many parameters.

# %%
dh.predict("coco.first", "With boxes on all 400 pictures, what do soft detections add?",
           ["under 1 point of mAP", "1 to 3 points", "more than 3 points"])

# %% [markdown]
# ### Soft detections
#
# Most places see background, and both nets know it. So each class counts by how far apart they still are, $|p - q|$, times the binary cross-entropy of the student's $q$ with the teacher's $p$. Boxes count by $c$, how sure the teacher is of an object at that place:
#
# $$\frac{1}{\sum c} \sum_{\text{places}} \Big[ \sum_{\text{classes}} |p - q| \, \mathrm{BCE}(q, p) + c \, (1 - \mathrm{GIoU}) + c \, |a - b| \, \mathrm{BCE}(b, a) \Big]$$

# %% [markdown]
# Here $c$ is the largest class probability times the teacher's centerness, and the last term treats centerness as one more class: the teacher's against the student's. GIoU is IoU less a penalty that also pulls at boxes that do not touch. Where both nets agree, nothing is left to learn.

# %%
def my_surprise(q_logits, p):
    q = q_logits.sigmoid()
    cross = -(p * q.log() + (1 - p) * (1 - q).log())
    return (p - q).abs() * cross

z, p = torch.tensor([-4.0, 0.0, 2.0]), torch.tensor([0.02, 0.9, 0.88])
print("mine:         ", [f"{v:.4f}" for v in my_surprise(z, p).tolist()])
print("the package's:", [f"{v:.4f}" for v in surprised(z, p).tolist()])
print(f"GIoU of boxes that do not touch: {giou(box, box + 60).item():.2f}")

# %% tags=["nbval-ignore-output"]
teacher = task.lent_teacher(app, 0)
print(f"the teacher's AP50 on validation: "
      f"{precision(teacher, drawn.validation)['ap50']:.1%}")

# %%
numbers = tuned.TUNED["all labels"]
arms = {name: (name, numbers[name]) for name in ("alone", "soft detections")}
pair = trials.train(app, "all labels", arms, 0, teacher)

# %%
models = {"teacher": teacher} | {name: pair.model(name) for name in pair.arms}
found = {name: found_in(m, drawn.validation) for name, m in models.items()}

# %% tags=["nbval-ignore-output"]
dh.table(figures.precision_rows(drawn.validation, found),
         "One replicate, validation pictures, in points", 1)

# %%
untrained = precision(app.student(), drawn.validation)["ap50"]
assert untrained < 0.05
print("an untrained student's AP50 is under 5 points")

# %% tags=["nbval-ignore-output"]
figures.precision_and_recall(drawn.validation, found)

# %% [markdown]
# Now look. All three see the same pictures, each with the threshold of its best F1, which weighs answers too many against objects missed. Errors have kinds: *wrong class*, *badly placed*, *twice*, or mere *background*. Which kind does the distilled student lose first?

# %% tags=["nbval-ignore-output"]
best = {name: best_threshold(f, drawn.validation) for name, f in found.items()}
figures.drawn(drawn.validation, models, best, count=2)

# %% [markdown]
# **Move it.** Lower the threshold: more objects are found and more answers are wrong. Then change the picture. At which threshold would you deploy the student, and at which would you let the teacher draw boxes for it?

# %% tags=["nbval-ignore-output"]
figures.at_threshold(drawn.validation, found, 0.3, 0)

# %% tags=["nbval-ignore-output"]
dh.explore(
    lambda threshold, picture: figures.at_threshold.picture(
        drawn.validation, found, threshold, picture),
    threshold=dh.Steps((0.1, 0.3, 0.5), 0.3, label="threshold"),
    picture=dh.Steps((0, 1), 0, label="picture"))

# %% [markdown]
# The record holds eight replicates: other pictures, other teachers, other starts. Every arm chose among nine settings on validation, over two replicates of their own, and went on where the best stood at an edge; alone for longer has the settings of alone. All pictures are made of one bank of drawings and photographs.

# %%
dh.table(choosing.chosen_rows(tuned.TUNED), "Settings that the search chose")

# %%
record = Detections(COCO, records_arms.__name__, records_costs.__name__)
gain = record.gain("all labels", "soft detections").times(100)
size = abs(gain.mean)
came = ("under 1 point of mAP" if size < 1 else "1 to 3 points" if size <= 3
        else "more than 3 points")
dh.predict.outcome("coco.first", came,
                   said=f"Over the record: {gain.mean:+.1f} points of mAP.")

# %% [markdown]
# The record must be what this code makes. Hold a slice of it against what you have just trained: the student alone, on the validation pictures, at its last look.

# %%
_, looks = record.looks("all labels", "alone")
live = {"arm": "alone", "ap": precision(models["alone"], drawn.validation)["ap"]}
kept = record.of("all labels", "alone").head(1).assign(ap=looks[-1, 0])
if app is COCO:  # the record is of emoji-coco
    agrees(kept, [live], ["arm"], {"ap": 0.03})
    print("the slice agrees with its record within three points of mAP")

# %% [markdown]
# ## Maps instead of answers
#
# PKD looks inside. Each channel of a map is brought to mean 0 and variance 1 over batch and places, in teacher and student alike. Half the squared difference is then one less Pearson's correlation: the student's maps shall vary as the teacher's do, whatever their size. A learnt 1x1 convolution joins the widths.

# %%
def standard(maps):
    mean, var = maps.mean((0, 2, 3), True), maps.var((0, 2, 3), False, True)
    return (maps - mean) / (var + 1e-5).sqrt()

ours, theirs = torch.randn(8, 4, 8, 8), torch.randn(8, 4, 8, 8) * 5 + 2
mine = 0.5 * (standard(ours) - standard(theirs)).square().mean()
gap = (mine - one_less_correlation(ours, theirs)).abs().item()
assert gap < 1e-5
print("equal to the package's within 0.00001")

# %% [markdown]
# Is it the teacher's view of this very picture? The control keeps all of PKD, the loss, the convolution, the teacher, and gives the student the teacher's maps of *another* picture. It was searched like every other arm.

# %%
dh.predict("coco.control", "All labels: what does PKD gain over that control?",
           ["it loses", "under 1 point of mAP", "1 to 3 points",
            "more than 3 points"])

# %%
recorded.control(record)

# %%
gap = record.gain("all labels", "PKD", "PKD of another picture").times(100)
came = ("it loses" if gap.mean < 0 else "under 1 point of mAP" if gap.mean < 1
        else "1 to 3 points" if gap.mean <= 3 else "more than 3 points")
dh.predict.outcome("coco.control", came, said=f"{gap.mean:+.1f} points of mAP.")

# %% [markdown]
# ## Boxes that nobody drew
#
# Drawing boxes is dear, photographs are not. Of the student's 400 pictures 80 have boxes; the other 320 were never the teacher's own. *Pseudo-boxes* are what the teacher finds there above a threshold, taken for the truth. Soft detections and PKD use the same pictures without deciding anything.

# %%
shared.gains(record, "all labels")

# %%
shared.gains(record, "few labels")

# %%
shared.gains(record, "unlabelled data")

# %% [markdown]
# Who is found, and what goes wrong? Small objects cover a handful of places, so little is asked about them in either loss. The errors are counted at the threshold that validation chose for each detector.

# %%
recorded.by_size(record, "all labels")

# %%
recorded.errors(record, "unlabelled data", ("teacher", "alone", "pseudo-boxes",
                                            "soft detections", "PKD"))

# %%
def know(key, sentence, regime, arm, against="alone", kind="by m"):
    dh.finding(f"coco.{key}", sentence, record.gain(regime, arm, against), kind=kind,
               m=1.0, unit="points of mAP")

know("all_soft", "With boxes on all pictures, soft detections beat the student alone "
     "by {}.", "all labels", "soft detections")
know("all_pkd", "There, PKD beats soft detections by {}.",
     "all labels", "PKD", "soft detections", kind="gain")
know("pseudo", "With 320 pictures that have no boxes beside 80 that have some, "
     "pseudo-boxes beat the student alone by {}.",
     "unlabelled data", "pseudo-boxes", kind="gain")
know("soft_pseudo", "There, soft detections beat pseudo-boxes by {}.",
     "unlabelled data", "soft detections", "pseudo-boxes")

# %% [markdown]
# Go back to the control, PKD with the maps of another picture. At a weight of 0 it learns from boxes alone. With unlabelled data most of its batch then teaches nothing, which the student alone is spared: there, read PKD against alone.

# %%
weight = numbers["PKD of another picture"]["weight"]
dh.finding("coco.none_chosen", "With all boxes, the search gave another picture's maps "
           "a weight of {}.", f"{weight:g}", holds=weight == 0)
know("control", "With 80 pictures and their boxes, PKD beats PKD with another "
     "picture's maps by {}.", "few labels", "PKD", "PKD of another picture")

# %% [markdown]
# ## Three questions
#
# Fewer steps, less time, better at the end? [14](14_mnist.ipynb) says how each is measured. The quality here is mAP on validation, looked at twenty times a run. *Soft detections* were named as the arm of the claim before any run, as soft targets are in the other applications.

# %%
shared.learning(record, "all labels")

# %%
shared.learning(record, "unlabelled data")

# %%
shared.questions(record)

# %% [markdown]
# Time is another question, since a teacher must be trained first, and must answer. Each part was timed alone on an idle machine. *Alone for longer* has as many steps as fit into the time of teacher and student together, at the settings of the shorter run.

# %%
shared.seconds(record)

# %% [markdown]
# And better at the end? The forests above show it. An arm that ends higher passes most qualities earlier, so the first question says little that this one does not. With all boxes, or few and no other picture, pseudo-boxes are the student alone, and stand for one control only.

# %% [markdown]
# No arm here has the boxes of the teacher's 800 pictures as well. So nothing on this page says that a teacher beats the boxes that it learnt from; [07](07_soft_targets.ipynb) holds that control on digits. The table has all that pycocotools reports, for pictures that nobody had seen.

# %%
dh.table(recorded.summary(record, "all labels"), "All labels, in points", 1)

# %%
dh.table(recorded.summary(record, "unlabelled data"), "Unlabelled data, in points", 1)

# %% [markdown]
# ## Size and speed
#
# Write teacher and student to files. A fresh process, which imports torch and nothing of ours, answers one picture at a time on one thread. All answers are given: classes, boxes, centerness. Suppression is not counted.

# %%
from distill_helpers.course.paths import cache_dir

deployed, x = {}, drawn.validation.images[:64].float() / 255
for name in ("teacher", "soft detections"):
    path = cache_dir() / f"{name}.pt2"
    measure.export_model(Deployed(models[name]), path, x[:8])
    deployed[name] = measure.measure_in_fresh_process(path, x)

# %% tags=["nbval-ignore-output"]
for name, d in deployed.items():
    print(f"{name}: {d.file_bytes / 1e3:,.0f} kB, {d.median_ms:.2f} ms a picture "
          f"(quartiles {d.low_ms:.2f} to {d.high_ms:.2f})")

# %%
smaller = deployed["soft detections"].file_bytes < deployed["teacher"].file_bytes
print("the student's file is", "smaller" if smaller else "not smaller")

# %% [markdown]
# ## Verdicts
#
# The readings were registered before these runs: soft detections against alone, in three regimes, with a tenth of the steps or of the time, and one point of mAP, as the smallest differences that matter.

# %%
easier = dh.claim("C22", "COCO: easier").judge(record.easier())

# %%
easier.table()

# %%
shorter = dh.claim("C22", "COCO: shorter").judge(
    record.shorter(), record.otherwise())

# %%
shorter.table()

# %%
better = dh.claim("C22", "COCO: better").judge(record.better())

# %%
better.table()

# %% [markdown]
# ## What you know now
#
# Each sentence is printed from the record with its number. If the record no longer bore it out, the cell would stop with an error. Compare them with what you predicted above.

# %%
know("longer", "With all boxes, the student alone that trains as long as teacher and "
     "student together beats soft detections by {}.",
     "all labels", "alone for longer", "soft detections")
know("longer_pkd", "It beats PKD as well, by {}.",
     "all labels", "alone for longer", "PKD", kind="gain")
know("unlabelled", "With boxes on 80 of 400 pictures, soft detections on all of them "
     "beat that long training on the 80 by {}.",
     "unlabelled data", "soft detections", "alone for longer")

# %% [markdown]
# ## Exercises
#
# Solutions are in [solutions/18_coco_detection.md](solutions/18_coco_detection.md). Try each for five minutes first; the hints under a stub open one behind the other.
#
# **18.1** Compute average precision for one class: scores [K], 1 or 0 for right or wrong [K], and how many objects there are. At each recall, the precision is the best at that recall or any higher one.

# %% tags=["raises-exception"]
def my_average_precision(scores, right, objects):  # exercise 18.1
    raise dh.Unsolved("Return the area under precision over recall.")

my_average_precision(torch.tensor([0.9, 0.5]), torch.tensor([1.0, 0.0]), 2)

# %%
dh.hints("In which order do you walk down the answers?",
         "Precision after k answers is the share right among them.",
         "Each right answer moves recall on by one object of all.")
dh.check("18.1", my_average_precision)

# %% [markdown]
# **18.2** Judge a report on PKD and its control. Return the letter of the sentence that follows from it, and from nothing else.

# %%
dh.options("18.2")

# %% tags=["raises-exception"]
def my_reading():  # exercise 18.2
    raise dh.Unsolved("Return the letter of the sentence that follows.")

my_reading()

# %%
dh.hints("What do PKD and its control share?",
         "Does an interval that includes zero show equality?")
dh.check("18.2", my_reading)

# %% [markdown]
# **18.3** One threshold for all pseudo-boxes treats easy and hard classes alike. From scores [K], classes [K] of four kinds and whether each was right, return four thresholds: 80 % of what is kept should be right in each class, and as much as possible kept. When it passes, train with it; the solution says how.

# %% tags=["raises-exception"]
def my_thresholds(scores, classes, right):  # exercise 18.3
    raise dh.Unsolved("Return one threshold for each of the four classes.")

my_thresholds(torch.rand(8), torch.arange(8) % 4, torch.arange(8) > 3)

# %%
dh.hints("Sort the answers of one class by their scores.",
         "Where down the list are 80 % of those above still right?",
         "Take the last such place: it keeps the most.")
dh.check("18.3", my_thresholds)

# %% [markdown]
# ## Further reading

# %%
dh.reading("tian2019fcos", "lin2014coco", "cao2022pkd", "yang2023bridging",
           "sohn2020stac", "bolya2020tide")

# %% [markdown]
# **Next:** [22 · The verdicts](22_the_verdicts.ipynb). To come: 19 and 20, two more applications, and 21 · Your own task.
