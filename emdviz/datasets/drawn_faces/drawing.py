"""Draw many faces at once: flat shapes with soft edges, painted back to front.

Every shape is a signed distance in half-widths of the image (negative inside), evaluated at all
pixels of a block of faces; its coverage is that distance cut to one pixel around zero.
"""

import torch


class _Canvas:
    """A block of images that are being drawn, with the coordinates of their pixels."""

    def __init__(self, t, size):
        n = len(t["rotation"])
        line = (torch.arange(size, dtype=torch.float32) + 0.5) * (2 / size) - 1
        self.y, self.x = line[:, None].expand(size, size), line[None, :].expand(size, size)
        x, y = self.x - t["shift_x"], self.y - t["shift_y"]
        cos, sin = torch.cos(t["rotation"]) / t["scale"], torch.sin(t["rotation"]) / t["scale"]
        # head coordinates: upright, centred, of standard size
        self.u, self.v = x * cos + y * sin, y * cos - x * sin
        self.pixel = 2 / size / t["scale"]
        self.per_pixel = -1 / self.pixel
        self.rgb = torch.empty(n, 3, size, size)

    def cover(self, distance):
        return (distance * self.per_pixel).add_(0.5).clamp_(0, 1)

    def paint(self, colour, mask):
        self.rgb.lerp_(colour, mask[:, None])


def draw_faces(t, size):
    """Return faces (B, 3, size, size), about 0 to 1, drawn from what ``face_traits`` returns."""
    c = _Canvas(t, size)
    _backdrop(c, t)
    # features sit on a round head: turning it moves them aside and squeezes the far half
    face_u = c.u - 0.10 * t["turn"]
    face_u = face_u + 0.35 * t["turn"] * face_u * face_u.abs()
    face_v = c.v - t["nod"]
    side = face_u.abs()  # both halves of a face are drawn at once
    skull = _ellipse(c.u, c.v + 0.10, t["skull_width"], t["skull_height"])
    head = _head(c, t, skull)
    _body(c, t)
    strands = _strands(c, t)
    _hair_behind(c, t, skull, strands)
    _ears(c, t)
    inside = c.cover(head)
    c.paint(t["skin"], inside)
    _shade(c, t, inside)
    _skin_details(c, t, side, face_u, face_v, inside)
    _nose_and_mouth(c, t, face_u, face_v)
    _beard(c, t, face_u, face_v, inside)
    _eyes(c, t, side, face_u, face_v)
    _hair_in_front(c, t, skull, face_u, strands)
    _glasses(c, t, side, face_u, face_v)
    _occlusion(c, t, skull)
    return _camera(c, t)


def _radius(x, y):
    # three times as fast as hypot; never zero, so that one can divide by it
    return (x * x).addcmul_(y, y).add_(1e-12).sqrt_()


def _ellipse(x, y, a, b):
    p, q = x / a, y / b
    r = _radius(p, q)
    return (r - 1).mul_(r).div_(_radius(p / a, q / b))


def _box(x, y, a, b, radius):
    p, q = x.abs() - a + radius, y.abs() - b + radius
    outside = _radius(p.clamp_min(0), q.clamp_min(0))
    return outside + torch.maximum(p, q).clamp_max(0) - radius


def _stroke(across, along, centre, half, width, bend=0.0, slope=0.0):
    """A brush stroke that tapers to both ends; ``across`` is measured from its middle line."""
    q = (along - centre) / half
    square = q * q
    return (across - bend * square - slope * q).abs_().sub_(width * (1 - square))


def _join(a, b, k):
    """Union of two shapes with a fillet of about ``k``."""
    h = (0.5 + 0.5 * (b - a) / k).clamp_(0, 1)
    return torch.lerp(b, a, h) - k * h * (1 - h)


def _head(c, t, skull):
    # jowls: with age the widest place of the jaw moves down
    middle = 0.16 + 0.08 * t["sag"]
    jaw = _ellipse(c.u, c.v - middle, t["jaw_width"], t["chin"] - middle)
    return _join(skull, jaw, 0.10)


def _backdrop(c, t):
    c.rgb.copy_(t["background"].expand_as(c.rgb))
    c.rgb *= 1.06 - 0.10 * (c.y + 1) / 2
    kind = t["backdrop"]
    circle = _radius(c.x - t["backdrop_x"], c.y + 0.15) - 0.72
    stripe = (c.x * 0.8 + c.y * 0.6 - t["backdrop_x"]).abs() - 0.3
    shape = torch.where(kind == 1, circle, torch.where(kind == 2, stripe, 1.0))
    c.paint(t["background"] * 0.5 + 0.5, 0.6 * c.cover(shape))


