"""Random changes of training images, drawn anew for every image and done on the whole batch."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from emdviz.reading import check_is, read_count

NUMBERS = 9
"""Random numbers that an image takes."""


@dataclass(frozen=True)
class Augmentation:
    """How far images are changed at random; 0 leaves them as they are.

    The geometry of an image (crop, rotation, aspect, mirroring) is one affine map, so that it is
    resampled once. torchvision's transforms would draw once for a whole batch.
    """

    flip: float = 0.0  # probability of mirroring
    crop: float = 0.0  # the largest share of the height and width that is cut off
    rotation: float = 0.0  # the largest angle, in degrees
    aspect: float = 0.0  # the largest relative change of width to height
    colour: float = 0.0  # the same of brightness, of contrast and of saturation

    def __call__(self, images, numbers, window=None):
        """Change images (B, 3, H, W), from −1 to 1, as ``numbers`` (B, NUMBERS), 0 to 1, decide.

        ``window`` is the height and width, in px, of what is cut out in place of ``crop``.
        """
        shape = _shape(images, window)
        if self.rotation or self.aspect or (self.crop and window is None):
            maps = self._maps(images, numbers, shape, self.crop if window is None else 0)
            grid = F.affine_grid(maps, (*images.shape[:2], *shape), align_corners=False)
            images = _sample(images, grid)
        else:
            if window is not None:
                images = _cut(images, numbers[:, 4:6], window)
            if self.flip:
                mirrored = numbers[:, 0] < self.flip
                images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        return self._recolour(images, numbers) if self.colour else images

    def _maps(self, images, numbers, shape, crop):
        """Return where each corner of the new image lies in the old one, shape (B, 2, 3)."""
        signed = 2 * numbers - 1
        sign = torch.where(numbers[:, 0] < self.flip, -1.0, 1.0)
        size = 1 - crop * numbers[:, 1]
        stretch = torch.exp(0.5 * self.aspect * signed[:, 2])
        angle = torch.deg2rad(self.rotation * signed[:, 3])
        cos, sin = torch.cos(angle), torch.sin(angle)
        wide, high = size * stretch, size / stretch
        # in pixels a turn keeps distances, in the units of the grids only where all sides agree
        (height, width), (rows, columns) = images.shape[2:], shape
        across, down = columns / width, rows / height
        maps = [
            [sign * wide * cos * across, -high * sin / (width / rows)],
            [sign * wide * sin * (columns / height), high * cos * down],
        ]
        maps[0].append((1 - size * across) * signed[:, 4])
        maps[1].append((1 - size * down) * signed[:, 5])
        return torch.stack([torch.stack(row, dim=1) for row in maps], dim=1)

    def _recolour(self, images, numbers):
        changes = self.colour * (2 * numbers[:, 6:9, None, None, None] - 1)
        brighter, contrast, saturation = changes[:, 0], 1 + changes[:, 1], 1 + changes[:, 2]
        grey = images.mean(dim=1, keepdim=True)
        middle = grey.mean(dim=(2, 3), keepdim=True)
        images = torch.lerp(grey, images, saturation)
        images = torch.lerp(middle, images, contrast) + brighter * (middle + 1)
        return images.clamp_(-1, 1)


def centre_crop(images, window=None):
    """Return the window of as many px in the middle of images; None returns inputs as they are.

    Examples
    --------
    >>> centre_crop(torch.arange(16).reshape(1, 1, 4, 4), 2).tolist()
    [[[[5, 6], [9, 10]]]]
    """
    if window is None:
        return images
    rows, columns = _shape(images, window)
    top, left = (images.shape[2] - rows) // 2, (images.shape[3] - columns) // 2
    return images[:, :, top : top + rows, left : left + columns]


def shape_of_window(shape, window=None):
    """Return the shape that an input of a shape has after :func:`centre_crop`.

    Examples
    --------
    >>> shape_of_window((3, 64, 64), 56), shape_of_window((5,))
    ((3, 56, 56), (5,))
    """
    return tuple(shape) if window is None else (*shape[:-2], window, window)


def _sample(images, grid):
    """Resample images; beyond their edge lies its colour, which not every device can do itself."""
    edge = 1 - 1 / grid.new_tensor([images.shape[3], images.shape[2]])
    return F.grid_sample(images, grid.clamp(-edge, edge), align_corners=False)


def _shape(images, window):
    """Return the height and width of images after they were cut."""
    check_is(images, "images", torch.Tensor, "a tensor of shape (B, 3, H, W)")
    if images.ndim != 4:
        raise ValueError(f"images must have shape (B, 3, H, W), got {tuple(images.shape)}")
    shape = tuple(images.shape[2:])
    if window is None:
        return shape
    window = read_count(window, "crop", 1)
    if window > min(shape):
        raise ValueError(
            f"crop must be at most the height and width of the images, {shape}, got {window}; "
            "load the data set with a larger size, or choose a smaller crop"
        )
    return window, window


def _cut(images, numbers, window):
    """Cut out windows; ``numbers``, shape (B, 2), say how far right and down."""
    room = numbers.new_tensor([images.shape[3] - window, images.shape[2] - window])
    corner = torch.minimum((numbers * (room + 1)).floor(), room).long()
    place = corner[:, :, None] + torch.arange(window, device=images.device)
    columns, rows = place[:, 0, None, :], place[:, 1, :, None]
    image = torch.arange(len(images), device=images.device)[:, None, None]
    return images[image, :, rows, columns].permute(0, 3, 1, 2)


AUGMENTATIONS = {
    "none": Augmentation(),
    "flip": Augmentation(flip=0.5),
    "paper": Augmentation(flip=0.5, crop=0.1, rotation=10.0, aspect=0.1, colour=0.2),
}
"""Augmentations by name; the paper's list is crop, flip, rotation, colour and aspect, for which
it prints no amounts."""
