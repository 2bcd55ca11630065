# SPDX-License-Identifier: Apache-2.0
"""Finds in source code every stable code that an error can carry, without running it.

A code is the `check` of a verification error or the `code` of a refusal. It stands in the call that makes the
error, or is handed down to it through a parameter named `check` or `code`; both are followed. What cannot be
followed is an error of the finder, so that no code is missed in silence.
"""

import ast
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

__all__ = ["find_codes"]

_BY_KEYWORD = {
    "VerificationError",
    "SignatureError",
    "ProofError",
    "ChainError",
    "EvidenceError",
    "StatementError",
    "LogMisbehaviourError",
}
_PARAMETERS = ("check", "code")

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def find_codes(files: Iterable[Path], passing_on: Collection[str] = ()) -> dict[str, set[int]]:
    """Every code that the code in `files` can give to an error.

    Args:
        files: Python sources.
        passing_on: `file.py:function` of what raises again a refusal that another process sent.

    Returns:
        By code, the HTTP statuses that are written beside it; none where there is none.

    Raises:
        AssertionError: a code is computed in a way that is not followed.
    """
    modules = [_Module(path) for path in files]
    carriers = {
        name: carrier
        for module in modules
        for name, carrier in module.carriers.items()
        if carrier is not None
    }
    found: dict[str, set[int]] = defaultdict(set)
    for module in modules:
        for call, function in module.calls:
            if function is not None and f"{module.path.name}:{function.name}" in passing_on:
                continue
            expression = _code_of(call, carriers)
            if expression is None:
                continue
            for code in module.resolve(expression, function):
                found[code].update(_status_of(call))
    return dict(found)


def _name_of(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _code_of(call: ast.Call, carriers: dict[str, tuple[str, int]]) -> ast.expr | None:
    """The expression for the code, if the call makes an error or carries a code down."""
    name = _name_of(call)
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    if name in _BY_KEYWORD:
        return keywords.get("check")
    if name == "RefusedError":
        return call.args[0] if call.args else keywords["code"]
    if name in carriers:
        parameter, position = carriers[name]
        if parameter in keywords:
            return keywords[parameter]
        return call.args[position] if position < len(call.args) else None
    return None


def _status_of(call: ast.Call) -> Iterator[int]:
    statuses = [keyword.value for keyword in call.keywords if keyword.arg == "status"]
    for status in statuses:
        if isinstance(status, ast.Constant) and isinstance(status.value, int):
            yield status.value
    if not statuses and _name_of(call) == "RefusedError":
        yield 400


class _Module:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = ast.parse(path.read_text("utf-8"))
        self.calls: list[tuple[ast.Call, _Function | None]] = []
        self.carriers: dict[str, tuple[str, int] | None] = {}
        self.constants: dict[str, ast.expr] = {}
        for node in self.tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                self.constants |= {
                    target.id: node.value for target in targets if isinstance(target, ast.Name)
                }
        self._walk(self.tree, None)

    def _walk(self, node: ast.AST, function: _Function | None) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                self.calls.append((child, function))
            inside = child if isinstance(child, _Function) else function
            if isinstance(child, _Function):
                self._note_carrier(child)
            self._walk(child, inside)

    def _note_carrier(self, function: _Function) -> None:
        arguments = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        if arguments and arguments[0] in {"self", "cls"}:
            arguments = arguments[1:]
        names = [*arguments, *(argument.arg for argument in function.args.kwonlyargs)]
        # `__init__` belongs to the classes that are looked for by name.
        for parameter in _PARAMETERS:
            if parameter in names and function.name != "__init__":
                position = arguments.index(parameter) if parameter in arguments else len(names)
                self.carriers[function.name] = (parameter, position)

    def resolve(self, expression: ast.expr, function: _Function | None) -> set[str]:
        """The values that an expression can have as far as they are written down here."""
        match expression:
            case ast.Constant(value=str(value)):
                return {value} if value else set()
            case ast.IfExp(body=body, orelse=orelse):
                return self.resolve(body, function) | self.resolve(orelse, function)
            case ast.BoolOp(values=values):
                return set().union(*(self.resolve(value, function) for value in values))
            case ast.Attribute(attr="check" | "code"):
                return set()  # another error's, which was found where it was made
            case ast.Name(id=name):
                return self._resolve_name(name, function)
            case ast.JoinedStr():
                return set()  # a prefix before another error's code: the caller knows which
        raise AssertionError(f"{self.path}:{expression.lineno}: {ast.unparse(expression)} is not followed")

    def _resolve_name(self, name: str, function: _Function | None) -> set[str]:
        if name in self.constants:
            return self.resolve(self.constants[name], function)
        assert function is not None, f"{self.path}: {name} is not followed"
        if name in _PARAMETERS and name in {
            argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)
        }:
            return set()  # handed in by a caller, whose call was looked at
        values = [value for node in ast.walk(function) for value in self._assigned(node, name)]
        assert values, f"{self.path}:{function.lineno}: {name} is not followed"
        return set().union(*(self.resolve(value, function) for value in values))

    def _assigned(self, node: ast.AST, name: str) -> Iterator[ast.expr]:
        """What `node` assigns to `name`, alone or as one of several."""
        if not isinstance(node, ast.Assign):
            return
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id == name:
                yield node.value
            elif isinstance(target, ast.Tuple):
                for position, element in enumerate(target.elts):
                    if isinstance(element, ast.Name) and element.id == name:
                        yield from self._parts(node.value, position)

    def _parts(self, value: ast.expr, position: int) -> Iterator[ast.expr]:
        match value:
            case ast.Tuple(elts=elements):
                yield elements[position]
            case ast.Dict(values=values):
                for each in values:
                    yield from self._parts(each, position)
            case ast.Name(id=name) if name in self.constants:
                yield from self._parts(self.constants[name], position)
            case ast.Call(func=ast.Attribute(value=table, attr="get"), args=[_, default]):
                yield from self._parts(table, position)
                yield from self._parts(default, position)