def _body(c, t):
    top = t["chin"] + t["neck_length"]
    neck = _box(c.u, c.v - t["chin"] + 0.1, t["neck"], 0.3 + t["neck_length"], 0.05)
    c.paint(t["skin_shade"], c.cover(neck))
    trunk = _box(c.u, c.v - top - 0.6, t["shoulders"], torch.full_like(top, 0.6), 0.3)
    neckline = _ellipse(c.u, c.v - top + 0.01, t["neck"] * 1.12, 0.05 + 0.07 * t["collar"])
    shirt = c.cover(torch.maximum(trunk, -neckline))
    c.paint(t["clothes"], shirt)
    c.paint(t["clothes"] * 0.8, shirt * c.cover(neckline - 0.05))
    stripes = (0.5 + 3 * torch.sin(c.v * 42)).clamp_(0, 1)
    c.paint(t["clothes"] * 0.7 + 0.3, 0.6 * t["stripes"] * stripes * shirt)


def _ears(c, t):
    m = c.u.abs() - t["skull_width"] * 0.98
    ear = _ellipse(m, c.v - t["eye_level"] - 0.06, t["ears"] * 0.55, t["ears"])
    c.paint(t["skin"] * 0.6 + t["skin_shade"] * 0.4, c.cover(ear))
    c.paint(t["skin_shade"], 0.8 * c.cover(ear + 0.035))


def _shade(c, t, inside):
    lit = c.u * t["light_x"] + c.v * t["light_y"]
    dark = (0.5 - 2.2 * (lit + 0.12)).clamp_(0, 1)
    c.paint(t["skin_shade"], 3 * t["light_strength"] * dark * inside)


def _skin_details(c, t, side, u, v, inside):
    blush = 1 - ((side - t["eye_gap"] * 1.15) ** 2 + (v - t["nose_level"] - 0.02) ** 2) / 0.014
    c.paint(t["cheek"], t["blush"] * blush.clamp_(0, 1) * inside)
    w = 0.014 + c.pixel * 0.25  # no line thinner than the pixels can show
    top, gap, eye = t["eye_level"], t["eye_gap"], t["eye_size"]
    brow = top - t["brow_gap"]
    lines = torch.zeros_like(u)
    for k in range(3):
        d = _stroke(v - brow + 0.10 + 0.065 * k, u, 0.0, 0.26 - 0.02 * k, w, 0.03)
        lines = torch.maximum(lines, t["forehead"] * c.cover(d))
    for k in (-1, 0, 1):
        d = _stroke(v - top - 0.05 * k, side, gap + eye + 0.075, 0.05, w, 0.0, 0.03 * k)
        lines = torch.maximum(lines, t["crow"] * c.cover(d))
    d = _stroke(v - top - 0.9 * eye - 0.045, side, gap, eye * 1.05, w, -0.035)
    lines = torch.maximum(lines, t["bags"] * c.cover(d))
    mid = (t["nose_level"] + t["mouth_level"]) / 2 + 0.02
    half = 0.10 + 0.05 * t["sag"]
    d = _stroke(side - t["nose_width"] - 0.075, v, mid, half, w, -0.02, 0.035)
    lines = torch.maximum(lines, t["folds"] * c.cover(d))
    d = _stroke(side - t["mouth_width"] - 0.02, v, t["mouth_level"] + 0.09, 0.07, w, 0.0, 0.01)
    lines = torch.maximum(lines, t["sag"] * 0.6 * c.cover(d))
    freckles = torch.sin(u * 71 + 3) * torch.sin(v * 67) - 0.72
    lines = torch.maximum(lines, t["spots"] * (freckles * 4).clamp_(0, 1) * blush)
    c.paint(t["ink"], lines * inside)


