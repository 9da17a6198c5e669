"""Objects that live as long as the process are set aside once, and are taken back."""

from __future__ import annotations

import gc
import weakref

from openwebui_usage.host.garbage import set_aside


class Node:
    """Something that can be in a circle."""

    def __init__(self) -> None:
        self.other: Node | None = None


def circle() -> weakref.ref[Node]:
    """Two that refer to each other, and nobody to them."""
    one, two = Node(), Node()
    one.other, two.other = two, one
    return weakref.ref(one)


def test_what_lives_is_set_aside_and_taken_back() -> None:
    gc.collect()
    lasting = len(gc.get_objects())
    undo = set_aside()
    assert undo is not None
    try:
        assert gc.get_freeze_count() > 0.9 * lasting
        assert len(gc.get_objects()) < 0.1 * lasting
    finally:
        undo()
    assert gc.get_freeze_count() == 0


def test_garbage_is_collected_before_and_afterwards() -> None:
    before = circle()
    undo = set_aside()
    assert undo is not None
    try:
        assert before() is None
        later = circle()
        gc.collect()
        assert later() is None
    finally:
        undo()


def test_what_somebody_else_has_set_aside_stays() -> None:
    gc.freeze()
    try:
        assert set_aside() is None
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
