"""Milliseconds a step of ``compare`` on this machine's GPU: the five arms of ``benchmarks.usual`` by 1, 8 and 64 replicates, batches of 128.

    python -m benchmarks.on_gpu [--steps 200]

Beside them the usual loop's soft-target student on the same GPU, read back in every step, batches made there.
"""

import argparse
import time

import torch


def ours(replicates: int, steps: int, teacher, digits, test) -> float:
    """Seconds a step, from two runs of different length, so that setting up does not count."""
    from distill_helpers import strategies as s
    from distill_helpers.comparison import compare
    from distill_helpers.data import make_views
    from distill_helpers.models import digits_student
    from distill_helpers.training import Recipe

    pair = {"student_layers": "embedding", "teacher_layers": "hidden4"}
    arms = {"soft targets": s.SoftTargets(4.0, 0.9), "decoupled": s.DecoupledDistillation(alpha=1.0, beta=8.0, temperature=4.0),
            "relations": s.Relational(**pair), "similarities": s.SimilarityPreserving(**pair), "hints": s.FitNets(**pair, weight=1.0)}  # fmt: skip
    pool, took = make_views(digits, 8, 2), []
    for length in (20, 20, 20 + steps):
        torch.cuda.synchronize()
        begun = time.perf_counter()
        compare(digits_student, teacher, pool, arms, test=test, replicates=replicates, recipe=Recipe(steps=length, lr=1e-2), device="cuda",
                progress=False)  # fmt: skip
        torch.cuda.synchronize()
        took.append(time.perf_counter() - begun)
    return (took[2] - took[1]) / steps


def usual(steps: int, teacher, digits) -> float:
    """Seconds a step of one student in a loop that asks the teacher and reads the loss in each."""
    from torch.nn import functional as F

    from distill_helpers.models import digits_student

    x, y = digits.x.cuda(), digits.labels.cuda()
    student, teacher = digits_student().cuda(), teacher.cuda().eval()
    optimizer = torch.optim.AdamW(student.parameters(), lr=1e-2)
    for step in range(steps + 20):
        if step == 20:
            begun = time.perf_counter()
        rows = torch.randint(len(x), (128,), device="cuda")
        with torch.no_grad():
            answers = teacher(x[rows])
        out = student(x[rows])
        soft = F.kl_div(F.log_softmax(out / 4, 1), F.softmax(answers / 4, 1), reduction="batchmean")
        loss = 0.9 * 16 * soft + 0.1 * F.cross_entropy(out, y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
    return (time.perf_counter() - begun) / steps


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    given = parser.parse_args()
    from distill_helpers.data import load_digits
    from distill_helpers.models import digits_teacher

    train, _, test = load_digits()
    torch.manual_seed(0)
    teacher = digits_teacher()
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    print(f"usual loop, soft targets: {1000 * usual(given.steps, teacher, train):.2f} ms a step of one student")
    for replicates in (1, 8, 64):
        seconds = ours(replicates, given.steps, teacher, train, test)
        each = 1000 * seconds / replicates / 5
        print(f"compare, {replicates} replicates of 5 arms: {1000 * seconds:.2f} ms a step of all, {each:.3f} of one student")


if __name__ == "__main__":
    main()
