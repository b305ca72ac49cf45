"""``isolane run``, as contract.md has it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.integration.conftest import EXAMPLES

if TYPE_CHECKING:
    from tests.integration.conftest import Cli


def task(body: str) -> str:
    return f"export default {{\n  async task(payload, env, ctx) {{\n{body}\n  }},\n}};\n"


def test_the_example_prints_its_result_and_its_console(cli: Cli) -> None:
    done = cli("run", EXAMPLES / "task.js", "--payload", '{"name":"😀"}')
    assert (done.returncode, done.stdout) == (0, '{\n  "hello": "😀",\n  "letters": 1\n}\n')
    assert done.stderr == "[INFO] greeting 😀\n"


def test_quiet_leaves_the_console_out(cli: Cli) -> None:
    done = cli("run", EXAMPLES / "task.js", "--quiet")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("value", "stdout"),
    [
        ("undefined", ""),
        ("null", "null\n"),
        ("'text'", '"text"\n'),
        ("[1,[2]]", "[\n  1,\n  [\n    2\n  ]\n]\n"),
        ("{success: true, data: 5}", "5\n"),
        ("{success: true}", ""),
        ("'\\ud800'", '"\\ud800"\n'),
    ],
)
def test_stdout_is_the_results_data(cli: Cli, value: str, stdout: str) -> None:
    cli.write("t.js", task(f"return {value};"))
    done = cli("run", "t.js")
    assert (done.returncode, done.stdout, done.stderr) == (0, stdout, "")


def test_the_payload_arrives_as_it_is(cli: Cli) -> None:
    cli.write("t.js", task("return [payload, typeof payload.big];"))
    payload = '{"a":[1,"\\ud83d",null],"big":12345678901234567890,"é":"\\n"}'
    done = cli("run", "t.js", "--payload", payload, "--json")
    data = json.loads(done.stdout)["data"]
    assert data[0]["a"] == [1, "\ud83d", None]
    assert data[0]["é"] == "\n"
    assert data[1] == "number"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "null.x;",
            "Task failed: TypeError: Cannot read properties of null (reading 'x')\n    at ",
        ),
        ("return {success: false, error: 'no luck'};", "Task failed: Error: no luck\n"),
        ("throw 'a string';", "a string"),
        ("await new Promise(() => {});", "can never settle"),
        ("await fetch('http://127.0.0.1:1080/');", "127.0.0.1 is not a public address"),
        ("return 1n;", "BigInt"),
    ],
)
def test_a_failed_task_says_why_and_exits_1(cli: Cli, body: str, message: str) -> None:
    cli.write("t.js", task(body))
    done = cli("run", "t.js")
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert done.stderr.startswith("Task failed: ")


def test_a_thrown_error_shows_its_line(cli: Cli) -> None:
    cli.write("lib/deep.js", "export function fail() {\n\n  throw new RangeError('deep');\n}\n")
    cli.write("t.js", "import { fail } from './lib/deep.js';\n" + task("fail();"))
    done = cli("run", "t.js")
    assert done.stderr.startswith("Task failed: RangeError: deep\n")
    assert "lib/deep.js:3:" in done.stderr
    assert "t.js:4:" in done.stderr


def test_what_does_not_compile_shows_file_line_and_column(cli: Cli) -> None:
    cli.write("t.js", "export default {\n  task( { return }\n};\n")
    done = cli("run", "t.js")
    assert done.returncode == 1
    assert "SyntaxError" in done.stderr
    assert "t.js:2:" in done.stderr


def test_typescript_keeps_its_lines(cli: Cli) -> None:
    cli.write(
        "lib.ts",
        "export interface Named {\n  name: string;\n}\nexport const shout = (n: Named): string => n.name.toUpperCase();\n",
    )
    cli.write(
        "t.ts",
        "import { type Named, shout } from './lib.ts';\n\ntype Payload = Named & { fail?: boolean };\n\nexport default {\n"
        "  async task(payload: Payload): Promise<string> {\n    if (payload.fail) throw new Error('typed');\n"
        "    return shout(payload);\n  },\n};\n",
    )
    assert cli("run", "t.ts", "--payload", '{"name":"ada"}').stdout == '"ADA"\n'
    assert "t.ts:7:" in cli("run", "t.ts", "--payload", '{"fail":true}').stderr


def test_the_env_file_fills_env(cli: Cli) -> None:
    cli.write("v.env", "A=1\nB='two words'\n")
    cli.write("t.js", task("return env;"))
    done = cli("run", "t.js", "--env-file", "v.env", A="of the process")
    assert json.loads(done.stdout) == {"A": "1", "B": "two words"}


def test_json_is_the_whole_result_in_one_line(cli: Cli) -> None:
    cli.write("t.js", task("console.warn('w'); if (payload) throw new Error('e'); return {a: 1};"))
    good = json.loads(cli("run", "t.js", "--json").stdout)
    assert good["success"] is True
    assert good["data"] == {"a": 1}
    assert good["logs"] == [{"level": "WARN", "text": "w"}]
    assert good["usage"]["wallMs"] > 0
    bad = cli("run", "t.js", "--json", "--payload", "1")
    assert bad.returncode == 1
    assert bad.stdout.count("\n") == 1
    error = json.loads(bad.stdout)["error"]
    assert (error["name"], error["message"]) == ("Error", "e")
    assert "t.js:3:" in error["stack"]


@pytest.mark.parametrize(
    "body", ["for (;;);", "await new Promise((done) => setTimeout(done, 60_000));"]
)
def test_the_timeout_bounds_cpu_and_clock(cli: Cli, body: str) -> None:
    cli.write("t.js", task(body))
    done = cli("run", "t.js", "--timeout", "300")
    assert done.returncode == 1
    assert "(--timeout)" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["gone.js"], 3, "there is no script gone.js"),
        (["t.js", "--payload", "{"], 2, "--payload is no JSON"),
        (["t.js", "--payload", "NaN"], 2, "--payload is no JSON"),
        (["t.js", "--timeout", "soon"], 2, "'soon' is no number of milliseconds"),
        (["t.js", "--env-file", "gone"], 2, "can not read gone"),
        (["t.js", "--unknown"], 2, "--unknown"),
        ([], 2, "SCRIPT"),
    ],
)
def test_wrong_calls_say_what_is_wrong(
    cli: Cli, arguments: list[str], code: int, message: str
) -> None:
    cli.write("t.js", task(""))
    done = cli("run", *arguments)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_stops_the_start_by_name(cli: Cli) -> None:
    cli.write("t.js", task(""))
    done = cli("run", "t.js", V8_EXECUTE="WARM")
    assert done.returncode == 2
    assert "V8_EXECUTE='WARM' can not be used: PINNED, POOLED or ONESHOT is allowed" in done.stderr


def test_an_unknown_v8_flag_is_a_clear_error(cli: Cli) -> None:
    cli.write("t.js", task(""))
    done = cli("run", "t.js", V8_FLAGS="--no-such-flag")
    assert done.returncode not in {0, 2}
    assert "--no-such-flag" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_script_without_a_task_says_what_it_needs(cli: Cli) -> None:
    cli.write("t.js", "export default {};")
    done = cli("run", "t.js")
    assert done.returncode == 1
    assert "no task handler" in done.stderr
