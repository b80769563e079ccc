"""`eyechart init`: what a repository lacks to judge its own checkpoint. It overwrites nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from eyechart.commands import starting
from eyechart.commands.saying import say
from eyechart.commands.workflows import FILES, kind_of, workflow
from eyechart.errors import EyechartError, SpecError
from eyechart.images.readers.folder import contents_of
from eyechart.images.walking import folders_in
from eyechart.predict.locating import Locator
from eyechart.predict.run import Run, Settings
from eyechart.progress import Progress
from eyechart.zoo.places import MODELS, places
from eyechart.zoo.zoo import read_zoo

MODEL, ZOO = "candidate", "mine"


def add_init(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand `init`."""
    parser = commands.add_parser("init", help="write what this repository lacks to judge a checkpoint of its own")
    parser.add_argument("--source", choices=("timm", "open_clip"), default="timm", help="the library that builds it")
    parser.add_argument("--architecture", metavar="NAME", help="the library's name of it: resnet50, ViT-B-16")
    parser.add_argument("--weights", metavar="FILE", help="its state dict or training checkpoint")
    parser.add_argument("--factory", metavar="MODULE:FUNCTION", help="in place of these: Python that returns the model")
    parser.add_argument("--images", metavar="DIR", help="labeled images it was not trained on, a folder for each class")
    parser.add_argument("--ci", choices=FILES, help="whose workflow to write (default: by the remote, else github)")
    parser.set_defaults(run=_init)


def _init(options: argparse.Namespace) -> int:
    here = Path.cwd()
    of_model = ("factory",) if options.factory else ("architecture", "weights")
    given = {name: getattr(options, name) for name in (*of_model, "images")}
    missing = [f"--{name}" for name, value in given.items() if not value]
    if not (here / MODELS).exists():
        if missing:
            say(f"{MODELS} is not written without {', '.join(missing)}; docs/models-yaml.md shows one of every kind")
        else:
            source = "python" if options.factory else options.source
            paths = {"weights": _from(here, given["weights"])} if "weights" in given else {}
            _write_models(here, {"source": source, **{name: given[name] for name in of_model}, **paths}, options.images)
    elif len(missing) < len(given):
        say(f"{MODELS} is there already, and left as it is: {', '.join(given)} are not written into it")
    starting.write(here / "behaviors" / "test_own.py", starting.BEHAVIOR)
    starting.write(here / "behaviors" / "conftest.py", starting.APART)
    kind = options.ci or kind_of(here)
    inside = {name: _from(here, path) if (path := given.get(name)) else "" for name in ("weights", "images")}
    starting.write(here / FILES[kind], workflow(kind, **inside))
    _ignore(here / ".gitignore")
    if (here / MODELS).exists():
        say("next: eyechart run")
        return 0
    say("next: eyechart init --architecture NAME --weights FILE --images DIR")
    return 1


def _write_models(here: Path, model: Mapping[str, str], images: str) -> None:
    """Write `models.yaml` and load the checkpoint by it; a file that loads none is not left behind.

    `model` is its entry there. Raises EyechartError for images without class folders, and for a checkpoint that does
    not fit them.
    """
    classes = _class_folders(Path(images))
    file = here / MODELS
    file.write_text(starting.models_yaml(model, _from(here, images), classes), encoding="utf-8")
    try:
        run = Run(read_zoo(file, ZOO), Settings(places(here).store))
        resolved = Locator(run, Progress(sys.stderr)).checkpoint(MODEL).resolved
    except EyechartError as error:
        file.unlink()
        raise SpecError(
            f"{error}\n{MODELS} is not written. The folders under {images} name {len(classes)} classes "
            f"({_few(classes)}), and the head must have one output for each, in this order; where it has more, "
            f"give {images} a folder, perhaps empty of images, for each output"
        ) from error
    named = model.get("factory") or f"{model['architecture']} with {model['weights']}"
    say(f"wrote {MODELS}: {named}, judged on {images}")
    say(f"  classes        {len(classes)}, named and ordered by their folders: {_few(classes)}")
    if all(name.isdecimal() for name in classes):
        say("                 folders of digits are numbers: folder 10 is output 10, however folders sort")
    say(f"  preprocessing  {resolved.assumed or resolved.preprocessing}")


def _class_folders(root: Path) -> list[str]:
    """Name the class folders in the order in which training scripts number them. Raises SpecError without any."""
    if not root.is_dir():
        raise SpecError(f"--images {root}: there is no such folder")
    contents = contents_of(root, 2)
    if not contents.images:
        elsewhere = contents.elsewhere
        where = f"; {len(elsewhere)} lie elsewhere, such as {elsewhere[0]}" if elsewhere else ""
        raise SpecError(f"--images {root}: expected {root}/CLASS/IMAGE, found no image there{where}")
    return folders_in(root)


def _from(here: Path, path: str) -> str:
    """Write a path as `models.yaml` has it: from its folder where it lies in it, else absolute."""
    file = Path(path).expanduser().absolute()
    return file.relative_to(here).as_posix() if file.is_relative_to(here) else str(file)


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def _ignore(file: Path) -> None:
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    missing = [line for line in starting.IGNORED if line not in text.splitlines()]
    if missing:
        start = text if text.endswith("\n") or not text else f"{text}\n"
        file.write_text(start + "\n".join([*missing, ""]), encoding="utf-8")
        say(f"added {', '.join(missing)} to {file.name}")
