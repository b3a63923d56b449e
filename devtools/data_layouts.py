"""Files in the layouts of the genuine data sets, with small drawn pictures.

Each layout is a dict from path to content, so that a test can change what it needs before
it writes the files. The brightness of a picture tells its class, so that a network can learn it.
"""

import io
import zipfile

import numpy as np
from PIL import Image, ImageDraw
from scipy.io import savemat

FOLD_HEADER = (
    "user_id\toriginal_image\tface_id\tage\tgender\tx\ty\tdx\tdy\t"
    "tilt_ang\tfiducial_yaw_angle\tfiducial_score"
)
FOLD_AGES = (
    "(0, 2)", "(4, 6)", "(8, 12)", "(15, 20)", "(25, 32)", "(38, 43)", "(48, 53)", "(60, 100)",
)  # fmt: skip
AGE_CLASSES = (1, 5, 10, 16, 28, 51, 75)


def write(folder, files):
    """Write the files of a layout below ``folder``, and return it."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def pack(path, files):
    """Write the files of a layout into a zip file, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def jpeg(image, **options):
    """The content of a JPEG file; Pillow's ``options``."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95, **options)
    return file.getvalue()


def colours(number, size=(40, 40), mode="RGB"):
    """A unique picture in many colours, smooth enough to survive JPEG."""
    noise = np.random.default_rng(number).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).convert(mode)


def picture(number, tone, size=24):
    """A unique picture, whose mean brightness is near ``tone`` (0 to 1)."""
    noise = np.random.default_rng(number).normal(40 + 175 * tone, 12, (4, 4, 3))
    small = Image.fromarray(noise.clip(0, 255).astype(np.uint8))
    return small.resize((size, size), Image.Resampling.BICUBIC)


def fold_line(user, image, face, age, gender="f"):
    """A line of a fold file of Adience."""
    return f"{user}\t{image}\t{face}\t{age}\t{gender}\t301\t105\t640\t641\t0\t0\t94"


def aligned_name(user, image, face):
    """Where Adience keeps the aligned image of a face."""
    return f"aligned/{user}/landmark_aligned_face.{face}.{image}"


def cropped_name(user, image, face):
    """Where Adience keeps the merely cropped image of a face."""
    return f"faces/{user}/coarse_tilt_aligned_face.{face}.{image}"


def adience(users=4, faces=8, *, path_of=aligned_name):
    """Five fold files and their images: ``users`` in each fold, each with so many ``faces``.

    The labels go through the eight classes in turn.
    """
    files = {}
    for fold in range(5):
        lines = [FOLD_HEADER]
        for user in range(fold * users, (fold + 1) * users):
            for place in range(faces):
                number = user * faces + place
                label = number % 8
                names = (f"{10_000_000 + user}@N0{fold}", f"{number:010}_ab_o.jpg", user + 1)
                lines.append(fold_line(*names, FOLD_AGES[label]))
                files[path_of(*names)] = jpeg(picture(number, label / 7))
        files[f"fold_{fold}_data.txt"] = ("\n".join(lines) + "\n").encode()
    return files


def add_lines(files, name, lines):
    """Append lines to a text file of a layout."""
    files[name] = files[name] + "".join(line + "\n" for line in lines).encode()


def face_in_photograph(draw, left_eye, right_eye, tone):
    """Draw a face as a disc of a grey ``tone``, its left eye red, its right eye blue."""
    left, right = np.array(left_eye, float), np.array(right_eye, float)
    middle = (left + right) / 2
    distance = float(np.linalg.norm(right - left))
    grey = int(70 + 150 * tone)
    draw.ellipse(_box(middle, 1.5 * distance), fill=(grey, grey, grey))
    draw.ellipse(_box(left, 0.25 * distance), fill=(255, 0, 0))
    draw.ellipse(_box(right, 0.25 * distance), fill=(0, 0, 255))


def _box(centre, radius):
    return [*(centre - radius), *(centre + radius)]


def images_of_groups(photographs=14, *, faces=3, folders=("Fam2a", "Group4a", "Wed5a")):
    """Folders of photographs with a PersonData.txt each; classes go round in turn."""
    files, people = {}, {folder: [] for folder in folders}
    for number in range(photographs):
        folder = folders[number % len(folders)]
        name = f"{1000 + number}_ab{number:03x}_14_92840{number:02}@N07.jpg"
        image = Image.new("RGB", (80 * faces, 80), (0, 60, 0))
        draw = ImageDraw.Draw(image)
        people[folder].append(name)
        for place in range(faces):
            label = (number * faces + place) % 7
            tilt = (number + place) % 5 - 2
            left, right = (80 * place + 32, 36 - 2 * tilt), (80 * place + 48, 36 + 2 * tilt)
            face_in_photograph(draw, left, right, label / 6)
            gender = 1 + (number + place) % 2
            values = (*left, *right, AGE_CLASSES[label], gender)
            people[folder].append("\t".join(str(value) for value in values))
        files[f"{folder}/{name}"] = jpeg(image)
    for folder, lines in people.items():
        files[f"{folder}/PersonData.txt"] = ("\n".join(lines) + "\n").encode()
    return files


def matlab_file(**variables):
    """A MATLAB 5 file; a list of strings becomes a cell array."""
    file = io.BytesIO()
    savemat(file, {name: _matlab_value(value) for name, value in variables.items()})
    return file.getvalue()


def _matlab_value(value):
    if isinstance(value, dict):
        return {name: _matlab_value(inner) for name, inner in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], str):
        cells = np.empty((1, len(value)), dtype=object)
        cells[0] = value
        return cells
    return np.asarray(value)


def even_list(people):
    """eventrain.mat or eventest.mat for people ``(path, left, right, age class, gender)``."""
    names, lefts, rights, ages, genders = zip(*people, strict=True)
    eyes = np.concatenate([np.array(lefts, float), np.array(rights, float)], axis=1)
    middle = (eyes[:, :2] + eyes[:, 2:]) / 2
    distance = np.linalg.norm(eyes[:, 2:] - eyes[:, :2], axis=1, keepdims=True)
    return {
        "name": [f"C:\\research\\flickrGroupShot\\{name}" for name in names],
        "facePosSize": np.concatenate([eyes, middle, distance], axis=1).astype(np.float32),
        "ageClass": np.array(ages, np.uint8)[:, None],
        "genClass": np.array(genders, np.uint8)[:, None],
    }


def aadb_scores(count, seed=0):
    """Mean scores of five raters: many ties, most of them in the middle."""
    return np.random.default_rng(seed).binomial(20, 0.55, count) / 20


def aadb_name(number):
    """A file name as in AADB."""
    return f"farm{1 + number % 9}_{300 + number}_{15_000_000_000 + number}_0f{number:04x}_b.jpg"


def aadb(train=90, test=20, valid=0, *, labels="mat", folder="datasetImages_warp256"):
    """Images of AADB and their scores, in ``AADBinfo.mat`` or in list files (``"lists"``)."""
    scores = aadb_scores(train + test + valid).tolist()
    names = [aadb_name(number) for number in range(len(scores))]
    files = {
        f"{folder}/{name}": jpeg(picture(number, score))
        for number, (name, score) in enumerate(zip(names, scores, strict=True))
    }
    parts = {
        "Train": slice(0, train),
        "TestNew": slice(train, train + test),
        "Validation": slice(train + test, None),
    }
    if labels == "mat":
        files["AADBinfo.mat"] = matlab_file(
            trainNameList=names[parts["Train"]],
            trainScore=[scores[parts["Train"]]],
            testNameList=names[parts["TestNew"]],
            testScore=[scores[parts["TestNew"]]],
        )
        return files
    for part, chosen in parts.items():
        lines = [f"{n} {s:.4f}\n" for n, s in zip(names[chosen], scores[chosen], strict=True)]
        if lines:
            name = f"imgListFiles_label/imgList{part}Regression_score.txt"
            files[name] = "".join(lines).encode()
    return files
