"""Random changes of training images, drawn anew for every image and done on the whole batch."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

NUMBERS = 9
"""Random numbers that an image takes."""


@dataclass(frozen=True)
class Augmentation:
    """How far images are changed at random; 0 leaves them as they are.

    The geometry of an image (crop, rotation, aspect, mirroring) is one affine map, so that it is
    resampled once. torchvision's transforms would draw once for a whole batch.

    Attributes
    ----------
    flip : float
        Probability of mirroring.
    crop : float
        The largest share of the height and width that is cut off.
    rotation : float
        The largest angle, in degrees.
    aspect : float
        The largest relative change of width to height.
    colour : float
        The largest relative change of brightness, of contrast and of saturation.
    """

    flip: float = 0.0
    crop: float = 0.0
    rotation: float = 0.0
    aspect: float = 0.0
    colour: float = 0.0

    def __call__(self, images, numbers):
        """Change a batch.

        Parameters
        ----------
        images : float tensor, shape (B, 3, H, W), from −1 to 1
        numbers : float tensor, shape (B, NUMBERS), from 0 to 1
            What chance decides, for each image.

        Returns
        -------
        float tensor, shape (B, 3, H, W), from −1 to 1
        """
        if self.crop or self.rotation or self.aspect:
            grid = F.affine_grid(self._maps(images, numbers), images.shape, align_corners=False)
            images = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
        elif self.flip:
            mirrored = numbers[:, 0] < self.flip
            images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        return self._recolour(images, numbers) if self.colour else images

    def _maps(self, images, numbers):
        """Return where each corner of the new image lies in the old one, shape (B, 2, 3)."""
        signed = 2 * numbers - 1
        sign = torch.where(numbers[:, 0] < self.flip, -1.0, 1.0)
        size = 1 - self.crop * numbers[:, 1]
        stretch = torch.exp(0.5 * self.aspect * signed[:, 2])
        angle = torch.deg2rad(self.rotation * signed[:, 3])
        # in pixels a turn keeps distances, in the units of the grid only where H = W
        shape = images.shape[3] / images.shape[2]
        cos, sin = torch.cos(angle), torch.sin(angle)
        wide, high = size * stretch, size / stretch
        rows = [
            [sign * wide * cos, -high * sin / shape, (1 - size) * signed[:, 4]],
            [sign * wide * sin * shape, high * cos, (1 - size) * signed[:, 5]],
        ]
        return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)

    def _recolour(self, images, numbers):
        changes = self.colour * (2 * numbers[:, 6:9, None, None, None] - 1)
        brighter, contrast, saturation = changes[:, 0], 1 + changes[:, 1], 1 + changes[:, 2]
        grey = images.mean(dim=1, keepdim=True)
        middle = grey.mean(dim=(2, 3), keepdim=True)
        images = torch.lerp(grey, images, saturation)
        images = torch.lerp(middle, images, contrast) + brighter * (middle + 1)
        return images.clamp_(-1, 1)


AUGMENTATIONS = {
    "none": Augmentation(),
    "flip": Augmentation(flip=0.5),
    "paper": Augmentation(flip=0.5, crop=0.1, rotation=10.0, aspect=0.1, colour=0.2),
}
"""Augmentations by name; the paper's list is crop, flip, rotation, colour and aspect, for which
it prints no amounts."""
