"""The usual way to compare distillation methods, and the same comparison by ``compare``: one command, the ratio of their times.

    python -m benchmarks.usual [--batch 64] [--steps 1000] [--measured 60] [--out results.json]

Fixed before anything was measured:
- The comparison: five arms (soft targets, decoupled distillation, relational distillation with distances and angles, similarity preserving,
  hints) by eight replicates, on the 3,500 bundled training digits, each moved at random by up to two pixels, batches of 64, AdamW at 1e-2
  with a cosine, ``steps`` updates a student (1,000). Student: the residual one of 26,506 parameters. Teacher: one big MLP of 5.94 million,
  given to both sides trained; its training is no part of the time. (``--batch 128``, the course's default, was added after the first reading.)
- The usual loop, as public repositories have it: a Dataset of PIL images with RandomCrop and ToTensor, a DataLoader that shuffles (with the number
  of workers, 0 or 2, that turns out faster), the teacher asked in every step, the losses as in their authors' code, a meter that reads loss
  and accuracy back in every step, one student at a time.
- The usual loop's time is that of ``measured`` steps of each arm after ten to warm up, times steps · replicates / measured: every step costs
  the same, so nothing is gained by waiting for all of them. ``compare`` is timed whole: making the pool, the teacher's answers, all
  steps of all forty students, and reading the test digits.
- Both use as many threads as there are cores, on an idle machine; the machine and the versions are printed.
- Equal work must reach equal accuracy: ``--whole`` also trains the usual loop's soft-target student to the end and prints both.
"""

import argparse
import json
import os
import platform
import time

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

ARMS = ("soft targets", "decoupled", "relations", "similarities", "hints")
LR, DECAY, REPLICATES = 1e-2, 0.05, 8


class Digits(Dataset):
    """The training digits as most projects hold them: PIL images and a transform."""

    def __init__(self, digits):
        from torchvision import transforms

        pil = transforms.ToPILImage()
        self.images = [pil(image) for image in digits.images]
        self.labels = digits.labels.tolist()
        self.transform = transforms.Compose([transforms.RandomCrop(28, padding=2), transforms.ToTensor()])

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.transform(self.images[i]), self.labels[i]


def soft_targets(student, teacher, y, extra, temperature=4.0, weight=0.9):
    """Hinton et al. 2015."""
    soft = F.kl_div(F.log_softmax(student.logits / temperature, 1), F.softmax(teacher.logits / temperature, 1), reduction="batchmean")
    return weight * temperature**2 * soft + (1 - weight) * F.cross_entropy(student.logits, y)


def decoupled(student, teacher, y, extra, alpha=1.0, beta=8.0, temperature=4.0):
    """Zhao et al. 2022, with masks."""
    here = torch.zeros_like(student.logits).scatter_(1, y.unsqueeze(1), 1).bool()
    ours, theirs = F.softmax(student.logits / temperature, 1), F.softmax(teacher.logits / temperature, 1)
    pair = lambda p: torch.cat([(p * here).sum(1, keepdim=True), (p * ~here).sum(1, keepdim=True)], 1)
    target = F.kl_div(pair(ours).log(), pair(theirs), reduction="batchmean") * temperature**2
    rest_t = F.softmax(teacher.logits / temperature - 1000.0 * here, 1)
    rest_s = F.log_softmax(student.logits / temperature - 1000.0 * here, 1)
    rest = F.kl_div(rest_s, rest_t, reduction="batchmean") * temperature**2
    return F.cross_entropy(student.logits, y) + alpha * target + beta * rest


def relations(student, teacher, y, extra, distance=25.0, angle=50.0):
    """Park et al. 2019: differences of all pairs, normalised, and their products."""

    def distances(e):
        square = e.pow(2).sum(1)
        d = (square.unsqueeze(1) + square.unsqueeze(0) - 2 * e @ e.t()).clamp(min=1e-12).sqrt().clone()
        d[range(len(e)), range(len(e))] = 0
        return d

    s, t = student.features["embedding"], teacher.features["hidden4"]
    with torch.no_grad():
        t_d = distances(t)
        t_d = t_d / t_d[t_d > 0].mean()
        rays = F.normalize(t.unsqueeze(0) - t.unsqueeze(1), p=2, dim=2)
        t_a = torch.bmm(rays, rays.transpose(1, 2)).view(-1)
    s_d = distances(s)
    s_d = s_d / s_d[s_d > 0].mean()
    rays = F.normalize(s.unsqueeze(0) - s.unsqueeze(1), p=2, dim=2)
    s_a = torch.bmm(rays, rays.transpose(1, 2)).view(-1)
    return F.cross_entropy(student.logits, y) + distance * F.smooth_l1_loss(s_d, t_d) + angle * F.smooth_l1_loss(s_a, t_a)