def _nose_and_mouth(c, t, u, v):
    w = 0.012 + c.pixel * 0.25
    nose = u - 0.05 * t["turn"]
    level, width = t["nose_level"], t["nose_width"]
    bridge = _stroke(nose - 0.3 * width, v, level - 0.10, 0.12, 0.35 * width, 0.0, 0.01)
    c.paint(t["skin_shade"], 0.35 * c.cover(bridge))
    tip = _ellipse(nose, v - level + 0.02, width, width * 0.62)
    c.paint(t["skin_shade"], 0.75 * c.cover(tip))
    base = _stroke(v - level - 0.02, nose, 0.0, width * 0.9, w, -0.02)
    c.paint(t["ink"], 0.75 * c.cover(base))
    mouth, smile = v - t["mouth_level"], t["smile"]
    x = u - 0.03 * t["turn"]
    lips = _stroke(mouth - 0.4 * t["lips"], x, 0.0, t["mouth_width"] * 0.8, t["lips"], -smile)
    c.paint(t["lip_colour"], c.cover(lips))
    gap = w * 0.8 + 0.018 * t["teeth"]
    line = _stroke(mouth, x, 0.0, t["mouth_width"], gap, -smile)
    c.paint(torch.where(t["teeth"][:, None] > 0, torch.ones(3, 1, 1), t["ink"]), c.cover(line))


def _beard(c, t, u, v, inside):
    edge = v - t["beard_top"] + 0.9 * (u.abs() - 0.30).clamp_min(0)
    lips = _ellipse(u, v - t["mouth_level"] - 0.01, t["mouth_width"] * 0.9, t["lips"] + 0.02)
    low = c.cover(-edge - 0.9 * (0.22 - u.abs()).clamp_min(0) + 0.10) * c.cover(-lips)
    tash = _stroke(v - t["mouth_level"] + 0.075, u, 0.0, t["mouth_width"] * 1.05, 0.032, 0.03)
    mask = torch.maximum(t["beard"] * low * inside, t["moustache"] * c.cover(tash))
    c.paint(t["brow_colour"], mask)


def _eyes(c, t, side, u, v):
    w = 0.010 + c.pixel * 0.28
    x, y, s = side - t["eye_gap"], v - t["eye_level"], t["eye_size"]
    white = _ellipse(x, y, s, s * 0.85)
    curve = 1 - 2 * t["lid"] - 0.35 * (x / s) ** 2
    lid = -y - 0.85 * s * curve + 0.22 * x * t["sag"]
    eye = torch.maximum(white, lid)
    opening = c.cover(eye)
    c.paint(torch.full((3, 1, 1), 0.98), opening)
    look = u - torch.where(u > 0, t["eye_gap"], -t["eye_gap"]) - 0.012 * t["turn"]
    r = _radius(look, y)
    c.paint(t["iris"], c.cover(r - 0.64 * s) * opening)
    c.paint(t["iris"] * 0.2, c.cover(r - 0.36 * s) * opening)
    spark = _radius(look + 0.22 * s, y + 0.24 * s) - 0.20 * s
    c.paint(torch.ones(3, 1, 1), c.cover(spark) * opening)
    lash = c.cover(torch.maximum(eye.abs() - w, y + 0.05 * s))
    c.paint(t["ink"] * 0.45, lash * (0.75 + 0.25 * t["lashes"]))
    brow = _stroke(
        y + t["brow_gap"],
        side,
        t["eye_gap"] + 0.01,
        t["brow_width"],
        t["brow_thickness"],
        0.035,
        t["brow_slope"] + 0.015 * t["sag"],
    )
    c.paint(t["brow_colour"], t["brow_strength"] * c.cover(brow))


def _bumps(c, t):
    return t["curl"] * torch.sin(c.u * 23 + 1) * torch.sin(c.v * 23)


def _strands(c, t):
    # locks that spread from a point above the crown
    return torch.sin(38 * (c.u - t["parting"]) / (c.v + 1.25).clamp_min(0.4))[:, None]


def _hair_behind(c, t, skull, strands):
    end = t["hair_end"]
    fall = _box(c.u, c.v - end / 2 + 0.05, t["skull_width"] + t["hair_fall"], end / 2 + 0.15, 0.2)
    fall = torch.where(t["hair_long"] > 0, _join(fall, skull - t["hair_thickness"], 0.05), 9.0)
    tails = _radius(c.u.abs() - t["skull_width"] - 0.12, c.v + 0.12) - 0.17
    fall = torch.where(t["pigtails"] > 0, tails, fall)
    bun = _radius(c.u, c.v + 0.20 + t["skull_height"]) - 0.17
    fall = torch.where(t["bun"] > 0, bun, fall)
    c.paint((t["hair"] * 0.84) * (1 + 0.08 * strands), c.cover(fall + _bumps(c, t)))


