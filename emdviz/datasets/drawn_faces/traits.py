"""From an age and a row of random numbers to the traits of one drawn face.

Lengths are in half-widths of the image: the image spans −1 to 1, x to the right and y down.
Colours are red, green, blue, 0 to 1.
"""

import numpy as np
import torch

RANDOM_NUMBERS = (
    "growth", "masculine", "skin", "skin_warmth", "hair_colour", "hair_shade", "eye_colour",
    "greying", "dyed", "wrinkling", "balding", "balding_onset", "hair_length", "hair_style",
    "hair_volume", "curl", "parting", "beard", "beard_shape", "glasses", "glasses_shape",
    "glasses_colour", "occlusion", "occlusion_place", "occlusion_colour", "clothes", "collar",
    "background", "background_shape", "background_place", "head_width", "jaw_width",
    "head_height", "eye_size", "eye_gap", "eye_level", "eye_openness", "brow", "brow_slope",
    "nose", "nose_level", "mouth_width", "mouth_level", "lips", "lip_colour", "smile", "blush",
    "ears", "freckles", "rotation", "turn", "nod", "shift_x", "shift_y", "scale", "light_x",
    "light_y", "light_strength", "brightness", "warmth", "blur", "noise", "sag", "teeth",
)  # fmt: skip
"""One uniform number each per face. New names go to the end: the order fixes every face."""

_KEY_AGES = (0, 2, 5, 10, 16, 25, 40, 55, 70, 85)
_BY_AGE = {
    "skull_width": (0.54, 0.54, 0.52, 0.49, 0.465, 0.46, 0.46, 0.46, 0.455, 0.45),
    "skull_height": (0.48, 0.48, 0.475, 0.465, 0.46, 0.46, 0.46, 0.46, 0.455, 0.45),
    "jaw_width": (0.505, 0.50, 0.47, 0.42, 0.375, 0.375, 0.385, 0.395, 0.405, 0.395),
    "chin": (0.52, 0.53, 0.56, 0.60, 0.64, 0.67, 0.68, 0.69, 0.70, 0.70),
    "eye_level": (0.18, 0.165, 0.125, 0.08, 0.045, 0.025, 0.015, 0.015, 0.015, 0.02),
    "eye_gap": (0.245, 0.24, 0.225, 0.21, 0.198, 0.192, 0.19, 0.188, 0.185, 0.18),
    "eye_size": (0.132, 0.130, 0.120, 0.106, 0.092, 0.082, 0.078, 0.073, 0.067, 0.062),
    "nose_level": (0.315, 0.315, 0.31, 0.30, 0.29, 0.29, 0.295, 0.30, 0.315, 0.33),
    "nose_width": (0.042, 0.045, 0.052, 0.060, 0.070, 0.080, 0.086, 0.093, 0.102, 0.110),
    "mouth_level": (0.405, 0.41, 0.42, 0.43, 0.435, 0.445, 0.455, 0.465, 0.48, 0.49),
    "mouth_width": (0.10, 0.11, 0.13, 0.15, 0.165, 0.18, 0.185, 0.185, 0.18, 0.17),
    "lips": (0.026, 0.027, 0.029, 0.033, 0.041, 0.041, 0.036, 0.030, 0.023, 0.017),
    "brow_gap": (0.185, 0.18, 0.17, 0.155, 0.14, 0.13, 0.125, 0.12, 0.115, 0.115),
    "brow_thickness": (0.014, 0.016, 0.020, 0.024, 0.030, 0.034, 0.034, 0.032, 0.030, 0.028),
    "brow_strength": (0.25, 0.40, 0.65, 0.85, 1.0, 1.0, 1.0, 0.95, 0.85, 0.8),
    "blush": (0.55, 0.55, 0.48, 0.38, 0.24, 0.16, 0.13, 0.12, 0.12, 0.12),
    "lid": (0.0, 0.02, 0.04, 0.08, 0.11, 0.13, 0.16, 0.21, 0.30, 0.38),
    "hairline": (-0.44, -0.38, -0.30, -0.27, -0.27, -0.28, -0.30, -0.31, -0.33, -0.35),
    "hair_cover": (0.35, 0.85, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.95, 0.85),
    "hair_thickness": (0.015, 0.035, 0.06, 0.075, 0.085, 0.085, 0.08, 0.072, 0.06, 0.05),
    "ears": (0.105, 0.11, 0.115, 0.115, 0.115, 0.115, 0.12, 0.127, 0.137, 0.145),
    "neck": (0.17, 0.17, 0.16, 0.16, 0.18, 0.20, 0.21, 0.21, 0.20, 0.19),
    "neck_length": (0.02, 0.03, 0.05, 0.08, 0.10, 0.10, 0.10, 0.09, 0.07, 0.05),
    "shoulders": (0.42, 0.44, 0.50, 0.58, 0.68, 0.74, 0.76, 0.76, 0.73, 0.70),
}

