"""The lesson on ImageNet: many classes in few parameters, flat memory, strange drawings, and the same nets on ImageNet's own folders."""

import importlib
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from public_files import write_folder
from torch import nn

from distill_helpers.checks import InputError
from distill_helpers.course.applications import trials
from distill_helpers.course.applications.task import ALL, FEW, FIRST_SEARCHED, REPLICATES, SEARCHED, UNLABELLED, replicate_in
from distill_helpers.course.applications.ways import ALONE, SOFT, WAYS
from distill_helpers.course.lessons.imagenet import classes, figures, full, measured, memory, published, records_classes, task, vendors
from distill_helpers.course.lessons.imagenet.task import IMAGENET
from distill_helpers.show import layout_faults, style

SHORT = dict(steps=6, batch_size=16, check_every=3)
PLAIN = {way: WAYS[way].cells[1] if WAYS[way].cells else {"lr": 0.016, "weight_decay": 0.1} for way in IMAGENET.ways}
NUMBERS = dict.fromkeys((ALL, FEW, UNLABELLED), PLAIN)


def count(module):
    return sum(p.numel() for p in module.parameters())


# ---- what fits into 27 thousand parameters


def test_nets_have_the_sizes_that_are_said():
    assert (count(task.teacher()), count(task.student())) == (334_756, 25_012) and count(task.small(1000)) == 69_112
    assert count(classes.tiny(1000)) == 26_856 < classes.STATED and count(classes.tiny(794)) == 22_530 and count(task.large(794)) == 468_698


def test_a_head_is_counted_by_hand():
    for n in (10, 1000):
        found = classes.parts(n)
        assert found["head"] == 21 * n and found["convolutions and norms"] + found["head"] == found["all"] == count(classes.tiny(n))
    assert classes.widest(1000) == 26 and 1000 * 27 <= classes.STATED < 1000 * 28 and classes.widest(10) == 2699
    rows = classes.count_rows()
    assert [row["classes"] for row in rows] == [10, *classes.NUMBERS, 1000] and rows[-1]["head, share"] == pytest.approx(21_000 / 26_856)


def test_experiments_share_no_seed_of_pictures():
    seeds = [*range(REPLICATES), *range(FIRST_SEARCHED, FIRST_SEARCHED + SEARCHED)]
    mine = {"task": [4 * s + part for s in seeds for part in range(3)],
            "classes": [classes.FIRST_SEED + 4 * s + part for s in seeds for part in range(3)],
            "vendors": [vendors.FIRST_SEED + 4 * s + part for s in seeds for part in range(4)]}  # fmt: skip
    every = [seed for each in mine.values() for seed in each]
    assert len(set(every)) == len(every)


def test_many_classes_are_measured_in_rows_that_say_what_was_chosen(monkeypatch, no_cache):
    for name, value in {"LEARN": 120, "VALIDATION": 40, "TEST": 40, "LEARNING": replace(classes.LEARNING, **SHORT),
                        "RECIPE": replace(classes.RECIPE, **SHORT)}.items():  # fmt: skip
        monkeypatch.setattr(classes, name, value)
    monkeypatch.setattr(records_classes, "REPLICATES", 2)
    classes.draw.cache_clear()
    classes.of_classes.cache_clear()
    try:
        rows = records_classes.run({"classes": 12})
    finally:
        classes.draw.cache_clear()
        classes.of_classes.cache_clear()
    search, read = ([row for row in rows if row["part"] == part] for part in ("search", "read"))
    for arm, cells in records_classes.CELLS.items():
        mine = [row for row in search if row["arm"] == arm]
        assert len(mine) >= SEARCHED * len(cells) == 6  # as many for either arm, but for those beyond an edge
        mean = lambda rate, rows=mine: round(sum(row["accuracy"] for row in rows if row["lr"] == rate) / SEARCHED, 6)
        best = max(dict.fromkeys(row["lr"] for row in mine), key=mean)  # the first of equals
        assert {row["lr"] for row in read if row["arm"] == arm} == {best}
        assert {row["replicate"] for row in search} == {100, 101}
    assert [(row["arm"], row["replicate"]) for row in read] == [(arm, r) for r in (0, 1) for arm in ("teacher", ALONE, SOFT)]
    assert all(0 <= row["accuracy"] <= row["top5"] <= 1 for row in read) and all(row["agreement"] == 1 for row in read if row["arm"] == "teacher")
    assert {tuple(row) for row in rows} and all(set(row) >= {"lr", "temperature", "diverged"} for row in rows)


