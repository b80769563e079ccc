"""What the paper publishes of its four checkpoints (arXiv 2311.09215), by section. Numbers only; each row is of MODELS.

Bars and labels of figures are read to a tenth of a point, markers likewise; counts of shape and texture are exact.
"""

from __future__ import annotations

MODELS = ("vit-sup", "convnext-sup", "vit-clip", "convnext-clip")

ACCURACY = {
    "imagenet-1k": (0.855, 0.855, 0.670, 0.663),
    "imagenet-v2": (0.762, 0.756, 0.595, 0.586),
    "imagenet-a": (0.600, 0.529, 0.332, 0.309),
    "imagenet-r": (0.616, 0.623, 0.778, 0.758),
    "imagenet-sketch": (0.461, 0.486, 0.523, 0.520),
    "imagenet-hard": (0.285, 0.294, 0.055, 0.058),
    "imagenet-real": (0.892, 0.895, 0.743, 0.738),
    "imagenet-c": (0.598, 0.668, 0.408, 0.390),
}
"""§3.4, and of unchanged images; that on ImageNet-C is the mean over corruptions and severities."""

CLEAN = {"imagenet-a": (0.975, 0.975, None, None), "imagenet-r": (0.969, 0.969, None, None)}
"""On unchanged images of the 200 classes alone, as timm publishes it of the same weights; of CLIP nobody does."""

TASKS = {
    "caltech101": (0.897, 0.903, 0.958, 0.953), "cifar100": (0.820, 0.845, 0.821, 0.772),
    "dtd": (0.678, 0.735, 0.794, 0.793), "flowers": (0.948, 0.979, 0.964, 0.963),
    "pets": (0.941, 0.934, 0.917, 0.907), "sun397": (0.959, 0.985, 0.974, 0.977),
    "svhn": (0.650, 0.713, 0.706, 0.781), "pcam": (0.824, 0.828, 0.836, 0.820),
    "eurosat": (0.950, 0.959, 0.964, 0.959), "resisc45": (0.886, 0.907, 0.941, 0.929),
    "diabetic-retinopathy": (0.706, 0.704, 0.769, 0.766), "clevr-count": (0.566, 0.633, 0.719, 0.684),
    "clevr-distance": (0.500, 0.561, 0.519, 0.553), "dmlab": (0.469, 0.491, 0.518, 0.514),
    "dsprites-location": (0.464, 0.655, 0.557, 0.548), "dsprites-orientation": (0.778, 0.883, 0.774, 0.836),
    "kitti-distance": (0.439, 0.322, 0.474, 0.436), "smallnorb-azimuth": (0.124, 0.150, 0.139, 0.142),
    "smallnorb-elevation": (0.292, 0.307, 0.367, 0.382),
}  # fmt: skip
"""§3.5."""

COMMONEST = {"diabetic-retinopathy": 0.74}
"""Share of a task's most frequent class, where it is known to be no even share."""

CALIBRATION = {
    "imagenet-1k": (0.041, 0.028, 0.133, 0.141),
    "imagenet-r": (0.043, 0.025, 0.073, 0.085),
}
"""§3.3: calibration error, 15 bins of equal width."""

HISTOGRAMS = {
    "imagenet-1k": (
        (0, 0, 0, 0.2, 0.8, 1.2, 2.3, 2.9, 3.0, 3.3, 3.8, 5.1, 10.4, 55.5, 7.4),
        (0, 0, 0.2, 0.7, 0.9, 1.5, 2.3, 3.2, 3.3, 3.4, 3.5, 4.6, 7.1, 24.9, 40.4),
        (0, 0, 0, 0.9, 1.9, 3.0, 3.8, 5.2, 5.1, 4.8, 5.0, 5.3, 6.4, 8.8, 45.7),
        (0, 0, 0, 0.9, 2.0, 2.9, 3.7, 5.3, 5.1, 5.0, 5.1, 5.5, 6.5, 8.8, 45.5),
    ),
    "imagenet-r": (
        (9.8, 7.8, 5.3, 3.6, 2.7, 2.5, 2.4, 2.4, 2.4, 2.4, 2.5, 3.0, 3.7, 6.9, 38.3),
        (7.9, 9.7, 6.3, 4.6, 3.5, 3.0, 2.6, 2.5, 2.4, 2.4, 2.6, 3.0, 3.9, 6.6, 34.6),
        (0, 0, 0, 0.8, 1.5, 2.4, 2.5, 3.4, 3.3, 3.6, 3.8, 3.9, 4.7, 7.2, 58.8),
        (0, 0, 0, 0.9, 1.8, 2.1, 2.9, 3.6, 3.7, 3.7, 3.9, 4.1, 5.2, 7.5, 56.4),
    ),
}
"""§3.3: per cent of the images in each of 15 bins of confidence, inside the bars."""

EDGE = 0.27
"""Per cent that the line around a bar adds to it: with it the bars of each histogram sum to 99 to 100."""

OVERCONFIDENT_BINS = {"imagenet-1k": (0, 0, 15, 15), "imagenet-r": (1, 0, 15, 15)}
"""How many bins, from the surest down, are right less often than they say; the rest more often.

The published accuracy, calibration error and histogram of a checkpoint leave one number of whole bins open.
"""

