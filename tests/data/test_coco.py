"""Data sets in COCO's format: what is read, what is dropped, and what is said about damaged files."""

import json

import pytest
import torch
from rectangles import NAMES, rectangles, rectangles_pool, write_coco
from torchvision.datasets import CocoDetection
from torchvision.transforms.functional import pil_to_tensor

from distill_helpers.boxes import unpadded
from distill_helpers.checks import InputError
from distill_helpers.data.coco import boxes_pool, load_coco
from distill_helpers.measure.detection import Found, average_precision, coco_results

COUNT = 5


def annotations_of(boxes, labels):
    rows = [(image, *row) for image, pair in enumerate(unpadded(boxes, labels), 1) for row in zip(*(t.tolist() for t in pair), strict=True)]
    return [{"id": n, "image_id": i, "category_id": 10 * (k + 1), "bbox": [b[0], b[1], b[2] - b[0], b[3] - b[1]], "iscrowd": 0}
            for n, (i, b, k) in enumerate(rows, 1)]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """Five images of 64 by 48 pixels with their boxes on disk, and one without objects."""
    images, boxes, labels = rectangles(COUNT, seed=3)
    boxes[2], labels[2] = 0, -1
    kept = boxes.clone()
    kept[..., 3] = kept[..., 3].clamp(max=48)
    labels[boxes[..., 1] >= 47] = -1
    write_coco(tmp_path, images[:, :, :48], annotations_of(kept, labels))
    return tmp_path


def changed(folder, change):
    """The file after ``change(its content)``."""
    path = folder / "annotations.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


def read(folder, size=64, **settings):
    return load_coco(folder, folder / "annotations.json", size, **settings)


def test_it_reads_what_torchvision_reads(folder):
    found, reference = read(folder), CocoDetection(str(folder), str(folder / "annotations.json"))
    assert len(found) == len(reference) == COUNT and found.names == NAMES and found.category_ids == (10, 20, 30)
    assert found.images.shape == (COUNT, 3, 64, 64) and found.images[:, :, 48:].eq(0).all() and found.scale.eq(1).all()
    for row, (picture, its) in enumerate(reference):
        assert torch.equal(found.images[row, :, :48], pil_to_tensor(picture))
        real = found.labels[row] >= 0
        wanted = [[a["bbox"][0], a["bbox"][1], a["bbox"][0] + a["bbox"][2], a["bbox"][1] + a["bbox"][3]] for a in its]
        assert found.boxes[row, real].tolist() == wanted
        assert [found.category_ids[k] for k in found.labels[row, real]] == [a["category_id"] for a in its]
    assert found.counts == {"clipped": 0, "dropped": 0, "crowds": 0, "without objects": 1}


def test_boxes_move_with_the_image(folder):
    found = read(folder, size=32)
    plain = read(folder)
    assert found.images.shape == (COUNT, 3, 32, 32) and found.images[:, :, 24:].eq(0).all() and found.images[:, :, :24].float().mean() > 50
    assert torch.allclose(found.scale, torch.tensor(0.5)) and torch.allclose(found.boxes, plain.boxes / 2)
    # what is found in the small images is judged in the pixels of the files
    answers = [Found(b, torch.ones(len(b)), k) for b, k in unpadded(found.boxes, found.labels)]
    results = coco_results(answers, found.image_ids, found.category_ids, found.scale)
    assert average_precision(results, found.truth).ap == 1
    assert average_precision(coco_results(answers, found.image_ids, found.category_ids), found.truth).ap < 0.3


def test_the_pool_carries_padded_boxes(folder):
    found = read(folder, most=3)
    pool = found.pool
    assert len(pool) == 3 and pool.classes == 3 and pool.views == 1 and pool.labels.keys() == {"boxes", "labels"}
    assert pool.labels["labels"][2].eq(-1).all() and torch.equal(pool.labels["boxes"], found.boxes)
    part = pool.subset([2, 0])
    assert torch.equal(part.labels["boxes"][1], found.boxes[0])
    assert found.counts["without objects"] == 1 and len(found.truth["images"]) == 3


def test_boxes_over_the_border_are_clipped_and_boxes_without_area_dropped(folder):
    def spoil(content):
        content["annotations"] = [
            {"id": 1, "image_id": 1, "category_id": 10, "bbox": [-5, 40, 15, 30]},
            {"id": 2, "image_id": 1, "category_id": 20, "bbox": [70, 0, 5, 5]},
            {"id": 3, "image_id": 2, "category_id": 20, "bbox": [5, 5, 0, 9]},
            {"id": 4, "image_id": 2, "category_id": 20, "bbox": [5, 5, 4, -9]},
        ]

    changed(folder, spoil)
    found = read(folder)
    assert found.boxes[0].tolist() == [[0, 40, 10, 48]] and found.labels.flatten().tolist() == [0, -1, -1, -1, -1]
    assert found.counts == {"clipped": 1, "dropped": 3, "crowds": 0, "without objects": 4}
    (kept,) = found.truth["annotations"]
    assert kept["bbox"] == [0, 40, 10, 8] and kept["area"] == 80