# ---- strange drawings


@pytest.fixture
def little(monkeypatch, no_cache):
    """The experiment on drawings with few pictures and steps."""
    for name, value in {"TEACHES": 300, "MINE": 200, "VALIDATION": 100, "TEST": 100, "FEW": 100, "TUNED": NUMBERS,
                        "IMAGENET": replace(IMAGENET, few=100, recipe=replace(IMAGENET.recipe, **SHORT),
                                            teaching=replace(IMAGENET.teaching, **SHORT))}.items():  # fmt: skip
        monkeypatch.setattr(vendors, name, value)
    cached = (vendors.test_of, vendors.draw_known, vendors._draw_labelled, vendors._draw_mixed, vendors._app)
    for function in cached:
        function.cache_clear()
    yield
    for function in cached:
        function.cache_clear()


def test_no_label_of_a_strange_drawing_reaches_the_student_of_the_teacher(little):
    plain, drawn = vendors.draw_known(0), vendors.mixed().draw(0)
    replicate = replicate_in(vendors.mixed(), UNLABELLED, drawn, 0)
    few = replicate_in(vendors.known(), FEW, plain, 0).rows
    mine = replicate.rows[replicate.labelled]
    assert len(mine) == 100 and len(drawn.pool) == len(plain.mine) == 200
    assert torch.equal(drawn.pool.labels[mine], plain.pool.labels[few]) and torch.equal(drawn.pool.pixels[0][mine], plain.pool.pixels[0][few])
    others = replicate.rows[~replicate.labelled]
    assert (drawn.pool.labels[others] == -100).all()
    known, strange = (vendors.pictures(0, vendor, 500, 0).images for vendor in vendors.VENDORS)
    places = plain.mine[~torch.isin(plain.mine, few)]
    pixels = drawn.pool.pixels[:, others].flatten(2)
    here = lambda images: (pixels == images[places].flatten(1)).all(2).any(0).float().mean()  # one of the views is the picture as it is
    assert here(strange) > 0.3 and here(known) == 0


def test_labels_of_strange_drawings_belong_to_the_arm_that_says_so(little):
    drawn, plain = vendors.labelled().draw(0), vendors.draw_known(0)
    assert (drawn.pool.labels >= 0).all() and torch.equal(drawn.pool.labels, plain.pool.labels[plain.mine])  # the same classes, in the same places
    assert not torch.equal(drawn.pool.pixels[0], plain.pool.pixels[0][plain.mine])
    assert torch.equal(vendors.test_of(0, "google").labels, vendors.test_of(0, "twitter").labels)


def test_a_replicate_reads_all_arms_on_both_vendors(little):
    rows = vendors.one_replicate(0)
    assert [(row["vendor"], row["arm"]) for row in rows] == [(v, arm) for v in vendors.VENDORS for arm in ("teacher", *vendors.ARMS)]
    assert all(row["agreement"] == 1 for row in rows if row["arm"] == "teacher") and all(row["accuracy"] <= row["top5"] for row in rows)
    test = vendors.test_of(0, "twitter")
    right = (trials.answered(trials.lent_teacher(vendors.known(), 0), test).argmax(-1) == test.labels).float().mean().item()
    assert next(row for row in rows if row["vendor"] == "twitter")["accuracy"] == pytest.approx(right, abs=1e-6)