ANNOTATED_ERROR = (0.1536, 0.1536, 0.3442, 0.3524)
"""§3.1: error on the 46,110 annotated images, which makes whole images of the figure's ratios."""

ERROR_RATIOS = {
    "color": (1.183, 1.210, 1.102, 1.096), "darker": (1.655, 1.492, 1.264, 1.00),
    "brighter": (0.885, 0.885, 0.923, 1.096), "larger": (1.259, 1.216, 1.01, 1.020),
    "smaller": (1.487, 1.590, 1.454, 1.470), "object_blocking": (2.088, 1.839, 1.492, 1.492),
    "person_blocking": (1.736, 1.302, 1.552, 1.562), "partial_view": (1.102, 1.047, 1.172, 1.096),
    "pose": (0.695, 0.695, 0.852, 0.869), "shape": (1.600, 1.720, 1.270, 1.286),
    "subcategory": (2.392, 2.284, 1.367, 1.384), "texture": (2.376, 2.381, 1.655, 1.709),
    "pattern": (0.841, 0.820, 0.841, 0.831), "style": (1.058, 1.514, 1.015, 1.253),
    "background": (1.107, 1.107, 1.064, 1.058), "multiple_objects": (1.790, 1.790, 1.091, 1.562),
}  # fmt: skip
"""§3.1."""

RENDERED = {
    "Worlds": (0.322, 0.314, 0.206, 0.225), "Camera_Pitch": (0.341, 0.357, 0.291, 0.294),
    "Camera_Yaw": (0.416, 0.474, 0.380, 0.414), "Camera_Roll": (0.277, 0.305, 0.234, 0.232),
    "Object_Pitch": (0.237, 0.277, 0.204, 0.213), "Object_Yaw": (0.418, 0.474, 0.373, 0.414),
    "Object_Roll": (0.230, 0.265, 0.192, 0.180), "Object_Scale": (0.378, 0.427, 0.354, 0.395),
    "Object_Texture": (0.294, 0.317, 0.281, 0.314), "Scene_Light": (0.025, 0.006, 0.006, 0.016),
}  # fmt: skip
"""§3.6: accuracy on PUG-ImageNet."""

SCALES = (1, 1.25, 1.5, 2, 3)
SCALED = (
    (0.855, 0.833, 0.798, 0.714, 0.545),
    (0.855, 0.844, 0.826, 0.780, 0.676),
    (0.668, 0.652, 0.614, 0.527, 0.361),
    (0.662, 0.640, 0.601, 0.506, 0.330),
)
SHIFTS = (0, 5, 30, 75, 100)
SHIFTED = (
    (0.854, 0.855, 0.852, 0.841, 0.826),
    (0.854, 0.854, 0.852, 0.840, 0.829),
    (0.669, 0.668, 0.666, 0.642, 0.623),
    (0.663, 0.662, 0.656, 0.636, 0.618),
)
RESOLUTIONS = (112, 224, 336, 512, 640)
RESIZED = (
    (0.690, 0.855, 0.845, 0.790, 0.751),
    (0.769, 0.855, 0.859, 0.837, 0.814),
    (0.392, 0.670, 0.655, 0.585, 0.519),
    (0.516, 0.662, 0.597, 0.322, 0.189),
)
"""§3.7: accuracy under each amount (times, pixels of the image, pixels of the input)."""

CUE_DECISIONS = {
    "airplane": ((4, 48), (6, 48), (12, 43), (7, 28)), "bear": ((16, 38), (12, 47), (22, 31), (11, 31)),
    "bicycle": ((32, 21), (36, 28), (44, 18), (31, 24)), "bird": ((8, 40), (7, 49), (21, 34), (18, 26)),
    "boat": ((4, 41), (2, 45), (9, 42), (8, 35)), "bottle": ((54, 17), (41, 25), (48, 22), (30, 19)),
    "car": ((32, 27), (31, 36), (33, 24), (30, 16)), "cat": ((14, 39), (16, 40), (21, 34), (21, 25)),
    "chair": ((18, 26), (21, 40), (32, 29), (22, 22)), "clock": ((55, 11), (57, 14), (59, 10), (54, 13)),
    "dog": ((11, 40), (10, 45), (20, 29), (18, 26)), "elephant": ((9, 27), (10, 41), (28, 27), (14, 30)),
    "keyboard": ((18, 37), (14, 47), (13, 43), (13, 34)), "knife": ((14, 39), (7, 47), (12, 39), (12, 35)),
    "oven": ((21, 27), (16, 37), (11, 35), (2, 33)), "truck": ((30, 35), (27, 38), (36, 25), (22, 28)),
}  # fmt: skip
"""§3.2: decisions by shape and by texture, of 75 images a category whose cues differ."""

CUES_RIGHT = (415, 391, 499, 375)
"""§3.2: decisions for the shape, of all 1,280 images."""


def of(model: str, row: tuple) -> object:
    """The entry of one model."""
    return row[MODELS.index(model)]
