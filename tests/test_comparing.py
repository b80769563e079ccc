"""`eyechart compare`: which verdicts changed between two runs, or two models of a run."""

from __future__ import annotations

import pytest

from eyechart.commands import main as cli
from eyechart.judge.verdict import Outcome
from eyechart.reports.changes import Kind, changes
from eyechart.reports.report import write_verdicts
from tests.test_pages import RUN, claim

NEWER = {"predicted_with": {"vit": {"torch": "2.4.0"}, "net": {"torch": "2.4.0"}}}
P, F, Q, B, N = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.BLOCKED, Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (P, P, Kind.SAME), (B, B, Kind.SAME), (P, Q, Kind.WORSE), (P, F, Kind.WORSE), (Q, F, Kind.WORSE),
        (F, P, Kind.BETTER), (Q, P, Kind.BETTER), (P, B, Kind.OTHER), (B, F, Kind.OTHER), (N, P, Kind.OTHER),
        (None, F, Kind.NEW), (P, None, Kind.GONE),
    ],
)  # fmt: skip
def test_every_pair_of_verdicts_has_its_word(before, after, kind):
    """Pass over inconclusive over fail; what was not measured in one of the runs is neither better nor worse."""
    one = {("vit", "test_a.py::test_b[x]", ""): claim(outcome=before)} if before else {}
    two = {("vit", "test_a.py::test_b[x]", ""): claim(outcome=after)} if after else {}
    assert [change.kind for change in changes(one, two)] == [kind]


@pytest.fixture
def runs(tmp_path):
    """Two runs: one claim got worse, one is the same, one model is new; another checkpoint was judged."""
    other = {"behavior": "test_calibration.py::test_sure[validation]"}
    used = {"predicted_with": {"vit": {"torch": "2.3.0"}, "net": {"torch": "2.4.0"}}}
    write_verdicts(tmp_path / "old", {**RUN, **used}, [claim(), claim(**other)])
    worse = claim(outcome=F, value=0.1, low=0.09, high=0.11)
    write_verdicts(tmp_path / "new", {**RUN, "models": {"vit": "def"}, **NEWER}, [worse, claim(**other), claim("net")])
    return tmp_path


def test_two_runs(runs, capsys):
    """Changes are listed with both measurements, the worse first; what else differs is said; worse is exit code 1."""
    assert cli.main(["compare", str(runs / "old"), str(runs / "new" / "verdicts.json")]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "differs  vit: another checkpoint",
        "differs  vit: predicted with other library versions",
        "worse  vit  test_calibration.py::test_sure[sketch]: pass → fail",
        "         before ece 0.040 [0.030, 0.052], at most 0.08, 4,000 images",
        "         after  ece 0.100 [0.090, 0.110], at most 0.08, 4,000 images",
        "new    net  test_calibration.py::test_sure[sketch]: not judged → pass",
        "         after  ece 0.040 [0.030, 0.052], at most 0.08, 4,000 images",
        "3 claims: 1 worse, 0 better, 0 other, 0 gone, 1 new, 1 same",
    ]


def test_a_run_with_itself(runs, capsys):
    """Nothing changed, exit code 0; --all lists what did not."""
    assert cli.main(["compare", str(runs / "new"), str(runs / "new")]) == 0
    assert capsys.readouterr().out == "3 claims: 0 worse, 0 better, 0 other, 0 gone, 0 new, 3 same\n"
    assert cli.main(["compare", str(runs / "new"), str(runs / "new"), "--all"]) == 0
    assert capsys.readouterr().out.count("same   ") == 3


def test_two_models_of_a_run(runs, capsys):
    """By behavior, whatever they are called; a claim that only one of them has is told."""
    assert cli.main(["compare", "vit", "net", "--reports", str(runs / "new")]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "2 claims: 0 worse, 1 better, 0 other, 1 gone, 0 new, 0 same"


def judged(folder, *claims, **run):
    """A run that left these claims."""
    write_verdicts(folder, {**RUN, **run}, list(claims))
    return str(folder)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([claim("vit")], [claim("best")], (0, "0 gone, 0 new, 1 same")),
        ([claim("vit", B)], [claim("vit")], (0, "0 worse, 0 better, 1 other")),
        ([claim("vit")], [claim("best", F)], (1, "1 worse, 0 better, 0 other")),
        ([claim("vit"), claim("net")], [claim("best")], (1, "1 gone, 0 new, 1 same")),
        ([claim("vit")], [claim("vit", B)], (1, "0 worse, 0 better, 1 other")),
        ([claim("vit"), claim("net")], [claim("other")], (1, "no claim is in both, so nothing was compared")),
        ([], [], (1, "no claim is in both, so nothing was compared")),
    ],
)
def test_a_checkpoint_is_compared_with_its_release(tmp_path, capsys, before, after, told):
    """By what its weights stand for, or as the only models of both; nothing lost, nothing unmeasured is green."""
    old = judged(tmp_path / "old", *before)
    new = judged(tmp_path / "new", *after, stands_for={"best": "vit"})
    code, words = told
    assert cli.main(["compare", old, new]) == code
    assert words in capsys.readouterr().out


def test_models_of_other_names_are_named(tmp_path, capsys):
    """`RUN:MODEL` on either side; a run of several models asks which."""
    old = judged(tmp_path / "old", claim("vit"), claim("net", F))
    new = judged(tmp_path / "new", claim("other"))
    assert cli.main(["compare", f"{old}:vit", f"{new}:other"]) == 0
    assert cli.main(["compare", f"{old}:net", new]) == 0
    assert "1 better" in capsys.readouterr().out
    assert cli.main(["compare", new, f"{old}/verdicts.json:vit"]) == 0
    assert cli.main(["compare", old, f"{new}:other"]) == 2
    assert "which model is compared? that run judged net, vit" in capsys.readouterr().err


def test_an_unknown_model_and_a_missing_run_are_named(runs, capsys):
    """The nearest model is offered; a path that is not there is said to hold no report."""
    assert cli.main(["compare", "vitt", "net", "--reports", str(runs / "new")]) == 2
    assert "no model 'vitt': did you mean 'vit'?" in capsys.readouterr().err
    assert cli.main(["compare", str(runs / "new"), str(runs / "nowhere")]) == 2
    assert "nowhere: no report of a run there" in capsys.readouterr().err