def _hair_in_front(c, t, skull, u, strands):
    bumps = _bumps(c, t)
    # short hair lies closer to the head above the ears than at the crown
    volume = (0.6 - 1.3 * c.v).clamp_(0.3, 1)
    volume = torch.maximum(volume, t["hair_long"])
    cap = skull - t["hair_thickness"] * volume + bumps
    x = u - t["parting"]
    v = c.v + t["sweep"] * x * (1 - t["fringe"]) - t["arch"] * x.abs()
    # the window through which the face looks out of the hair
    middle = 0.30
    wide = t["skull_width"] * (0.88 + 0.08 * t["recede"])
    window = _ellipse(u, v - middle, wide, middle - t["hairline"])
    flat = _box(u, c.v - middle, wide, middle - t["hairline"], 0.10)
    flat = flat + 0.012 * torch.sin(c.u * 38)
    window = torch.where(t["fringe"] > 0, flat, window)
    end = t["eye_level"] + 0.02 + 0.30 * t["hair_long"]
    hair = torch.maximum(torch.maximum(cap, -window + 0.6 * bumps), c.v - end)
    mask = t["hair_cover"] * c.cover(hair)
    sides = ((c.u.abs() / t["skull_width"] - 0.45) * 1.8).clamp_(0, 1)[:, None]
    colour = torch.lerp(t["hair"], t["hair_side"], sides)
    shine = (1 - ((skull + 0.05) / 0.05) ** 2).clamp_min(0)[:, None]
    c.paint(colour * (1 + 0.07 * strands + 0.12 * shine) + 0.05 * shine + 0.015 * strands, mask)
    tuft = _stroke(c.u - 0.02, c.v, -0.10 - t["skull_height"] - 0.02, 0.10, 0.035, 0.05, 0.03)
    c.paint(t["hair"], t["tuft"] * c.cover(tuft))


def _glasses(c, t, side, u, v):
    w = 0.012 + c.pixel * 0.28
    x, y = side - t["eye_gap"], v - t["eye_level"] - 0.01
    a, b = t["eye_gap"] * 0.80, t["eye_gap"] * (0.62 + 0.16 * t["glasses_round"])
    lens = _box(x, y, a, b, 0.06 + 0.08 * t["glasses_round"])
    bridge = torch.maximum(_stroke(y + 0.02, u, 0.0, 0.16, w * 1.6, 0.03), -lens)
    arm = torch.maximum((y + 0.03).abs() - w, torch.maximum(-x + a, side - t["skull_width"]))
    frame = torch.minimum(torch.minimum(lens.abs() - w, bridge), arm)
    c.paint(torch.ones(3, 1, 1), t["glasses"] * 0.14 * c.cover(lens))
    c.paint(t["frame"], t["glasses"] * c.cover(frame))


def _occlusion(c, t, skull):
    brim = c.v - t["eye_level"] + 0.28
    hat = torch.maximum(skull - t["hair_thickness"] - 0.03, brim)
    band = _box(c.u, brim, t["skull_width"] + 0.08, torch.full_like(brim, 0.08), 0.05)
    wrap = t["chin"] + 0.10
    scarf = _box(c.u, c.v - wrap, t["jaw_width"] + 0.12, torch.full_like(wrap, 0.22), 0.16)
    along = c.x * t["leaf_cos"] + c.y * t["leaf_sin"]
    across = c.y * t["leaf_cos"] - c.x * t["leaf_sin"]
    leaf = _stroke(across, along, 0.85, 0.55, 0.26)
    nothing = torch.full_like(skull, 9.0)
    shape = torch.where(t["hat"] > 0, torch.minimum(hat, band), nothing)
    shape = torch.where(t["scarf"] > 0, scarf, shape)
    shape = torch.where(t["leaf"] > 0, leaf, shape)
    mask = c.cover(shape)
    c.paint(t["accent"], mask)
    vein = torch.minimum(across.abs(), (across.abs() - 0.25 + 0.4 * along).abs()) - 0.008
    fold = torch.where(t["leaf"] > 0, vein, torch.where(t["hat"] > 0, band, brim + nothing))
    c.paint(t["accent"] * 0.8, mask * c.cover(fold))


def _camera(c, t):
    light = 1 + t["light_strength"] * (c.x * t["light_x"] + c.y * t["light_y"])
    image = c.rgb * (light[:, None] * t["gain"])
    weight = (t["blur"] / 3)[:, None]
    for axis in (2, 3):  # a box of three pixels, once along and once across
        last = image.shape[axis] - 1
        before = image.index_select(axis, (torch.arange(last + 1) - 1).clamp_min(0))
        after = image.index_select(axis, (torch.arange(last + 1) + 1).clamp_max(last))
        image = image + weight * (before.add_(after).sub_(image, alpha=2))
    return image
