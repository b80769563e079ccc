"""Source open_clip on random weights, with a tower of its own and with a timm trunk: as open_clip itself does it."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from eyechart.checkpoints import clip
from eyechart.checkpoints.entries import PreprocessingEntry
from eyechart.checkpoints.sources import open_clip as source
from eyechart.checkpoints.sources import texts
from eyechart.errors import BlockedError, SpecError
from eyechart.images.labels import counted_space, label_space, named_space
from eyechart.images.views import ORIGINAL, relative_resolution
from tests.torch_models import CLIPS, LABELS, MERGES, NATIVE, TEXT, photos, save_clip, surroundings

pytestmark = pytest.mark.slow


@pytest.fixture(params=CLIPS)
def loaded(request, tmp_path):
    """A checkpoint, and the CLIP with the same weights."""
    from safetensors.torch import load_file

    checkpoint = source.load(save_clip(tmp_path, CLIPS[request.param]), surroundings(tmp_path))
    own = clip.build(CLIPS[request.param])
    own.load_state_dict(load_file(tmp_path / "clip.safetensors"))
    return checkpoint, own.eval()


def transform_of(module):
    """open_clip's own evaluation transform."""
    import open_clip
    from open_clip.transform import PreprocessCfg, image_transform_v2

    return image_transform_v2(PreprocessCfg(**open_clip.model.get_model_preprocess_cfg(module)), is_train=False)


def zero_shot(module, pixels) -> np.ndarray:
    """CLIP's recipe, written out: class embeddings are normalized means of normalized prompts."""
    import torch

    encode = clip.tokenizer(MERGES, 16)
    with torch.inference_mode():
        classes = []
        for name in LABELS.names:
            texts = module.encode_text(encode([f"a {name}", f"the {name}"]))
            mean = (texts / texts.norm(dim=-1, keepdim=True)).mean(dim=0)
            classes.append(mean / mean.norm())
        images = module.encode_image(pixels)
        images = images / images.norm(dim=-1, keepdim=True)
        return (module.logit_scale.exp() * images @ torch.stack(classes).T).numpy()


def test_pixels_are_open_clips_own_to_the_bit(loaded):
    """Pictures of any size and shape are resized and cropped as open_clip's image_transform does."""
    checkpoint, own = loaded
    geometry = checkpoint.resolved.geometry(ORIGINAL)
    assert geometry.size == (32, 32)
    steps = transform_of(own).transforms[:2]
    for picture in photos():
        image = Image.fromarray(picture)
        for step in steps:
            image = step(image)
        assert np.array_equal(geometry.apply([picture])[0], np.asarray(image)), picture.shape


def test_answers_are_zero_shot_logits(loaded):
    """Scaled cosines between images and prompts of each class, normalization of pixels included."""
    import torch

    checkpoint, own = loaded
    whole = transform_of(own)
    expected = zero_shot(own, torch.stack([whole(Image.fromarray(picture)) for picture in photos()]))
    assert np.allclose(checkpoint(photos()), expected, atol=1e-4)
    assert np.ptp(expected, axis=1).min() > 1e-3, "classes must differ in their answers"