_SKIN = np.array(
    [
        [255, 226, 203], [250, 212, 182], [240, 194, 157], [226, 172, 130],
        [203, 146, 104], [170, 116, 80], [138, 92, 65], [110, 74, 55],
    ]
) / 255  # fmt: skip
_HAIR = np.array(
    [
        [44, 37, 43], [66, 45, 37], [92, 60, 40], [132, 88, 52], [176, 84, 42], [216, 172, 96],
        [236, 204, 138],
    ]
) / 255  # fmt: skip
_GREY, _WHITE = np.array([[168, 168, 172], [240, 238, 234]]) / 255
_EYES = np.array(
    [[52, 34, 26], [84, 54, 34], [110, 82, 46], [86, 110, 66], [70, 118, 158], [104, 132, 148]]
) / 255  # fmt: skip
_CLOTHES = np.array(
    [
        [214, 84, 72], [240, 150, 84], [244, 196, 92], [120, 170, 110], [62, 128, 128],
        [84, 140, 196], [62, 76, 122], [146, 108, 172], [224, 132, 156], [238, 234, 226],
        [92, 96, 104], [150, 70, 82],
    ]
) / 255  # fmt: skip
_BACKGROUNDS = np.array(
    [
        [250, 224, 196], [246, 206, 190], [242, 214, 224], [216, 208, 236], [198, 218, 242],
        [190, 228, 232], [200, 232, 212], [226, 236, 198], [250, 238, 196], [228, 228, 228],
        [150, 186, 196], [170, 160, 190], [206, 158, 138],
    ]
) / 255  # fmt: skip
_FRAMES = (
    np.array([[40, 38, 44], [112, 66, 40], [70, 84, 120], [150, 44, 50], [172, 140, 84]]) / 255
)


