"""Tables of the command line."""

from __future__ import annotations

from runner.cli.tables import as_table, paint


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    table = as_table(("NAME", "N"), [("a", 10), ("longer", None), ("b", True)])
    assert table.splitlines() == ["NAME    N", "a       10", "longer", "b       yes"]


def test_what_a_tenant_wrote_can_not_steer_the_terminal() -> None:
    assert "\x1b" not in as_table(("NAME",), [("\x1b[2Jgone\nnext",)])
    assert len(as_table(("NAME",), [("one\ntwo",)]).splitlines()) == 2


def test_colours_are_only_there_if_wanted() -> None:
    assert paint("ok", "green", colours=False) == "ok"
    assert paint("ok", "green", colours=True) == "\x1b[32mok\x1b[0m"
