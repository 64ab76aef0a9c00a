"""Laws of a menu on the bus: numbers stay with their items, and changes are told in full."""

from hypothesis import given

from app.tray.bus.layout import ROOT, Change, Layout, Numbers, change_between, layout_of
from app.tray.look.entries import Item, Menu, Separator, items_of
from app.tray.look.facts import Facts
from app.tray.look.menu import menu_of
from app.wire.local import NodePicture
from tests.tray.strategies import facts, pictures

Nodes = dict[int, dict[str, object]]


def told(before: Layout, change: Change) -> Nodes:
    """The properties that a host knows after the change."""
    known: Nodes = {number: dict(node.properties) for number, node in before.nodes.items()}
    for number, names in change.removed:
        for name in names:
            del known[number][name]
    for number, properties in change.updated:
        known[number].update(properties)
    return known


@given(pictures(), facts(), pictures(), facts())
def test_a_host_that_follows_the_changes_knows_what_one_that_reads_anew_does(
    first: NodePicture | None, before: Facts, second: NodePicture | None, after: Facts
) -> None:
    numbers = Numbers()
    old = layout_of(menu_of(first, before), numbers)
    new = layout_of(menu_of(second, after), numbers)

    change = change_between(old, new)

    known = told(old, change)
    for number, node in new.nodes.items():
        if number in old.nodes:
            assert known[number] == node.properties
    same_tree = {n: node.children for n, node in old.nodes.items()} == {
        n: node.children for n, node in new.nodes.items()
    }
    assert change.is_rearranged is not same_tree


@given(pictures(), facts(), pictures(), facts())
def test_a_number_never_passes_to_another_item(
    first: NodePicture | None, before: Facts, second: NodePicture | None, after: Facts
) -> None:
    numbers = Numbers()
    old = keys_of(menu_of(first, before), numbers)
    new = keys_of(menu_of(second, after), numbers)

    for number in old.keys() & new.keys():
        assert old[number] == new[number]


def keys_of(menu: Menu, numbers: Numbers) -> dict[int, str]:
    return {numbers.of(item.key): item.key for item in items_of(menu)}


def test_no_change_is_told_where_nothing_changed() -> None:
    layout = layout_of((Item(key="a", label="A"),), Numbers())

    assert change_between(layout, layout) == Change()


def test_a_new_label_leaves_the_menu_open() -> None:
    numbers = Numbers()
    before = layout_of((Item(key="a", label="one"), Separator(key="s")), numbers)
    after = layout_of((Item(key="a", label="two"), Separator(key="s")), numbers)

    change = change_between(before, after)

    assert change.updated == ((numbers.of("a"), {"label": "two"}),)
    assert not change.is_rearranged


def test_an_underscore_of_a_name_is_no_key_to_press() -> None:
    layout = layout_of((Item(key="a", label="my_model"),), Numbers())

    assert layout.nodes[1].properties["label"] == "my__model"


def test_the_root_holds_the_first_items() -> None:
    layout = layout_of((Item(key="a", label="A"), Item(key="b", label="B")), Numbers())

    assert layout.nodes[ROOT].children == (1, 2)
