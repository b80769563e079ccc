"""Pytest's door: options, one model → its tests, and the three phases. Hooks only; the session does the work."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from eyechart.errors import EyechartError
from fixtures import allure_results, outcomes
from fixtures.options import add_options, judges, make_session
from fixtures.planning import forewarn, plan
from fixtures.reporting import Reporting
from fixtures.scheduling import ByModel
from fixtures.session import SESSION, JudgeSession

pytest_plugins = ["fixtures.claims", "fixtures.live"]


def _session(config: pytest.Config) -> JudgeSession | None:
    return config.stash.get(SESSION, None)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of docs/interfaces.md."""
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """A plan needs no workers."""
    if config.option.plan:
        config.option.numprocesses = None


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Read models.yaml; a mistake in it or in the options ends pytest with its usage error."""
    if not judges(config):
        return
    try:
        session = make_session(config)
        results = session.reports if session.gate.plan else allure_results.configure(config, session.reports)
    except EyechartError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[SESSION] = session
    for name in session.properties():
        config.addinivalue_line("markers", f"{name}: behaviors of this property")
    if _is_worker(config):
        session.run.adopt(config.workerinput["eyechart"])  # type: ignore[attr-defined]  # xdist's
    else:
        config.pluginmanager.register(Reporting(session, results), "eyechart-reporting")


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Keep the pytest session for the controller's own collection, and begin the reports."""
    judging = _session(session.config)
    if judging and not judging.gate.plan and not session.config.option.collectonly and not _is_worker(session.config):
        judging.pytest_session = session
        try:
            session.config.pluginmanager.get_plugin("eyechart-reporting").begin()
        except EyechartError as error:
            raise pytest.UsageError(str(error)) from error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test of each model × image set × view."""
    if judging := _session(metafunc.config):
        judging.parametrize(metafunc)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note the claims before -k and -m choose among them."""
    if judging := _session(config):
        judging.keep(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Remember what must be reported."""
    if judging := _session(session.config):
        judging.collected = {item.nodeid for item in session.items}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Under xdist the controller collects for itself and predicts, before any worker starts."""
    if judging := _session(config):
        items = judging.collect_here()
        forewarn(judging, items, config)
        judging.predict(items, config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where the predictions are."""
    if judging := _session(node.config):
        node.workerinput["eyechart"] = judging.run.dump()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config) -> ByModel | None:
    """Keep the tests of one model on one worker."""
    judging = _session(config)
    return ByModel(config, judging.models) if judging else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Without xdist: predict, then let pytest judge. With `--plan`: plan, and leave it at that."""
    config = session.config
    judging = _session(config)
    if judging and judging.gate.plan and not config.option.collectonly and not session.testsfailed:
        plan(session, judging)
        return True
    if judging and not config.option.collectonly and not session.testsfailed and not _is_worker(config):
        forewarn(judging, session.items, config)
        judging.predict(session.items, config)
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Name the claim in the report before anything can go wrong."""
    allure_results.label(item)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give the report its verdict's outcome."""
    report = yield
    if judging := _session(item.config):
        outcomes.settle(report, call, item, judging)
        if report.when == "call" or not report.passed:
            allure_results.describe(item, judging.picture(item))
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, object] | None:
    """Show the outcomes that pytest does not have."""
    return outcomes.status(report)
