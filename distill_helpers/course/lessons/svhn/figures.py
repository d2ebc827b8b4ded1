"""The lesson's own pictures: house numbers at several shifts, and what a shift does to teacher and students."""

import matplotlib.pyplot as plt
import numpy as np

from distill_helpers.course.lessons.svhn.shifted import LABELLED, NEW, NEW_PSEUDO, OLD, OLD_ALONE
from distill_helpers.data.generated.font_svhn import font_svhn
from distill_helpers.show import Picture, looks, on_page, samples
from distill_helpers.show.figure import PAGE

SHOWN = ("teacher", OLD, NEW, NEW_PSEUDO, LABELLED)


@on_page
def numbers(images, labels, words: str):
    """Some pictures over their labels. words: what they are."""
    return Picture(samples(images, labels, columns=10, size=0.68), f"{len(images)} printed digits between neighbours on photographs: {words}",
                   f"Pictures of font-svhn, {words}. The label is the digit in the middle; its neighbours do not count.")  # fmt: skip


@on_page
def by_shift(found):
    """Accuracy of teacher and students over the share of pictures of the new domain."""
    fig, ax = plt.subplots(figsize=(PAGE, 3.6))
    said = []
    for place, (arm, look) in enumerate(zip(SHOWN, looks(len(SHOWN)), strict=True)):
        values = [found.mean(s, arm).times(100) for s in found.shifts]
        means = np.array([d.mean for d in values])
        reach = np.array([[d.mean - d.low, d.high - d.mean] for d in values]).T
        ax.errorbar(np.array(found.shifts) + 0.008 * (place - 2), means, yerr=reach, label=arm, ms=5, lw=1.2, elinewidth=1.2, **look)
        said.append(f"{arm} {means[0]:.0f} % to {means[-1]:.0f} %")
    ax.set(xlabel="share of the test pictures in fonts and on photographs of the new domain", ylabel="accuracy, %", xticks=found.shifts)
    fig.legend(loc="outside lower center", ncols=2, fontsize=8)
    return Picture(fig, f"Accuracy against the shift, from none to all pictures of the new domain: {'; '.join(said)}",
                   f"Accuracy by shift, mean and 95 % interval over {len(found.column(0.0, 'teacher'))} replicates, each of which reads 10,000 "
                   "pictures of its own at each shift. The teacher learnt from the old domain alone.")  # fmt: skip


@on_page
def repeated(found):
    """How often a student gives the teacher's very wrong answer where the teacher is wrong."""
    fig, ax = plt.subplots(figsize=(PAGE, 3.0))
    arms, said = (*SHOWN, OLD_ALONE), []
    for arm, look in list(zip(arms, looks(len(arms)), strict=True))[1:]:  # the teacher repeats all; each arm looks as in the figure above
        values = [found.mean(s, arm, "repeats").times(100) for s in found.shifts]
        means = np.array([d.mean for d in values])
        ax.errorbar(found.shifts, means, yerr=np.array([[d.mean - d.low, d.high - d.mean] for d in values]).T, label=arm, ms=5, lw=1.2, **look)
        said.append(f"{arm} {means[0]:.0f} % to {means[-1]:.0f} %")
    ax.set(xlabel="shift", ylabel="errors repeated, %", xticks=found.shifts, ylim=(0, None))
    fig.legend(loc="outside lower center", ncols=2, fontsize=8)
    return Picture(fig, f"Share of the teacher's errors that a student repeats to the very digit, by shift: {'; '.join(said)}",
                   "Of the pictures that the teacher gets wrong, the share to which a student gives the very same wrong digit. Two students have "
                   "no teacher. The one with labels of the old domain learnt where the teacher learnt; how much each reads is in the figure "
                   "before.")  # fmt: skip


@on_page
def at_a_shift(found, shift: float = 0.0):
    """Samples at one shift above the accuracy of each arm there."""
    fig, axes = plt.subplots(2, 1, figsize=(PAGE, 3.6), height_ratios=(1, 2.2))
    pictures = font_svhn(10, 7, shift).images
    axes[0].imshow(np.concatenate(list(pictures.permute(0, 2, 3, 1).numpy()), axis=1))
    axes[0].set_axis_off()
    axes[0].set_title(f"shift {shift:g}")
    values = [found.mean(shift, arm).times(100) for arm in SHOWN]
    for place, (arm, d, look) in enumerate(zip(SHOWN, values, looks(len(SHOWN)), strict=True)):
        axes[1].errorbar(d.mean, place, xerr=[[d.mean - d.low], [d.high - d.mean]], label=arm, ms=6, **look)
    axes[1].set_yticks(range(len(SHOWN)), SHOWN)
    axes[1].set(xlim=(55, 100), ylim=(len(SHOWN) - 0.5, -0.5), xlabel="accuracy at this shift, %")
    said = "; ".join(f"{arm} {d.mean:.0f} %" for arm, d in zip(SHOWN, values, strict=True))
    return Picture(fig, f"Ten pictures at shift {shift:g}, and the accuracy there: {said}",
                   "Above, ten pictures at this shift: the same ten places, sizes and colours, more and more of them in other fonts. Below, the "
                   "accuracy of teacher and students there.")  # fmt: skip
