"""Spoilt sets: what each corruption changes, what it leaves alone, and the ceiling that contradictions set."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_helpers.checks import InputError
from distill_helpers.data import ImageSet, corrupt

ALL = {
    "random labels": lambda s, seed: corrupt.random_labels(s, seed),
    "shuffled pixels": lambda s, seed: corrupt.shuffled_pixels(s, seed),
    "random pixels": lambda s, seed: corrupt.shuffled_pixels(s, seed, each=True),
    "Gaussian": lambda s, seed: corrupt.gaussian_images(s, seed),
    "label noise": lambda s, seed: corrupt.label_noise(s, 0.5, seed),
    "contradictory": lambda s, seed: corrupt.contradictory(s, 2, 0.5, seed),
}


def made(n=60, size=6, classes=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(1, 256, (n, 2, size, size), generator=generator).to(torch.uint8)
    return ImageSet(pixels, torch.arange(n) % classes, classes, "made")


@pytest.mark.parametrize("spoil", ALL.values(), ids=ALL)
def test_the_seed_alone_decides_and_the_original_stays(spoil):
    data, untouched = made(), made()
    first = spoil(data, 1)
    torch.manual_seed(99)
    again, other = spoil(data, 1), spoil(data, 2)
    assert torch.equal(first.images, again.images) and torch.equal(first.labels, again.labels)
    assert not (torch.equal(first.images, other.images) and torch.equal(first.labels, other.labels))
    assert torch.equal(data.images, untouched.images) and torch.equal(data.labels, untouched.labels)
    assert first.images.dtype == torch.uint8 and first.classes == 5 and first.name != "made"
    with pytest.raises(InputError, match="seed must be"):
        spoil(data, -1)


def test_random_labels_are_uniform_and_know_nothing_of_the_old_ones():
    data = made(20_000, 1)
    drawn = corrupt.random_labels(data)
    table = torch.bincount(data.labels * 5 + drawn.labels).view(5, 5) / 4000
    assert (table - 0.2).abs().max() < 0.03 and torch.equal(drawn.images, data.images)
    assert corrupt.random_labels(data.without_labels()).labels is not None


def test_one_order_of_pixels_for_all_or_one_for_each():
    data = made()
    one, each = corrupt.shuffled_pixels(data, 3), corrupt.shuffled_pixels(data, 3, each=True)
    for moved in (one, each):
        assert torch.equal(moved.images.flatten(2).sort(2).values, data.images.flatten(2).sort(2).values)
        assert torch.equal(moved.labels, data.labels)
        # channels move together: pairs of values stay pairs
        pairs = [(s.images[:, 0].long() * 256 + s.images[:, 1].long()).flatten(1).sort(1).values for s in (moved, data)]
        assert torch.equal(*pairs)
    twins = data.subset([0] * 8)
    assert len(corrupt.shuffled_pixels(twins).images.unique(dim=0)) == 1
    assert len(corrupt.shuffled_pixels(twins, each=True).images.unique(dim=0)) == 8
    # a test set gets the order of its training set
    assert torch.equal(corrupt.shuffled_pixels(data.subset([4, 2]), 3).images, one.images[[4, 2]])


def test_gaussian_images_match_mean_and_deviation_and_forget_the_image():
    pixels = torch.randint(98, 159, (200, 1, 10, 10), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    data = ImageSet(pixels, torch.zeros(200, dtype=torch.int64), 2, "grey")
    noise = corrupt.gaussian_images(data).images.double()
    assert abs(noise.mean() - 128) < 1 and abs(noise.std() - pixels.double().std()) < 1
    assert torch.corrcoef(torch.stack([noise.flatten(), pixels.double().flatten()]))[0, 1].abs() < 0.03
    shares = [(noise - 128).abs().lt(k * pixels.double().std()).double().mean().item() for k in (1, 2)]
    assert shares == pytest.approx([0.683, 0.954], abs=0.02)


@given(n=st.integers(1, 200), rate=st.floats(0, 1), classes=st.integers(2, 6), seed=st.integers(0, 30))
@settings(max_examples=60, deadline=None)
def test_label_noise_spoils_exactly_its_share_and_never_keeps_the_class(n, rate, classes, seed):
    data = made(n, 1, classes)
    noisy = corrupt.label_noise(data, rate, seed)
    assert int((noisy.labels != data.labels).sum()) == round(rate * n)
    assert torch.equal(noisy.images, data.images) and noisy.labels.dtype == torch.int64


def test_label_noise_is_uniform_over_the_other_classes_and_grows():
    data = made(20_000, 1)
    offsets = (corrupt.label_noise(data, 1.0).labels - data.labels) % 5
    assert offsets.bincount(minlength=5)[0] == 0
    assert (offsets.bincount(minlength=5)[1:] / 20_000 - 0.25).abs().max() < 0.015
    little, much = corrupt.label_noise(data, 0.2, 4), corrupt.label_noise(data, 0.5, 4)
    changed = little.labels != data.labels
    assert torch.equal(little.labels[changed], much.labels[changed])


def test_the_ceiling_is_counted_by_hand():
    images = torch.tensor([7, 7, 7, 9, 9, 3]).view(6, 1, 1, 1).to(torch.uint8)
    data = ImageSet(images, torch.tensor([0, 0, 2, 1, 2, 2]), 3, "hand")
    assert corrupt.accuracy_ceiling(data) == (2 + 1 + 1) / 6  # of three 7s two agree, of two 9s one, the 3 stands alone
    which = torch.tensor([1, 1, 1, 2, 2, 0])
    assert corrupt.votes(which, data.labels, 3).tolist() == [[0, 0, 1], [2, 0, 1], [0, 1, 1]]


@given(n=st.integers(1, 25), copies=st.integers(1, 4), rate=st.floats(0, 1), seed=st.integers(0, 30))
@settings(max_examples=40, deadline=None)
def test_no_function_of_the_input_beats_the_ceiling_and_one_meets_it(n, copies, rate, seed):
    data = corrupt.contradictory(made(n, 3), copies, rate, seed)
    assert len(data) == copies * n and torch.equal(data.images[:n], made(n, 3).images)
    answers = {}
    for image, label in zip(data.images, data.labels.tolist(), strict=True):
        answers.setdefault(image.numpy().tobytes(), []).append(label)
    best = sum(max(map(given.count, given)) for given in answers.values()) / len(data)
    assert corrupt.accuracy_ceiling(data) == pytest.approx(best)
    assert (corrupt.accuracy_ceiling(data) == 1) == all(len(set(given)) == 1 for given in answers.values())


def test_distinct_inputs_have_no_ceiling():
    assert corrupt.accuracy_ceiling(corrupt.random_labels(made())) == 1


def test_bad_input_is_said():
    data = made()
    for rate in (-0.1, 1.5, float("nan"), "half"):
        with pytest.raises(InputError, match="rate must be"):
            corrupt.label_noise(data, rate)
    with pytest.raises(InputError, match="copies must be"):
        corrupt.contradictory(data, 0)
    for needs in (lambda s: corrupt.label_noise(s, 0.1), corrupt.accuracy_ceiling, corrupt.contradictory):
        with pytest.raises(InputError, match="image_set must carry labels, but made has none"):
            needs(data.without_labels())
    with pytest.raises(InputError, match="at least 2 classes"):
        corrupt.label_noise(ImageSet(data.images, torch.zeros(60, dtype=torch.int64), 1, "one"), 0.1)
    with pytest.raises(InputError, match=r"labels must be from 0 to 1, but labels from 0 to 4"):
        corrupt.votes(torch.arange(60), data.labels, 2)
