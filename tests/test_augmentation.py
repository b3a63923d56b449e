"""Augmentation against torchvision's transforms of one image and loops over definitions."""

import pytest
import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from emdviz.training.augmentation import AUGMENTATIONS, NUMBERS, Augmentation

MIDDLE = 0.5  # the number that changes nothing


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    small = torch.rand(5, 3, 6, 6, generator=generator) * 2 - 1
    smooth = torch.nn.functional.interpolate(small, (40, 40), mode="bicubic", antialias=True)
    return smooth.clamp(-1, 1)


def numbers(count, **chosen):
    values = torch.full((count, NUMBERS), MIDDLE)
    for column, value in chosen.items():
        values[:, int(column[1:])] = value
    return values


def inner(images, border=8):
    return images[:, :, border:-border, border:-border]


def test_no_augmentation_changes_nothing(images):
    chance = torch.rand(5, NUMBERS)
    assert torch.equal(AUGMENTATIONS["none"](images, chance), images)


def test_each_image_is_mirrored_by_its_own_number(images):
    chance = numbers(5)
    chance[:, 0] = torch.tensor([0.1, 0.9, 0.4, 0.6, 0.49])
    got = AUGMENTATIONS["flip"](images, chance)
    for i, mirrored in enumerate([True, False, True, False, True]):
        assert torch.equal(got[i], images[i].flip(2) if mirrored else images[i])


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_rotation_is_that_of_torchvision(images, share):
    got = Augmentation(rotation=20.0)(images, numbers(5, n3=share))
    angle = 20.0 * (2 * share - 1)
    expected = tv.rotate(images, angle, interpolation=InterpolationMode.BILINEAR)
    torch.testing.assert_close(inner(got), inner(expected), atol=1e-4, rtol=0)


def test_a_crop_is_cut_and_enlarged(images):
    # 40 px, a fifth cut off, as far right and up as it goes: columns 8 to 40, rows 0 to 32
    got = Augmentation(crop=0.2)(images, numbers(5, n1=1.0, n4=1.0, n5=0.0))
    expected = tv.resized_crop(images, top=0, left=8, height=32, width=32, size=[40, 40])
    torch.testing.assert_close(inner(got, 2), inner(expected, 2), atol=1e-4, rtol=0)


def test_what_was_turned_is_then_mirrored(images):
    both = Augmentation(flip=1.0, rotation=20.0)(images, numbers(5, n3=0.8))
    turned = Augmentation(rotation=20.0)(images, numbers(5, n3=0.8))
    torch.testing.assert_close(inner(both), inner(turned.flip(3)), atol=1e-4, rtol=0)


def test_aspect_keeps_the_area():
    # a bright square in the middle of a dark image changes its shape and not its area
    image = torch.full((1, 3, 80, 80), -1.0)
    image[:, :, 30:50, 30:50] = 1.0
    wide = Augmentation(aspect=0.4)(image, numbers(1, n2=0.0))
    bright = wide[0, 0] > 0
    rows, columns = bright.any(1).sum().item(), bright.any(0).sum().item()
    assert columns > 22
    assert rows < 18
    assert bright.sum().item() == pytest.approx(400, rel=0.06)


def test_colours_follow_their_definitions(images):
    bright = Augmentation(colour=0.2)(images, numbers(5, n6=1.0))
    middle = images.mean(dim=(1, 2, 3), keepdim=True)
    torch.testing.assert_close(bright, (images + 0.2 * (middle + 1)).clamp(-1, 1))
    grey = images.mean(dim=1, keepdim=True)
    vivid = Augmentation(colour=0.2)(images, numbers(5, n8=1.0))
    torch.testing.assert_close(vivid, (grey + 1.2 * (images - grey)).clamp(-1, 1))
    flat = Augmentation(colour=0.2)(images, numbers(5, n7=0.0))
    torch.testing.assert_close(flat, (middle + 0.8 * (images - middle)).clamp(-1, 1))


WIDE = torch.rand(6, 3, 40, 52, generator=torch.Generator().manual_seed(2)) * 2 - 1


@pytest.mark.parametrize("name", ["none", "flip"])
def test_a_window_is_cut_anywhere(name):
    chance = torch.rand(6, NUMBERS, generator=torch.Generator().manual_seed(3))
    chance[0, 4:6], chance[1, 4:6] = 0.0, 1.0  # the corners
    got = AUGMENTATIONS[name](WIDE, chance, 32)
    for i in range(6):
        left = min(int(chance[i, 4] * 21), 20)
        top = min(int(chance[i, 5] * 9), 8)
        expected = WIDE[i, :, top : top + 32, left : left + 32]
        mirrored = name == "flip" and chance[i, 0] < 0.5
        assert torch.equal(got[i], expected.flip(2) if mirrored else expected)


def test_every_place_of_a_window_is_as_likely():
    chance = torch.zeros(1000, NUMBERS)
    chance[:, 4] = torch.linspace(0, 1, 1000)
    image = torch.arange(7.0).expand(1000, 3, 4, 7)
    places = AUGMENTATIONS["none"](image, chance, 4)[:, 0, 0, 0]
    assert [(places == left).sum().item() for left in range(4)] == [250] * 4


def test_a_window_takes_the_place_of_the_share_that_is_cut():
    # nothing is enlarged: whole pixels, 12 of 20 px from the left edge and 2 of 8 from the top
    chance = numbers(6, n1=1.0, n4=12 / 20, n5=2 / 8)
    got = Augmentation(crop=0.5, aspect=1e-9)(WIDE, chance, 32)
    torch.testing.assert_close(got, WIDE[:, :, 2:34, 12:44], atol=1e-4, rtol=0)


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_a_window_is_cut_from_what_was_turned(images, flip):
    wide = torch.nn.functional.pad(images, (7, 5, 0, 0), mode="reflect")
    got = Augmentation(flip=flip, rotation=20.0)(wide, numbers(5, n3=1.0), 24)
    turned = tv.rotate(wide, 20.0, interpolation=InterpolationMode.BILINEAR)
    expected = tv.center_crop(turned, [24, 24])
    expected = expected.flip(3) if flip else expected
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=0)


def test_a_window_larger_than_the_images():
    for augment in AUGMENTATIONS.values():
        with pytest.raises(ValueError, match=r"crop must be at most .* \(40, 52\), got 41; load"):
            augment(WIDE, numbers(6), 41)


@pytest.mark.parametrize("shape", [(4, 3, 48, 48), (2, 3, 40, 64)])
def test_the_papers_list_stays_in_range(shape):
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(shape, generator=generator) * 2 - 1
    changed = AUGMENTATIONS["paper"](images, torch.rand(shape[0], NUMBERS, generator=generator))
    assert changed.shape == images.shape
    assert changed.isfinite().all()
    assert changed.min() >= -1
    assert changed.max() <= 1
    assert (changed - images).abs().mean() > 0.05
