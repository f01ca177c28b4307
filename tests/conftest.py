"""What every test run shares: the bound on a run's time, and the account of what was skipped."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator

import pytest

IN_CI = bool(os.environ.get("CI"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--within-cpu-seconds",
        type=float,
        default=None,
        help="fail the run when it takes more processor time than this, its children's and collection included",
    )


def pytest_configure(config: pytest.Config) -> None:
    bound = config.getoption("--within-cpu-seconds")
    if bound is not None:
        config.pluginmanager.register(TimeBound(bound))


class TimeBound:
    """Fails a run that as a whole takes more processor time than its bound.

    Processor time, because what else a machine is doing must not decide a test.
    """

    def __init__(self, bound_seconds: float) -> None:
        self.bound_seconds = bound_seconds
        self.taken_seconds = 0.0

    @property
    def exceeded(self) -> bool:
        return self.taken_seconds > self.bound_seconds

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        spent = os.times()
        self.taken_seconds = spent.user + spent.system + spent.children_user + spent.children_system
        if self.exceeded and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.exceeded:
            terminalreporter.section("over the time bound", red=True)
            terminalreporter.line(
                f"This run took {self.taken_seconds:.1f} s of the processor; its bound is {self.bound_seconds:g} s. "
                "The slowest tests: pytest --durations 10."
            )


def pytest_collection_finish() -> None:
    """What was imported and collected lives until the end: the cyclic collector need not look through it again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """In CI a skipped test is a failed one: what is not run is not proven."""
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = _reason(report)
        report.outcome = "failed"
        report.longrepr = f"skipped, and with CI set nothing may be: {reason}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One block at the end of the run: what was not proven here, and why."""
    by_reason: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        by_reason.setdefault(_reason(report), []).append(report.nodeid)
    if not by_reason:
        return
    terminalreporter.section("skipped because …", yellow=True)
    for reason, tests in sorted(by_reason.items()):
        shown = tests[0] if len(tests) == 1 else f"{tests[0]} and {len(tests) - 1} more"
        terminalreporter.line(f"{reason}: {shown}")


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    longrepr = report.longrepr
    text = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
    return text.removeprefix("Skipped: ")