# ---- memory


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return memory.written(tmp_path_factory.mktemp("imagenet") / "shards", 1500, 20)


def test_training_on_a_stream_is_flat_and_holding_all_of_it_is_refused(shards):
    found = memory.measured(shards, 12.0, 20)
    assert found["pictures"] == 1500 and found["data"] == pytest.approx(18.432) and len(found["rows"]) == 46  # full batches of 32
    assert memory.flat(found) and memory.rise(found) < memory.MARGIN and found["loss"] > 0
    assert found["bound"] == memory.LINUX and found["held"] != found["bound"]


def test_a_leak_is_seen(shards, tmp_path):
    leaking = tmp_path / "leaking.py"
    leaking.write_text(f"""
import json, sys
from distill_helpers.course.lessons.imagenet import memory
kept, plain = [], memory.resident
def resident():
    kept.append(bytearray(b"x" * 1_000_000) * 2)
    return plain()
memory.resident, memory.bind = resident, lambda limit: False
print(json.dumps(memory.main({str(shards)!r}, 12.0, 20)))
""")
    found = memory.measured(shards, 12.0, 20, program=leaking)
    assert not memory.flat(found) and memory.rise(found) == pytest.approx(2 * 35, abs=8)  # 2 MB in each of the steps after the first ten


def test_limits_and_processes_that_cannot_be_are_named(shards, tmp_path):
    with pytest.raises(InputError, match="below the size of the data in memory, 18 MB, but 50"):
        memory.measured(shards, 50.0, 20)
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('no room')")
    with pytest.raises(InputError, match="failed: no room"):
        memory.measured(shards, 12.0, 20, program=broken)
    assert memory.some({"rows": list(range(1000))}, 200) == list(range(0, 1000, 5))


def test_shards_are_written_once(shards):
    before = [path.stat().st_mtime_ns for path in sorted(shards.glob("*.tar"))]
    assert memory.written(shards, 1500, 20) == shards and before == [path.stat().st_mtime_ns for path in sorted(shards.glob("*.tar"))]


# ---- what is recorded, and figures


def made_up(by, values, arms, replicates=6):
    noise = np.random.default_rng(0)
    rows = [{by: value, "arm": arm, "replicate": r, "accuracy": 0.3 + 0.1 * i + 0.02 * noise.random(), "top5": 0.5 + 0.1 * i, "diverged": 0}
            for value in values for i, arm in enumerate(arms) for r in range(replicates)]  # fmt: skip
    return pd.DataFrame(rows)


def test_tables_are_looked_up_and_differences_paired():
    table = measured.Table(made_up("classes", (100, 794), (ALONE, SOFT, "teacher")), "classes")
    d, alone, soft = table.gain(794, SOFT, ALONE), table.column(794, ALONE), table.column(794, SOFT)
    assert d.mean == pytest.approx((soft - alone).mean()) and d.n == 6 and table.gain(794, SOFT, ALONE, "top5").mean == pytest.approx(0.1)
    assert table.share(794, SOFT, "teacher").mean == pytest.approx((soft / table.column(794, "teacher")).mean())
    assert table.falls(SOFT, 100, 794).mean == pytest.approx((table.column(100, SOFT) - soft).mean())
    with pytest.raises(InputError, match="arm must be one of"):
        table.column(100, "another")


class Amounts(measured.Memory):
    def __init__(self, rows):
        self.rows, self.amounts = rows, sorted(rows.pictures.unique().tolist())


def test_memory_is_held_against_the_first_steps_and_against_ten_times_the_data():
    rows = [{"pictures": n, "step": s, "resident": 700 + more + (s > 20), "data": n * 0.012288} for n, more in ((3000, 0), (30_000, 2.5))
            for s in range(40)]  # fmt: skip
    found = Amounts(pd.DataFrame(rows))
    assert found.rise(3000) == pytest.approx(1) and found.apart() == pytest.approx(2.5)


