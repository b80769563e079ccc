"""Transferability: what a linear probe on its frozen features can learn of other tasks (paper §3.5)."""

from eyechart.claims import needs, transfer
from eyechart.measures import lead_over_guessing, mean_accuracy


@needs(transfer)
def test_features_serve_another_task(predictions, require):
    """A linear probe on its features beats naming the commonest class by five points."""
    require(lead_over_guessing(predictions), at_least=0.05, because="features that carry nothing lead by 0")


@needs(transfer, each="group")
def test_features_serve_a_group_of_tasks(tasks, require):
    """Over the tasks of a group, linear probes on its features name two images in five on average."""
    require(
        mean_accuracy(tasks),
        at_least=0.40,
        because="structured tasks are the hardest group of the paper: .454 to .512 (§3.5, Table 2)",
    )
