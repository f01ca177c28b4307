import pytest

from bench.figures import percentile, scaled, spread


def test_a_percentile_is_the_nearest_rank() -> None:
    ordered = list(range(1, 101))

    assert [percentile(ordered, rank) for rank in (0, 1, 50, 99, 100)] == [1, 1, 50, 99, 100]


def test_a_percentile_of_one_sample_is_that_sample() -> None:
    assert percentile([7.0], 99.9) == 7.0


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        percentile([], 50)


def test_a_rank_beyond_a_hundred_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        percentile([1.0], 101)


def test_a_spread_does_not_ask_for_order() -> None:
    found = spread([3.0, 1.0, 2.0])

    assert (found.count, found.median, found.p99, found.highest) == (3, 2.0, 3.0, 3.0)


def test_a_spread_of_nothing_says_that_no_answer_came() -> None:
    with pytest.raises(ValueError, match="no sample"):
        spread([])


def test_scaling_keeps_the_count() -> None:
    found = scaled(spread([1000.0, 3000.0]), 1e-3)

    assert (found.count, found.median, found.highest) == (2, 2.0, 3.0)
