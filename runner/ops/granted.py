"""Whether a worker has the binding that an op names: the wall between tenants.

JavaScript says a name; where it leads to comes from the deployment alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from runner.errors import OpError

if TYPE_CHECKING:
    from runner.bindings import Binding
    from runner.ops.registry import OpCall

B = TypeVar("B", bound="Binding")


def granted(call: OpCall, name: str, kind: type[B]) -> B:
    """Return the binding of this name and kind that the op's worker was given.

    Raises
    ------
    OpError
        It was given none.

    """
    binding = call.execution.deployment.bindings.get(name)
    if not isinstance(binding, kind):
        tag = kind.__struct_config__.tag
        raise OpError("TypeError", f"this worker has no {tag} binding {name[:64]!r}")
    call.note("isolane.binding", name)
    return binding
