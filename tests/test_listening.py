"""Work that tells how far it is."""

from projgan.listening import told


def test_each_item_is_told_of_once_its_work_is_done() -> None:
    events: list[object] = []
    for batch in told(["ab", "c"], 3, lambda done, total: events.append((done, total)), len):
        events.append(batch)
    assert events == ["ab", (2, 3), "c", (3, 3)]
    assert list(told(range(2), 2, lambda done, total: events.append(done))) == [0, 1]
    assert events[-2:] == [1, 2]
    assert list(told("xy", 2, None)) == ["x", "y"]
