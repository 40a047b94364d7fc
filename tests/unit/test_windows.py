from hub.security.windows import Windows


class Clock:
    def __init__(self) -> None:
        self.now = 600.0

    def __call__(self) -> float:
        return self.now


def test_the_hit_past_the_limit_is_told_when_to_come_back() -> None:
    clock = Clock()
    windows = Windows(3, 60, now=clock)
    assert [windows.hit("a") for _ in range(3)] == [0.0, 0.0, 0.0]
    wait = windows.hit("a")
    assert 59 < wait <= 61
    assert windows.hit("b") == 0.0, "another key has its own count"
    clock.now += wait
    assert windows.hit("a") == 0.0
    again = windows.hit("a")
    assert 0 < again <= 21, "the window before fades: one more every 20 s"
    clock.now += again
    assert windows.hit("a") == 0.0


def test_a_full_window_allows_nothing_at_the_turn() -> None:
    clock = Clock()
    windows = Windows(10, 60, now=clock)
    clock.now += 59.9
    assert not any(windows.hit("a") for _ in range(10))
    clock.now += 0.2
    allowed = sum(windows.hit("a") == 0.0 for _ in range(10))
    assert allowed <= 1, "a window that jumps would allow ten more"


def test_after_two_quiet_windows_all_is_forgotten() -> None:
    clock = Clock()
    windows = Windows(2, 60, now=clock)
    assert not any(windows.hit("a") for _ in range(2))
    clock.now += 120
    assert [windows.hit("a") for _ in range(2)] == [0.0, 0.0]


def test_a_refused_hit_is_not_counted() -> None:
    clock = Clock()
    windows = Windows(1, 60, now=clock)
    assert windows.hit("a") == 0.0
    for _ in range(1000):
        assert windows.hit("a") > 0
    clock.now += 120
    assert windows.hit("a") == 0.0


def test_many_keys_take_no_more_memory_than_allowed() -> None:
    windows = Windows(1, 60, keys=3)
    for key in ("old", "a", "b", "c"):
        assert windows.hit(key) == 0.0
    assert windows.hit("old") == 0.0, "it was forgotten for the others"
    assert windows.hit("c") > 0
