"""Numbers that were published of recorded predictions, or computed from them independently."""

ERRORS = {
    "pose": (15064, 2651, 2593), "background": (14751, 4266, 3740), "pattern": (5972, 1167, 1197),
    "color": (6150, 1852, 1646), "smaller": (1450, 550, 554), "shape": (679, 300, 243),
    "partial_view": (638, 183, 136), "subcategory": (585, 312, 274), "texture": (282, 171, 134),
    "larger": (150, 50, 45), "darker": (122, 53, 52), "object_blocking": (78, 38, 36),
    "person_blocking": (60, 33, 27), "style": (43, 21, 16), "brighter": (44, 13, 8), "multiple_objects": (40, 20, 15),
}  # fmt: skip
"""Factor → images, errors of ResNet50, errors of ViT, as the authors of ImageNet-X publish them."""

RATIOS = {
    "resnet50": {"texture": 2.3938629408335763, "pose": 0.6947390335481853, "multiple_objects": 1.97388698630137},
    "vit": {"texture": 2.0446459063003823, "pose": 0.7406697827975777, "multiple_objects": 1.6135918253079506},
}

BINS = {
    "resnet50": (34, 383, 799, 1127, 1395, 1554, 1808, 2198, 2218, 2198, 2269, 2349, 2834, 4140, 24694),
    "vit": (210, 723, 977, 1064, 1408, 1542, 1811, 2230, 2192, 2260, 2361, 2655, 3246, 4935, 22386),
}
"""Images in each of 15 bins of confidence, computed independently."""
RIGHT = {
    "resnet50": (.176471, .143603, .176471, .222715, .312545, .341055, .410951, .487716, .510821, .579163, .641692,
                 .702001, .763232, .831643, .960314),
    "vit": (.071429, .168741, .239509, .311090, .333807, .401427, .433462, .523767, .567974, .647345, .703939,
            .758569, .817314, .887943, .975610),
}  # fmt: skip
"""Accuracy in each."""