def test_pictures_can_be_read():
    style()
    many = measured.Table(made_up("classes", classes.NUMBERS, (ALONE, SOFT, "teacher")), "classes")
    moved = measured.Table(made_up("vendor", vendors.VENDORS, ("teacher", *vendors.ARMS), 8).assign(accuracy=lambda t: t.accuracy * 0.8), "vendor")
    steps = [{"pictures": n, "step": s, "resident": 700 + s / 40, "data": n * 0.012288} for n in (3000, 30_000) for s in range(40)]
    one = {"rows": steps[:40], "limit": 16.0, "data": 36.864}
    logits = torch.randn(200, 100, generator=torch.Generator().manual_seed(0))
    made = [figures.by_classes.picture(many), *(figures.at_classes.picture(many, n) for n in classes.NUMBERS), figures.by_vendor.picture(moved),
            figures.resident.picture(one), figures.amounts.picture(Amounts(pd.DataFrame(steps))), figures.drawings.picture(),
            figures.within.picture({"teacher": logits, ALONE: logits + 1, SOFT: -logits}, torch.arange(200) % 100),
            figures.objects.picture(vendors.pictures(0, "google", 14, 3).images, ["a name that is rather long"] * 14)]  # fmt: skip
    assert [layout_faults(picture.fig) for picture in made] == [[]] * len(made)


def test_top_k_of_the_figure_is_counted_by_hand():
    logits = torch.tensor([[3.0, 2, 1, *[0] * 9], [1, 2, 3, *[0] * 9]])
    ax = figures.within.picture({"one": logits}, torch.tensor([0, 0])).fig.axes[0]
    assert ax.lines[0].get_ydata()[:3].tolist() == [50, 50, 100]


# ---- ImageNet's own folders


def folders(root, each=14):
    for split, number in (("train", each), ("val", 6)):
        write_folder(root / "imagenet" / split, ("n01_bee", "n02_cat", "n03_dog"), number)
    return root


def test_the_same_cells_run_on_the_public_folders(tmp_path, no_cache):
    app = full.application(folders(tmp_path), validation=6)
    drawn = app.draw(0)
    assert (len(drawn.pool), len(drawn.mine), len(drawn.validation), len(drawn.test)) == (36, 18, 6, 18) and app.few == 30
    assert full.names_of(app, tmp_path) == ("n01_bee", "n02_cat", "n03_dog") and len(full.names_of(IMAGENET)) == 100
    assert app.student().head.out_features == app.teacher().head.out_features == 3
    short = dict(steps=60, batch_size=16, check_every=20)
    app = replace(app, few=6, longer=60, recipe=replace(app.recipe, **short), teaching=replace(app.teaching, **short))
    rows, outcomes = trials.in_one_regime(app, ALL, NUMBERS, 0)
    soft = next(row for row in rows if row["arm"] == SOFT)
    assert soft["accuracy"] > 0.6 and outcomes["right"].shape == (1, len(rows), 18)  # chance is 1 in 3
    assert len(full.application(tmp_path, validation=3, most=4).draw(0).pool) == 9


def damage(root, how):
    place = root / "imagenet" / "train" / "n02_cat"
    file = place / "003.JPEG"
    if how == "cut off":
        file.write_bytes(file.read_bytes()[:400])
    elif how == "words":
        file.write_bytes(b"no image")
    elif how == "no pictures":
        for path in place.glob("*"):
            path.unlink()
    elif how == "a class too many":
        (root / "imagenet" / "val" / "n02_cat").rename(root / "imagenet" / "val" / "n09_cow")
    elif how == "no val":
        (root / "imagenet" / "val").rename(root / "elsewhere")


DAMAGES = {"cut off": r"n02_cat/003\.JPEG cannot be read as an image", "words": r"003\.JPEG cannot be read as an image",
           "no pictures": "n02_cat must hold images", "a class too many": "n09_cow|n02_cat", "no val": r"val' is none"}  # fmt: skip