def test_another_resolution_is_open_clips_own_resampling(tmp_path):
    """At 1.5 times its size a native tower is what open_clip makes of the same file at that size."""
    import open_clip
    import torch

    checkpoint = source.load(save_clip(tmp_path, NATIVE), surroundings(tmp_path))
    larger = clip.build({**NATIVE, "vision_cfg": {**NATIVE["vision_cfg"], "image_size": 48}})
    open_clip.factory.load_checkpoint(larger, str(tmp_path / "clip.safetensors"))
    geometry = checkpoint.resolved.geometry(relative_resolution(1.5))
    assert geometry.size == (48, 48)
    mean, std = (
        torch.tensor(v).view(1, 3, 1, 1) for v in (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    )
    pixels = (torch.from_numpy(geometry.apply(photos())).permute(0, 3, 1, 2) / 255 - mean) / std
    native = checkpoint(photos())
    assert np.allclose(checkpoint(photos(), relative_resolution(1.5)), zero_shot(larger.eval(), pixels), atol=1e-4)
    assert np.array_equal(checkpoint(photos()), native), "the native size is as before"


def test_a_trunk_takes_another_resolution(tmp_path):
    """A timm trunk is resized by timm; the answer has its classes and is another one."""
    checkpoint = source.load(save_clip(tmp_path, CLIPS["trunk"]), surroundings(tmp_path))
    small, native = checkpoint(photos(), relative_resolution(0.75)), checkpoint(photos())
    assert small.shape == native.shape == (len(photos()), len(LABELS))
    assert not np.allclose(small, native)


def test_the_text_classifier_is_built_once(tmp_path, monkeypatch):
    """The first loading embeds the prompts; the next reads them from the store; other prompts are embedded anew."""
    import open_clip

    built, real = [], open_clip.build_zero_shot_classifier
    monkeypatch.setattr(open_clip, "build_zero_shot_classifier", lambda *given: built.append(given) or real(*given))
    spec = save_clip(tmp_path, NATIVE)
    first, second = (source.load(spec, surroundings(tmp_path)) for _ in range(2))
    assert len(built) == 1
    assert np.array_equal(first(photos()), second(photos()))
    other = source.load(spec.model_copy(update={"prompts": ("no {}",)}), surroundings(tmp_path))
    assert len(built) == 2
    assert other.resolved.identity != first.resolved.identity


def test_the_scale_may_be_stated(tmp_path):
    """`logit_scale: 100` replaces the learned one and is part of the identity."""
    spec = save_clip(tmp_path, NATIVE)
    learned = source.load(spec, surroundings(tmp_path))
    stated = source.load(spec.model_copy(update={"logit_scale": 100.0}), surroundings(tmp_path))
    cosines = learned(photos()) * 0.07  # open_clip starts its scale at 1 / .07
    assert np.allclose(stated(photos()), 100 * cosines, atol=1e-3)
    assert stated.resolved.identity != learned.resolved.identity


def test_a_squashing_model_squashes():
    """SigLIP and CLIPA distort pictures to squares, and what is stated besides does not change that."""
    module = clip.build(NATIVE)
    module.visual.preprocess_cfg = {"size": 32, "resize_mode": "squash"}
    assert source._preprocessing(module, PreprocessingEntry()).geometry.mode == "squash"
    stated = source._preprocessing(module, PreprocessingEntry(resize=32, crop=32)).geometry
    assert (stated.size, stated.mode) == ((32, 32), "squash")


def test_classes_are_called_by_words():
    """Folders of ImageNet and its parts are wnids, prompts are not; a space of numbers cannot be prompted with."""
    import open_clip

    named = texts.class_names(label_space("imagenet-1k"))
    assert named == list(open_clip.IMAGENET_CLASSNAMES)
    part = texts.class_names(label_space("imagenet-a-200"))
    assert (len(part), part[0]) == (200, "stingray")
    assert texts.class_names(named_space(["bolt", "nut"])) == ["bolt", "nut"]
    with pytest.raises(SpecError, match="has numbers only, and prompts need words"):
        texts.class_names(counted_space(10))


def test_a_local_copy_of_a_repository_is_loaded(tmp_path):
    """`local-dir:`, as open_clip saves to the hub; its content is its identity."""
    import json

    from safetensors.torch import save_file

    whole = {**NATIVE, "text_cfg": {**NATIVE["text_cfg"], "vocab_size": 49408}}

    def identity(scale):
        module = clip.build(whole)
        with torch.no_grad():
            module.logit_scale.fill_(scale)
        (tmp_path / "net").mkdir(exist_ok=True)
        (tmp_path / "net/open_clip_config.json").write_text(json.dumps({"model_cfg": whole, "preprocess_cfg": {}}))
        save_file(module.state_dict(), tmp_path / "net/open_clip_model.safetensors")
        spec = source.OpenClipSpec(source="open_clip", architecture="local-dir:net", prompts=("a {}",))
        return source.weights(spec, tmp_path), source.load(spec, surroundings(tmp_path)).resolved.identity

    torch = pytest.importorskip("torch")
    first, second = identity(1.0), identity(2.0)
    assert first[0] != second[0]
    assert first[1] != second[1]


CUSTOM = {**NATIVE, "custom_text": True, "init_logit_bias": -10.0, "text_cfg": {**TEXT, "vocab_size": 49408}}
COCA = {
    **CUSTOM, "init_logit_bias": None,
    "text_cfg": {**CUSTOM["text_cfg"], "embed_cls": True, "output_tokens": True},
    "vision_cfg": {**NATIVE["vision_cfg"], "attentional_pool": True, "output_tokens": True},
    "multimodal_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}  # fmt: skip


@pytest.mark.parametrize("architecture", [CUSTOM, COCA], ids=["siglip's bias", "coca"])
def test_other_towers_answer_as_open_clip_does(tmp_path, architecture):
    """A text tower of its own with a bias, and a CoCa: scale · cos + bias, through the model's own tokenizer."""
    import open_clip
    import torch
    from safetensors.torch import load_file

    spec = save_clip(tmp_path, architecture).model_copy(update={"merges": None, "prompts": ("a {}",)})
    checkpoint = source.load(spec, surroundings(tmp_path))
    own = clip.build(architecture)
    own.load_state_dict(load_file(tmp_path / "clip.safetensors"))
    whole = transform_of(own.eval())
    pixels = torch.stack([whole(Image.fromarray(picture)) for picture in photos()])
    tokens = open_clip.tokenizer.SimpleTokenizer(context_length=16)([f"a {name}" for name in LABELS.names])
    with torch.inference_mode():
        images, prompts = own.encode_image(pixels, normalize=True), own.encode_text(tokens, normalize=True)
        bias = 0 if own.logit_bias is None else own.logit_bias
        expected = (own.logit_scale.exp() * images @ prompts.T + bias).numpy()
    assert np.allclose(checkpoint(photos()), expected, atol=1e-4)
    assert checkpoint.features(np.zeros((2, 32, 32, 3), dtype=np.uint8)).shape == (2, 16)


def test_a_text_tower_of_its_own_takes_weights_of_one_that_was_none(tmp_path):
    """open_clip maps their names; the answers are those of the same weights in a plain CLIP."""
    plain = {**NATIVE, "text_cfg": {**TEXT, "vocab_size": 49408}}
    spec = save_clip(tmp_path, plain)
    first = source.load(spec, surroundings(tmp_path))
    second = source.load(
        spec.model_copy(update={"architecture": {**plain, "custom_text": True}}), surroundings(tmp_path)
    )
    assert (first.note, second.note) == ("", "its authors' names mapped by the library")
    assert np.array_equal(first(photos()), second(photos()))


def test_a_configuration_keeps_its_own_tokenizer(tmp_path, monkeypatch):
    """Its name, its context length and its options; a folder stands for it, and counts as weights."""
    import open_clip

    asked = []
    monkeypatch.setattr(open_clip.tokenizer, "HFTokenizer", lambda *name, **how: asked.append((*name, how)) or "own")
    text = {**TEXT, "hf_tokenizer_name": "org/words", "tokenizer_kwargs": {"clean": "canonicalize"}}
    spec = source.OpenClipSpec(source="open_clip", architecture={**NATIVE, "text_cfg": text}, weights="w")
    assert texts.tokenizer(spec.architecture, surroundings(tmp_path), None, spec.tokenizer) == "own"
    (tmp_path / "words").mkdir()
    local = spec.model_copy(update={"tokenizer": "words"})
    texts.tokenizer(local.architecture, surroundings(tmp_path), None, local.tokenizer)
    how = {"context_length": 16, "clean": "canonicalize", "tokenizer_mode": None}
    assert asked == [("org/words", how), (str(tmp_path / "words"), how)]
    (tmp_path / "w").write_bytes(b"w")
    with pytest.raises(BlockedError, match=r"'words': looked for tokenizer.json in"):
        source.weights(local, tmp_path)
    (tmp_path / "words/tokenizer.json").write_text("{}")
    first = source.weights(local, tmp_path)
    (tmp_path / "words/tokenizer.json").write_text("{ }")
    assert len({first, source.weights(local, tmp_path), source.weights(spec, tmp_path)}) == 3


def test_a_named_architectures_tokenizer_may_be_a_folder(tmp_path, monkeypatch):
    """SigLIP's is on a hub; a copy gets its context length and its cleaning. What fails is said."""
    import open_clip

    def unreachable(*name, **how):
        raise OSError(f"no {name[0]} with {how}")

    spec = source.OpenClipSpec(source="open_clip", architecture="ViT-B-16-SigLIP", weights="w", tokenizer="words")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(BlockedError, match="needs a package that is not installed: pip install transformers"):
        texts.tokenizer(spec.architecture, surroundings(tmp_path), None, spec.tokenizer)
    monkeypatch.setattr(open_clip.tokenizer, "HFTokenizer", unreachable)
    message = (
        r"tokenizer '.*words' cannot be loaded \(OSError: .*'context_length': 64, .*'canonicalize'.*tokenizer: FOLDER"
    )
    with pytest.raises(BlockedError, match=message):
        texts.tokenizer(spec.architecture, surroundings(tmp_path), None, spec.tokenizer)


def save_words(folder):
    """Train a tokenizer on a few words, lower case and with an end, and save it as Hugging Face's are."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["[UNK]", "[PAD]", "[EOS]"]
    words = Tokenizer(models.WordPiece(unk_token=special[0]))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordPieceTrainer(vocab_size=64, special_tokens=special, show_progress=False)
    words.train_from_iterator(["a bolt and the nut", "a washer, the gear of a spring"], trainer)
    words.post_processor = processors.TemplateProcessing(single="$A [EOS]", special_tokens=[("[EOS]", 2)])
    named = dict(zip(("unk_token", "pad_token", "eos_token"), special, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=words, **named).save_pretrained(folder)


def test_a_tokenizer_of_hugging_faces_is_read_from_its_folder(tmp_path):
    """Without a hub: prompts are cleaned, cut and padded to the tower's own context, as the library itself does it."""
    pytest.importorskip("transformers", reason="pip install transformers: a real tokenizer is read")
    import torch
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    save_words(tmp_path / "words")
    text = {**TEXT, "vocab_size": 64, "hf_tokenizer_name": "org/words", "tokenizer_kwargs": {"clean": "canonicalize"}}
    siglip = {**CUSTOM, "text_cfg": {**text, "no_causal_mask": True, "pool_type": "last"}}
    entry = {"merges": None, "tokenizer": "words", "class_names": ("Bolt!", "nut", *["gear of the spring " * 9] * 3)}
    spec = save_clip(tmp_path, siglip, prompts=("the {}",)).model_copy(update=entry)
    checkpoint = source.load(spec, surroundings(tmp_path))

    own = clip.build(siglip)
    own.load_state_dict(load_file(tmp_path / "clip.safetensors"))
    whole = transform_of(own.eval())
    words = Tokenizer.from_file(str(tmp_path / "words/tokenizer.json"))
    words.enable_truncation(16)
    words.enable_padding(length=16, pad_id=1, pad_token="[PAD]")  # noqa: S106  # no password
    prompts = ["the bolt", "the nut", *["the " + "gear of the spring " * 9] * 3]
    tokens = torch.tensor([each.ids for each in words.encode_batch(prompts)])
    assert (tokens[0, -1], tokens[2, -1]) == (1, 2)
    with torch.inference_mode():
        images = own.encode_image(torch.stack([whole(Image.fromarray(each)) for each in photos()]), normalize=True)
        expected = (own.logit_scale.exp() * images @ own.encode_text(tokens, normalize=True).T + own.logit_bias).numpy()
    assert np.allclose(checkpoint(photos()), expected, atol=1e-4)

    named = texts.tokenizer("ViT-B-16-SigLIP", surroundings(tmp_path), None, "words")
    assert named(["a nut"]).shape == (1, 64)
    small = save_clip(tmp_path, {**siglip, "text_cfg": {**siglip["text_cfg"], "vocab_size": 8}})
    with pytest.raises(BlockedError, match="no embeddings for words of its tokenizer"):
        source.load(small.model_copy(update=entry), surroundings(tmp_path))


def test_class_names_of_ones_own():
    """All in order, or some by name; wnids beyond ImageNet's 1,000 are WordNet's words, and never a number."""
    assert texts.class_names(named_space(["a", "b"]), ["ant", "bee"]) == ["ant", "bee"]
    assert texts.class_names(named_space(["a", "b"]), {"b": "bee"}) == ["a", "bee"]
    assert texts.class_names(counted_space(2), ["ant", "bee"]) == ["ant", "bee"]
    assert texts.class_names(label_space("imagenet-1k"), {"n01440764": "fish"})[:2] == ["fish", "goldfish"]
    wide = texts.class_names(label_space("imagenet-21k"))
    assert wide[label_space("imagenet-21k").names.index("n02084071")] == "dog"
    assert not any(name.startswith("n0") for name in wide)
    background = texts.class_names(label_space("imagenet-1k-background"))
    assert background[:2] == ["background", "tench"]
    with pytest.raises(SpecError, match=r"has 1 names, label space .* has 2 classes"):
        texts.class_names(named_space(["a", "b"]), ["ant"])
    with pytest.raises(SpecError, match="class_names: 'c' is no class of"):
        texts.class_names(named_space(["a", "b"]), {"c": "cat"})
    with pytest.raises(SpecError, match="has numbers only"):
        texts.class_names(counted_space(2), {"0": "ant"})


def test_a_template_has_a_place_for_the_class():
    """Without one every class would have the same prompt, and all answers would be equal."""
    with pytest.raises(ValueError, match=r"has no '\{\}' for the class"):
        source.OpenClipSpec(source="open_clip", architecture="ViT-B-32", weights="w", prompts=("a photo",))
