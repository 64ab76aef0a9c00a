"""Rewrite: a parsed template gains the calls by which its work is metered.

Done on Jinja's public syntax tree, before compiling. Added are calls of filters whose names no
template can write (they start with a parenthesis): a filter is the cheapest thing that compiled
template code can call. What templates call themselves, and binary operators, need no rewriting:
Jinja hands both to the sandbox.
"""

from typing import Final, final

from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.visitor import NodeTransformer

TICK: Final = "(tick)"
"""Filter that takes a count of characters: a loop, branch or macro body begins that writes them."""
CONCATENATE: Final = "(concatenate)"
"""Filter over the list of operands of `~`."""
WEIGHED: Final = "(weighed)"
"""Filter that passes a value on after weighing it."""

_BODIES: Final = (
    (nodes.For, ("body", "else_")),
    (nodes.If, ("body", "else_")),
    (nodes.Macro, ("body",)),
    (nodes.CallBlock, ("body",)),
    (nodes.FilterBlock, ("body",)),
    (nodes.AssignBlock, ("body",)),
    (nodes.With, ("body",)),
    (nodes.Block, ("body",)),
)


class GenerationTag(Extension):
    """`{% generation %}...{% endgeneration %}`: marks the assistant's words for training; no-op."""

    tags = {"generation"}  # noqa: RUF012  # Jinja's own shape

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """The statements between the tags."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def metered(template: nodes.Template) -> nodes.Template:
    """The same template, metered. Changes its argument."""
    changed = _Metering().visit(template)
    assert isinstance(changed, nodes.Template)
    return changed


def _call(filter_name: str, argument: nodes.Expr, line: int) -> nodes.Filter:
    return nodes.Filter(argument, filter_name, [], [], None, None, lineno=line)


@final
class _Metering(NodeTransformer):
    """Adds ticks to bodies, and replaces what has no bound of its own."""

    def generic_visit(self, node: nodes.Node, *args: object, **kwargs: object) -> nodes.Node:
        """Children first, then a tick at the head of each body."""
        super().generic_visit(node, *args, **kwargs)
        for kind, fields in _BODIES:
            if isinstance(node, kind):
                for field in fields:
                    body: list[nodes.Node] = getattr(node, field)
                    if body:
                        body.insert(0, self._tick(body, node.lineno))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        """`a ~ b` asks for the length first."""
        self.generic_visit(node)
        return _call(CONCATENATE, nodes.List(node.nodes, lineno=node.lineno), node.lineno)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        """A comparison of two containers walks through both; one with a constant does not."""
        self.generic_visit(node)
        operands = [node.expr, *(operand.expr for operand in node.ops)]
        if not any(_is_constant(operand) for operand in operands):
            node.expr = _call(WEIGHED, node.expr, node.lineno)
            for operand in node.ops:
                operand.expr = _call(WEIGHED, operand.expr, node.lineno)
        return node

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        """A tuple can be a key, and hashing it walks through it."""
        self.generic_visit(node)
        if node.ctx != "load" or _is_constant(node):
            return node
        return _call(WEIGHED, node, node.lineno)

    def _tick(self, body: list[nodes.Node], line: int) -> nodes.Node:
        characters = sum(
            len(part.data)
            for output in body
            if isinstance(output, nodes.Output)
            for part in output.nodes
            if isinstance(part, nodes.TemplateData)
        )
        return nodes.ExprStmt(_call(TICK, nodes.Const(characters), line), lineno=line)


def _is_constant(node: nodes.Node) -> bool:
    if isinstance(node, (nodes.Tuple, nodes.List)):
        return all(isinstance(item, nodes.Const) for item in node.items)
    return isinstance(node, nodes.Const)
