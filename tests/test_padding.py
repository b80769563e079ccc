"""The paper's shift lets black in: how much of what a model sees that is, is reported with every verdict."""

from __future__ import annotations

import numpy as np
import pytest

from eyechart.checkpoints.preprocessing import Geometry
from eyechart.images.views import View, black_shift, relative_shift, scale, shift
from eyechart.predict.needs import Need
from eyechart.predict.run import Run
from tests.image_files import folder, pixels
from tests.recordings import judged


@pytest.mark.parametrize(("height", "width"), [(375, 500), (500, 375), (300, 300), (120, 90), (90, 60)])
@pytest.mark.parametrize("amount", [0, 5, 30, 75, 100])
def test_the_share_is_that_of_the_picture_a_model_sees(height, width, amount):
    """Counted in the picture itself: white images, of which the black part is what was filled in."""
    geometry = Geometry((224, 224), (256, 256))
    seen = geometry.apply([black_shift(amount).of_image(np.full((height, width, 3), 255, dtype=np.uint8))])[0]
    black = float((seen < 128).mean())
    assert black_shift(amount).padded_share(height, width, geometry.seen(height, width)) == pytest.approx(
        black, abs=0.02
    )


def test_clip_is_padded_more_than_supervised_models():
    """Its crop takes the whole shorter side, so that the picture's edge is nearer (protocol: 91 % and 62 % at 100)."""
    clip, supervised = (Geometry((224, 224), (side, side)).seen(375, 500) for side in (224, 256))
    assert clip == pytest.approx(375, abs=1)
    assert supervised == pytest.approx(0.875 * 375, abs=1)
    assert black_shift(100).padded_share(375, 500, clip) > black_shift(100).padded_share(375, 500, supervised) > 0


def test_both_shifts_move_alike_and_fill_differently():
    """Black, or the picture's own reflection."""
    image = pixels(1)
    mirrored, black = shift(2).of_image(image), black_shift(2).of_image(image)
    assert np.array_equal(mirrored[2:], black[2:])
    assert not black[:2].any()
    assert View.parse("black_shift(2)") == black_shift(2)
    assert scale(2).padded_share(10, 10, 10) == 0.0
    assert relative_shift(0.5).padded_share(10, 10, 10) == 0.5


def test_it_stands_with_the_predictions(tmp_path):
    """Share of images that are padded, and of all that is seen."""
    import io

    from eyechart.predict.predictor import Predictor
    from eyechart.progress import Progress

    folder(tmp_path / "images", ["dark/a.png", "light/c.png"])
    names = {"names": ["dark", "light"]}
    sets = {"colors": {"role": "validation", "reader": "folder", "path": "images", "label_space": names}}
    toy = {"source": "python", "factory": "tests.test_identity_by_content:make", "version": "1", "label_space": names}
    run: Run = judged(tmp_path, sets, {"toy": {**toy, "preprocessing": {"resize": 8, "crop": 8}}})
    need = Need("toy", "colors", "black_shift(2)")
    Predictor(run, Progress(io.StringIO())).prepare({need})
    assert run.notes(need) == "100.0% of the images are padded, 25.0% of all that is seen"
    assert run.notes(Need("toy", "colors")) == ""