def similarities(student, teacher, y, extra, weight=3000.0):
    """Tung & Mori 2019."""
    s, t = student.features["embedding"].flatten(1), teacher.features["hidden4"].flatten(1)
    ours, theirs = F.normalize(s @ s.t()), F.normalize(t @ t.t())
    return F.cross_entropy(student.logits, y) + weight * (theirs - ours).pow(2).sum() / len(s) ** 2


def hints(student, teacher, y, extra, weight=1.0):
    """Romero et al. 2015, as a loss beside the labels."""
    return F.cross_entropy(student.logits, y) + weight * F.mse_loss(extra(student.features["embedding"]), teacher.features["hidden4"])


LOSSES = dict(zip(ARMS, (soft_targets, decoupled, relations, similarities, hints), strict=True))


def usual(arm: str, teacher, digits, steps: int, measured: int, workers: int, batch: int, warm: int = 10):
    """(seconds a step, the student) after warm + measured steps of the usual loop."""
    from distill_helpers.models import digits_student

    loader = DataLoader(Digits(digits), batch, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0)
    student, extra, teacher = digits_student(), nn.Linear(32, 1280), teacher.eval()
    parameters = [*student.parameters(), *(extra.parameters() if arm == "hints" else [])]
    optimizer = torch.optim.AdamW(parameters, lr=LR, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    losses, right, done, begun = 0.0, 0.0, 0, None
    student.train()
    while True:
        for x, y in loader:
            if done == warm:
                begun = time.perf_counter()
            with torch.no_grad():
                answers = teacher(x, features=True)
            out = student(x, features=True)
            loss = LOSSES[arm](out, answers, y, extra)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses += loss.item() * len(x)
            right += (out.logits.argmax(1) == y).float().sum().item()
            done += 1
            if done == warm + measured:
                return (time.perf_counter() - begun) / measured, student


def ours(teacher, digits, test, steps: int, batch: int):
    """(seconds for all forty students, the Comparison)."""
    from distill_helpers import strategies as s
    from distill_helpers.comparison import compare
    from distill_helpers.data import make_views
    from distill_helpers.models import digits_student
    from distill_helpers.training import Recipe

    pair = {"student_layers": "embedding", "teacher_layers": "hidden4"}
    arms = {
        "soft targets": s.SoftTargets(4.0, 0.9), "decoupled": s.DecoupledDistillation(alpha=1.0, beta=8.0, temperature=4.0),
        "relations": s.Relational(**pair), "similarities": s.SimilarityPreserving(**pair, weight=3000.0), "hints": s.FitNets(**pair, weight=1.0),
    }  # fmt: skip
    recipe = Recipe(steps=steps, batch_size=batch, lr=LR, weight_decay=DECAY, warmup=0.0)
    begun = time.perf_counter()
    found = compare(digits_student, teacher, make_views(digits, 8, 2), arms, test=test, replicates=REPLICATES, recipe=recipe, progress=False)
    return time.perf_counter() - begun, found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--measured", type=int, default=60)
    parser.add_argument("--whole", action="store_true", help="also train the usual soft-target student to the end, for its accuracy")
    parser.add_argument("--out")
    given = parser.parse_args()
    from distill_helpers.course.teachers import big_teacher
    from distill_helpers.data import load_digits

    train, _, test = load_digits()
    teacher = big_teacher()
    each = {}
    for arm in ARMS:
        each[arm] = min(usual(arm, teacher, train, given.steps, given.measured, workers, given.batch)[0] for workers in (0, 2))
        print(f"usual loop, {arm}: {1000 * each[arm]:.1f} ms a step of one student", flush=True)
    theirs = sum(each.values()) * given.steps * REPLICATES
    seconds, found = ours(teacher, train, test, given.steps, given.batch)
    print(f"usual loop, {len(ARMS)} arms x {REPLICATES} replicates x {given.steps} steps: {theirs:.0f} s (from {given.measured} steps of each arm)")
    print(f"compare, the same, timed whole: {seconds:.1f} s\nratio: {theirs / seconds:.0f}")
    print(found)
    row = {"usual_ms": {arm: 1000 * v for arm, v in each.items()}, "usual_s": theirs, "compare_s": seconds, "ratio": theirs / seconds,
           "steps": given.steps, "batch": given.batch, "threads": torch.get_num_threads(), "cores": os.cpu_count(), "torch": torch.__version__,
           "processor": platform.processor() or platform.machine(), "accuracy": found.scores["accuracy"].mean(0).tolist()}  # fmt: skip
    if given.whole:
        student = usual("soft targets", teacher, train, given.steps, given.steps, 0, given.batch, warm=0)[1].eval()
        with torch.no_grad():
            row["usual_accuracy"] = (student(test.x).argmax(1) == test.labels).float().mean().item()
        print(f"accuracy of the usual loop's soft-target student: {row['usual_accuracy']:.4f}")
    if given.out:
        with open(given.out, "w", encoding="utf-8") as file:
            json.dump(row, file, indent=1)


if __name__ == "__main__":
    main()
