"""Wrong usage of each kind: exit status 2, a sentence that names what there is, never a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ropewalk.cli.app import app, app_of, json_first, status
from ropewalk.cli.output import Output, plain, short, shown
from ropewalk.core.errors import Conflict, GiveUp, MustFix, NotFound, Problem, RetryLater
from tests.cli.conftest import ROOT, Shell

USAGE = [
    (["nope"], "No such command 'nope'."),
    (["sync"], "Missing argument"),
    (["test", "CRM"], "Missing argument"),
    (["apply"], "Missing argument"),
    (["init", "--organization", "Acme"], "Missing option '--owner'"),
    (["sync", "CRM", "--ful"], "No such option: --ful"),
    (["accounts", "--limit", "0"], "Input should be greater than or equal to 1"),
    (["accounts", "--limit", "501"], "Input should be less than or equal to 500"),
    (["accounts", "--limit", "many"], "Input should be a valid integer"),
    (["serve", "--port", "70000"], "Input should be less than or equal to 65535"),
    (["sync", "CRM", "accounts", "more"], "Got unexpected extra argument"),
]


@pytest.mark.parametrize(("arguments", "said"), USAGE)
def test_what_can_not_be_read(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(arguments) == 2

    out, error = capsys.readouterr()
    assert out == ""
    assert said in error
    assert error.endswith("Try ropewalk --help.\n")


def test_for_scripts_wrong_usage_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["nope", "--json"]) == 2

    out, error = capsys.readouterr()
    assert json.loads(out) == {"error_code": "bad_request", "message": "No such command 'nope'."}
    assert error == ""


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        (["runs"], ["runs"]),
        (["runs", "--json"], ["--json", "runs"]),
        (["--json", "--data", "x", "runs"], ["--json", "--data", "x", "runs"]),
        (["accounts", "--", "--json"], ["accounts", "--", "--json"]),
    ],
)
def test_json_is_understood_anywhere(given: list[str], understood: list[str]) -> None:
    assert json_first(given) == understood


def test_names_that_are_not_there_are_answered_with_those_that_are(crm: Shell) -> None:
    assert [(one.returncode, one.stdout, one.stderr) for one in (
        crm("sync", "ERP"),
        crm("test", "CRM", "contacts"),
        crm("sync", "CRM", "events"),
        crm("--organization", "Beta", "runs"),
        crm("users", "role", "bo@acme.example", "admin"),
        crm("runs", "7"),
        crm("keys", "revoke", "x"),
    )] == [
        (2, "", "Error: There is no connector ERP; there is CRM.\n"),
        (2, "", "Error: CRM has no contacts stream; it has accounts.\n"),
        (2, "", "Error: Events are read live: an event stream has no runs.\n"),
        (2, "", "Error: There is no organization Beta; there is Acme.\n"),
        (2, "", "Error: bo@acme.example is no member of this organization; there is ada@acme.example.\n"),
        (2, "", "Error: 7 is not the id of a run; `ropewalk runs` lists them.\n"),
        (2, "", "Error: There is no live key x; there is no live key.\n"),
    ]  # fmt: skip


def test_several_organizations_have_to_be_told_apart(acme: Shell) -> None:
    acme("init", "--organization", "Beta", "--owner", "bo@beta.example")

    untold, told = acme("users", "list"), acme("--organization", "beta", "users", "list")

    assert (untold.returncode, untold.stderr) == (
        2,
        "Error: Say which organization: ropewalk --organization NAME …; there is Acme, Beta.\n",
    )
    assert (told.returncode, "bo@beta.example" in told.stdout, "ada@acme.example" in told.stdout) == (
        0,
        True,
        False,
    )


def test_nothing_there_yet_names_the_first_step(shell: Shell) -> None:
    empty = shell("accounts")

    assert (empty.returncode, empty.stdout) == (1, "")
    assert "ropewalk init --organization NAME --owner EMAIL" in empty.stderr


def test_bad_settings_of_the_environment_come_all_at_once(shell: Shell) -> None:
    shell.environ |= {
        "ROPEWALK_SECRET_KEY": "planted-short",
        "ROPEWALK_MAX_PAGES": "none",
        "ROPEWALK_LOG_LEVEL": "loud",
    }

    refused = shell("accounts")

    assert refused.returncode == 1
    assert [line.split(":")[0].strip() for line in refused.stderr.splitlines()][1:] == [
        "ROPEWALK_SECRET_KEY",
        "ROPEWALK_MAX_PAGES",
        "ROPEWALK_LOG_LEVEL",
    ]
    assert "planted-short" not in refused.stderr
    assert "Traceback" not in refused.stderr


def test_help_needs_neither_django_nor_the_job_engine() -> None:
    loads = (
        "import sys; from ropewalk.cli.app import status; code = status(['--help']);"
        " sys.exit(code or bool({'django', 'dbos', 'granian', 'rich', 'pycurl', 'pydantic'} & sys.modules.keys()))"
    )
    asked = subprocess.run(
        [sys.executable, "-c", loads],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (asked.returncode, asked.stderr) == (0, "")
    assert asked.stdout.startswith("Usage: ropewalk [OPTIONS] COMMAND [ARGS]...")


def test_each_command_is_found_without_the_others() -> None:
    every = set(app().commands)

    found = {
        name: set(app_of(["--organization", "sync", "--data=x", name, "backup"]).commands) for name in every
    }

    assert [name for name in every if name not in found[name] or found[name] == every] == []
    assert [set(app_of(words).commands) for words in ([], ["--help", "sync"], ["snyc"])] == [every] * 3


def test_help_says_what_every_exit_status_means_and_how_arguments_are_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert status(["--help"]) == status(["apply", "--help"]) == status(["export", "--help"]) == 0

    said = " ".join(capsys.readouterr().out.split())
    for each in (
        "0 done",
        "1 failed",
        "2 wrong usage",
        "3 not all of it",
        "4 plan found something",
        "5 cancelled",
    ):
        assert each in said
    assert "ropewalk apply [OPTIONS] {FILE}... " in said
    assert "ropewalk export [OPTIONS] [NAME]... " in said


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["--version"]) == 0
    assert capsys.readouterr().out.count(".") == 2


# ---- what is said ----


@pytest.mark.parametrize(
    ("error", "body"),
    [
        (
            NotFound("run"),
            {"error_code": "not_found", "message": "There is no such run in this organization."},
        ),
        (Conflict("Taken."), {"error_code": "conflict", "message": "Taken."}),
        (
            Conflict("Off.", code="disabled"),
            {"error_code": "conflict", "message": "Off.", "details": {"reason": "disabled"}},
        ),
        (
            MustFix("invalid", "No.", [Problem("a.b", "Mend it.")]),
            {
                "error_code": "unprocessable_entity",
                "message": "No.",
                "details": {"reason": "invalid", "errors": [{"path": "a.b", "message": "Mend it."}]},
            },
        ),
        (
            RetryLater("queue_unreachable", "Later."),
            {"error_code": "unavailable", "message": "Later.", "details": {"reason": "queue_unreachable"}},
        ),
        (
            GiveUp("web_ended", "Over."),
            {"error_code": "conflict", "message": "Over.", "details": {"reason": "web_ended"}},
        ),
    ],
)
def test_errors_for_scripts(error: Any, body: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).error(error)

    assert json.loads(capsys.readouterr().out) == body


def test_errors_for_people_name_each_problem_once(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [Problem("a.b", "Mend it."), Problem("", "And this.")]

    Output().error(MustFix("invalid", "This can't be. a.b: Mend it.; And this.", problems))
    Output().error(MustFix("invalid_limit", "Too much.", [Problem("limit", "Too much.")]))

    assert capsys.readouterr().err.splitlines() == [
        "Error: This can't be.",
        "  a.b: Mend it.",
        "  And this.",
        "Error: Too much.",
    ]


def test_data_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(("name", "n"), [("\x1b[31mred\x07\u202e", 12_345), ("[bold]x", None), ("", 7)])

    assert capsys.readouterr().out.splitlines() == [
        "name             n",
        "\ufffd[31mred\ufffd\ufffd  12,345",
        "[bold]x          –",
        "–                7",
    ]


def test_values_are_shown_shortly() -> None:
    assert [shown(True), shown(["a", 1]), shown(9_999), short("x" * 100, 5), plain("a\nb")] == [
        "yes",
        '["a", 1]',
        "9999",
        "xxxx…",
        "a\ufffdb",
    ]


def test_reading_less_than_is_said_is_no_failure(acme: Shell, tmp_path: Path) -> None:
    piped = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m ropewalk.cli users list | head -0; echo ${{PIPESTATUS[0]}}"],
        env=acme._environ(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (piped.stdout, piped.stderr) == ("0\n", "")