@pytest.mark.parametrize("how", DAMAGES)
def test_damaged_folders_are_named(how, tmp_path):
    damage(folders(tmp_path), how)
    with pytest.raises(InputError, match=DAMAGES[how]):
        full.application(tmp_path, validation=6)


def test_a_png_named_jpeg_and_grey_among_colours_follow_the_rules(tmp_path):
    place = folders(tmp_path) / "imagenet" / "train" / "n02_cat"
    Image.new("RGB", (40, 40), (200, 10, 60)).save(place / "000.JPEG", "PNG")
    Image.new("L", (40, 40), 90).save(place / "001.JPEG", "JPEG")
    held = full.application(tmp_path, validation=1, most=2).draw(0)
    pool = held.pool.inputs(torch.zeros(5, dtype=torch.int64), torch.arange(5))
    every = torch.cat([held.validation.x, pool]).amax((2, 3))
    wanted = [torch.tensor([200, 10, 60]) / 255, torch.tensor([90, 90, 90]) / 255]
    assert all((every - colour).abs().amax(-1).min() < 0.02 for colour in wanted)


# ---- the published run


def nets(classes=3):
    build = lambda: nn.Sequential(nn.Conv2d(3, 8, 3, 4, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
                                  nn.Linear(32, classes))  # fmt: skip
    return published.Nets(build, build)


def test_the_published_run_learns_on_small_folders(tmp_path):
    small = dict(size=16, batch=8, workers=0, device="cpu")
    found = published.run(folders(tmp_path, each=16), epochs=8, nets=nets(), **small)
    assert list(found) == list(published.PUBLISHED) and found[published.ALONE][0] > 60 and found[published.ALONE][1] == 100  # chance is 33
    told = published.table(found)
    assert [row["top-1, %"] for row in told] == [73.31, 69.76, 71.37] and told[1]["ours, top-1"] == found[published.ALONE][0]
    assert np.isnan(published.table()[0]["ours, top-1"])
    with pytest.raises(InputError, match="answers with 5 classes, but there are 3 folders"):
        published.run(tmp_path, epochs=1, nets=nets(5), **small)


def test_the_student_follows_its_teacher(tmp_path):
    """A teacher that names one class whatever it sees draws its student there; alone does not go there."""

    class Stubborn(nn.Module):
        def forward(self, x):
            return torch.tensor([20.0, 0, 0]).expand(len(x), 3)

    learn, read = published.loaders(folders(tmp_path) / "imagenet", 16, 8, 0)
    shares = []
    for teacher in (Stubborn(), None):
        torch.manual_seed(0)
        student = nets().student()
        published.trained(student, teacher, learn, 3, "cpu")
        with torch.no_grad():
            shares.append(torch.cat([student.eval()(x).softmax(-1)[:, 0] for x, _ in read]).mean().item())
    assert shares[0] > shares[1] + 0.2


def test_what_the_published_run_lacks_is_named(tmp_path):
    with pytest.raises(InputError, match=r"weights '.*nowhere.pth' are not there"):
        published.torchvisions(tmp_path / "nowhere.pth")
    root = folders(tmp_path)
    damage(root, "cut off")
    learn, _ = published.loaders(root / "imagenet", 16, 8, 0)
    with pytest.raises(InputError, match=r"003\.JPEG cannot be read as an image"):
        list(learn)
    damage(root, "a class too many")
    with pytest.raises(InputError, match="'n02_cat' is in one of them only"):
        published.loaders(root / "imagenet", 16, 8, 0)


# ---- records


@pytest.mark.parametrize("name", ["search", "arms", "costs", "classes", "vendors", "memory"])
def test_records_can_be_recorded(name):
    module = importlib.import_module(f"distill_helpers.course.lessons.imagenet.records_{name}")
    assert f"imagenet_{name}" == module.NAME and len({json.dumps(s, sort_keys=True) for s in module.SETTINGS}) == len(module.SETTINGS)
    assert callable(module.run) and "emoji.npz" in module.DATA