def face_traits(age, uniform):
    """Turn ages (N,) in years and numbers (N, 64) in [0, 1) into the traits of faces.

    Lengths, strengths and switches are float32 tensors of shape (N, 1, 1); colours (N, 3, 1, 1).
    """
    u = dict(zip(RANDOM_NUMBERS, uniform.T, strict=True))
    z = {name: _normal(values) for name, values in u.items()}

    def vary(name, deviation):
        return np.exp(deviation * z[name])

    # people of one age look of different ages: the image shows an age that differs a little
    apparent = np.maximum(age * vary("growth", 0.05), 0)
    t = {name: np.interp(apparent, _KEY_AGES, values) for name, values in _BY_AGE.items()}
    adult = _ramp(apparent, 11, 20)
    # a rule of the drawing, no claim about people: half of the faces may grow beards and go bald
    masculine = u["masculine"] < 0.5
    man = masculine * adult

    t["skull_width"] *= vary("head_width", 0.025)
    t["skull_height"] *= vary("head_height", 0.02)
    t["jaw_width"] *= vary("jaw_width", 0.035) * (1 + 0.05 * man - 0.04 * (adult - man))
    t["chin"] += 0.015 * z["head_height"] + 0.015 * man - 0.015 * (adult - man)
    t["eye_size"] *= vary("eye_size", 0.06) * (1 + 0.07 * (adult - man))
    t["eye_gap"] *= vary("eye_gap", 0.03)
    t["eye_level"] += 0.010 * z["eye_level"]
    t["nose_width"] *= vary("nose", 0.10) * (1 + 0.08 * man)
    t["nose_level"] += 0.012 * z["nose_level"]
    t["mouth_width"] *= vary("mouth_width", 0.08)
    t["mouth_level"] += 0.010 * z["mouth_level"]
    t["lips"] *= vary("lips", 0.15) * (1 + 0.25 * (adult - man) - 0.15 * man)
    t["brow_thickness"] *= vary("brow", 0.15) * (1 + 0.25 * man - 0.2 * (adult - man))
    t["brow_width"] = 0.09 + 0.035 * _ramp(apparent, 2, 16)
    t["brow_slope"] = 0.008 + 0.012 * z["brow_slope"]
    t["blush"] *= vary("blush", 0.25) * (1 + 0.3 * (adult - man))
    t["ears"] *= vary("ears", 0.08)
    t["shoulders"] *= 1 + 0.10 * man
    t["neck"] *= 1 + 0.12 * man
    t["smile"] = 0.035 + 0.022 * z["smile"]
    t["teeth"] = 1.0 * (u["teeth"] < 0.35) * (t["smile"] > 0.025) * (apparent > 3)

    # wrinkles come one kind after another, at an age that differs from person to person
    worn = apparent + 4 * z["wrinkling"]
    t["folds"] = 0.65 * _ramp(worn, 26, 68)
    t["bags"] = 0.55 * _ramp(worn, 30, 62)
    t["crow"] = 0.60 * _ramp(worn, 36, 66)
    t["forehead"] = 0.60 * _ramp(worn, 34, 64)
    t["sag"] = _ramp(worn, 44, 84) * (0.8 + 0.4 * u["sag"])
    t["lid"] = np.clip(t["lid"] + 0.08 * z["eye_openness"], 0.0, 0.6)
    t["spots"] = 0.5 * (u["freckles"] < 0.18) * (apparent > 4)
    t["lashes"] = adult - man

    _hair_traits(t, u, z, apparent, man, masculine)
    _colours(t, u, z, apparent, man)

    glasses = 0.04 + 0.10 * _ramp(apparent, 5, 16) + 0.40 * _ramp(apparent, 36, 66)
    t["glasses"] = 1.0 * (u["glasses"] < glasses) * (apparent > 3)
    t["glasses_round"] = u["glasses_shape"]
    t["hat"] = 1.0 * (u["occlusion"] < 0.05)
    t["tuft"] *= 1 - t["hat"]
    t["scarf"] = 1.0 * ((u["occlusion"] >= 0.05) & (u["occlusion"] < 0.10))
    t["leaf"] = 1.0 * ((u["occlusion"] >= 0.10) & (u["occlusion"] < 0.16))
    angle = 2 * np.pi * u["occlusion_place"]
    t["leaf_cos"], t["leaf_sin"] = np.cos(angle), np.sin(angle)

    t["rotation"] = np.clip(0.09 * z["rotation"], -0.25, 0.25)
    t["turn"] = np.clip(0.45 * z["turn"], -1, 1)
    t["nod"] = np.clip(0.015 * z["nod"], -0.04, 0.04)
    t["shift_x"] = np.clip(0.04 * z["shift_x"], -0.1, 0.1)
    t["shift_y"] = -0.01 + np.clip(0.03 * z["shift_y"], -0.08, 0.08)
    t["scale"] = np.clip(1.09 + 0.05 * z["scale"], 0.96, 1.22)
    t["light_x"], t["light_y"] = 2 * u["light_x"] - 1, 0.3 - 0.8 * u["light_y"]
    t["light_strength"] = 0.05 + 0.15 * u["light_strength"] ** 2
    t["blur"] = np.maximum(u["blur"] - 0.5, 0) * 1.2
    t["noise"] = 0.005 + 0.04 * u["noise"] ** 3
    t["backdrop"] = np.floor(4 * u["background_shape"])
    t["backdrop_x"] = 1.2 * u["background_place"] - 0.6
    t["collar"] = np.floor(3 * u["collar"]) / 2
    t["stripes"] = 1.0 * (3 * u["collar"] % 1 < 0.25)
    return {name: _tensor(values) for name, values in t.items()}


def _hair_traits(t, u, z, apparent, man, masculine):
    thick = t["hair_thickness"] * np.exp(0.25 * z["hair_volume"])
    long = np.where(masculine, u["hair_length"] > 0.93, u["hair_length"] > 0.35)
    long = long & (apparent > 2.5)
    # older women wear it shorter, more often than not
    long &= ~((apparent > 58) & (u["hair_length"] < 0.75))
    t["hair_long"] = 1.0 * long
    t["hair_fall"] = 0.05 + 0.08 * u["hair_volume"]
    t["hair_end"] = 0.40 + 0.75 * u["hair_volume"]
    bald = masculine * (u["balding"] < 0.7) + 0.15 * ~masculine
    onset = 38 + 10 * z["balding_onset"]
    recede = bald * np.clip((apparent - onset) / 26, 0, 1) * (apparent > 18)
    t["recede"] = recede
    t["hairline"] = t["hairline"] - 0.42 * recede + 0.02 * z["hair_style"]
    style = u["hair_style"]
    has_fringe = (style < 0.3) & (apparent > 2) & (recede < 0.25)
    t["hairline"] = np.where(has_fringe, t["eye_level"] - 0.20 + 0.03 * u["parting"], t["hairline"])
    t["fringe"] = 1.0 * has_fringe
    t["arch"] = np.where((style > 0.3) & (style < 0.5) & (apparent > 4), 0.6, 0.0) * (1 - recede)
    t["sweep"] = np.where(style > 0.5, 0.5 * (2 * u["parting"] - 1), 0.0) * (1 - recede)
    t["parting"] = 0.10 * (2 * u["parting"] - 1)
    curly = u["curl"] < 0.28
    t["curl"] = np.where(curly, 0.022, 0.0) * np.clip(apparent / 4, 0.3, 1)
    afro = curly & (u["skin"] > 0.55) & (recede < 0.3) & (apparent > 3)
    thick = np.where(afro, thick + 0.10 * u["hair_volume"] + 0.04, thick)
    t["hair_thickness"] = np.where(recede > 0.35, np.minimum(thick, 0.05), thick)
    t["hair_cover"] = t["hair_cover"] * (1 - 0.15 * recede)
    tied = long & ~afro & (u["curl"] > 0.75)
    t["pigtails"] = 1.0 * (tied & (apparent < 13))
    t["bun"] = 1.0 * (tied & (apparent >= 13))
    t["hair_long"] = np.where(tied, 0.0, t["hair_long"])
    t["tuft"] = 1.0 * ((apparent < 3.2) & (u["hair_length"] > 0.4))
    grown = masculine & (apparent > 17)
    t["beard"] = grown * np.where(u["beard"] < 0.3, 0.95, np.where(u["beard"] < 0.5, 0.22, 0.0))
    t["beard"] = t["beard"] * _ramp(apparent, 16, 24)
    t["moustache"] = 1.0 * grown * ((u["beard"] < 0.3) | (u["beard"] > 0.93))
    t["beard_top"] = 0.28 + 0.12 * u["beard_shape"]