def test_crowds_are_no_labels_and_stay_in_the_truth(folder):
    def spoil(content):
        content["annotations"] = [{"id": 1, "image_id": 1, "category_id": 10, "bbox": [0, 0, 64, 48], "iscrowd": 1, "area": 900}]

    changed(folder, spoil)
    found = read(folder)
    assert found.labels.eq(-1).all() and found.counts["crowds"] == 1 and found.counts["without objects"] == COUNT
    assert [(a["iscrowd"], a["area"]) for a in found.truth["annotations"]] == [(1, 900)]


def drop(key, place, field):
    return lambda content: content[key][place].pop(field)


def put(key, place, field, value):
    return lambda content: content[key][place].update({field: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("categories"), "must hold lists named images, annotations and categories, but categories is missing"),
        (lambda c: c.update(images={}), "but images is missing"),
        (lambda c: c.update(images=[]), "images must hold at least one example"),
        (lambda c: c.update(categories=[], annotations=[]), "categories must hold at least one example"),
        (drop("images", 1, "file_name"), "entry 1 of images must have id, file_name, width, height, but file_name is missing"),
        (drop("annotations", 0, "bbox"), "entry 0 of annotations must have .* but bbox is missing"),
        (put("images", 1, "id", 1), "ids of images must differ from each other, but 1 comes twice"),
        (put("annotations", 1, "id", 1), "ids of annotations must differ from each other, but 1 comes twice"),
        (put("categories", 1, "id", 10), "ids of categories must differ from each other, but 10 comes twice"),
        (put("images", 0, "id", "a"), "id of entry 0 of images must be a whole number, but 'a'"),
        (put("images", 0, "width", 0), "width of image 1 must be a whole number of at least 1, but 0"),
        (put("annotations", 0, "category_id", 99), "annotation 1 has category_id 99, which is none of the file's categories"),
        (put("annotations", 0, "image_id", 99), "annotation 1 belongs to image 99, which the file does not have"),
        (put("annotations", 0, "bbox", [1, 2, 3]), r"bbox of annotation 1 must be four finite numbers .* but \[1, 2, 3\]"),
        (put("annotations", 0, "bbox", [1, 2, 3, "4"]), "bbox of annotation 1 must be four finite numbers"),
        (put("annotations", 0, "bbox", [1, 2, 3, float("nan")]), "bbox of annotation 1 must be four finite numbers"),
    ],
)
def test_damaged_entries_are_named(folder, change, message):
    path = changed(folder, change)
    with pytest.raises(InputError, match=message) as caught:
        read(folder)
    assert str(path) in str(caught.value)


def test_damaged_files_are_named(folder):
    path = folder / "annotations.json"
    text = path.read_text()
    path.write_text(text[:-20])
    with pytest.raises(InputError, match=r"annotations.json cannot be read: .*line 1"):
        read(folder)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="annotations.json cannot be read"):
        read(folder)
    path.write_text("[1]")
    with pytest.raises(InputError, match="must hold lists named"):
        read(folder)
    with pytest.raises(InputError, match="elsewhere.json is not there"):
        load_coco(folder, folder / "elsewhere.json")
    path.write_text(text)
    image = folder / "000002.png"
    whole = image.read_bytes()
    for bytes_ in (b"no image", whole[: len(whole) // 2]):
        image.write_bytes(bytes_)
        with pytest.raises(InputError, match=r"000002.png \(image 2 of annotations.json\) cannot be read as an image"):
            read(folder)
    image.unlink()
    with pytest.raises(InputError, match=r"000002.png \(image 2\) is not there"):
        read(folder)
    (folder / "000001.png").rename(image)
    changed(folder, put("images", 1, "height", 47))
    changed(folder, lambda c: c["images"].pop(0) and c.update(annotations=[]))
    with pytest.raises(InputError, match="000002.png is 64 by 48 pixels, but annotations.json says 64 by 47"):
        read(folder)


def test_grey_images_have_three_channels(folder):
    from PIL import Image

    Image.open(folder / "000001.png").convert("L").save(folder / "000001.png")
    image = read(folder).images[0]
    assert torch.equal(image[0], image[1]) and torch.equal(image[0], image[2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(labels=torch.full((2, 3), 5)), r"\['labels'\] must be below 3"),
        (dict(boxes=torch.tensor([0.0, 0, 65, 9]).expand(2, 3, 4), labels=torch.full((2, 3), 1)), "boxes must lie within 64 by 64 pixels"),
        (dict(images=torch.rand(2, 3, 64, 64)), "images must be uint8"),
        (dict(labelled=torch.ones(2)), r"\['labelled'\] must be bool"),
        (dict(classes=0), "classes must be at least 1"),
    ],
)
def test_bad_pools_are_named(change, message):
    images, boxes, labels = rectangles(2)
    given = {"images": images, "boxes": boxes, "labels": labels, "classes": 3}
    assert len(boxes_pool(**given)) == len(rectangles_pool(2)) == 2
    with pytest.raises(InputError, match=message):
        boxes_pool(**{**given, **change})