def _colours(t, u, z, apparent, man):
    skin = _palette(_SKIN, u["skin"])
    skin = np.clip(skin + 0.012 * z["skin_warmth"][:, None] * np.array([1, 0, -1]), 0, 1)
    tired = 0.18 * _ramp(apparent, 45, 85)[:, None]
    skin = skin + tired * (skin.mean(1, keepdims=True) * np.array([1.03, 1.0, 0.96]) - skin)
    t["skin"] = skin
    t["ink"] = skin * np.array([0.56, 0.44, 0.42])
    t["skin_shade"] = skin * np.array([0.86, 0.78, 0.76])
    t["cheek"] = skin * 0.55 + 0.45 * np.array([0.95, 0.38, 0.36]) * (0.45 + 0.55 * skin)
    t["lip_colour"] = skin * 0.42 + 0.58 * np.array([0.80, 0.30, 0.30]) * (
        0.55 + 0.45 * skin.mean(1, keepdims=True)
    )
    # dark skin mostly goes with dark hair and eyes
    light = 1 - 0.85 * _ramp(u["skin"], 0.25, 0.65)
    natural = _palette(_HAIR, u["hair_colour"] * light)
    natural = natural * (1 + 0.08 * z["hair_shade"][:, None])
    young = (0.22 * light * (1 - _ramp(apparent, 1, 12)))[:, None]
    natural = np.clip(natural + young * (np.array([0.9, 0.75, 0.5]) - natural), 0, 1)
    onset = 50 + 7 * z["greying"]
    grey = np.where(u["dyed"] < 0.10, 0.15, 1.0) * _ramp(apparent, onset - 13, onset + 15)
    temples = np.where(u["dyed"] < 0.10, 0.15, 1.0) * _ramp(apparent, onset - 17, onset + 11)
    white = _ramp(apparent, 55, 85)[:, None]
    silver = _GREY + white * (_WHITE - _GREY)
    t["hair"] = natural + grey[:, None] * (silver - natural)
    t["hair_side"] = natural + temples[:, None] * (silver - natural)
    t["brow_colour"] = 0.75 * (natural + 0.8 * grey[:, None] * (silver - natural))
    t["iris"] = _palette(_EYES, u["eye_colour"] * light)
    t["clothes"] = _pick(_CLOTHES, u["clothes"])
    t["accent"] = _pick(_CLOTHES, u["occlusion_colour"])
    t["background"] = _pick(_BACKGROUNDS, u["background"])
    t["frame"] = _pick(_FRAMES, u["glasses_colour"])
    gain = 1 + 0.07 * z["brightness"][:, None] + 0.03 * z["warmth"][:, None] * np.array([1, 0, -1])
    t["gain"] = np.clip(gain, 0.75, 1.2)


def _ramp(x, start, end):
    """Rise smoothly from 0 at ``start`` to 1 at ``end``."""
    s = np.clip((x - start) / (end - start), 0, 1)
    return s * s * (3 - 2 * s)


def _normal(uniform):
    return torch.special.ndtri(torch.from_numpy(np.clip(uniform, 1e-3, 1 - 1e-3))).numpy()


def _palette(colours, place):
    """Mix neighbouring colours: ``place`` 0 is the first, 1 the last."""
    steps = np.arange(len(colours))
    return np.stack([np.interp(place * steps[-1], steps, channel) for channel in colours.T], axis=1)


def _pick(colours, place):
    return colours[(place * len(colours)).astype(int)]


def _tensor(values):
    return torch.from_numpy(np.asarray(values, dtype=np.float32))[..., None, None]
