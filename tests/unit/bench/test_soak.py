import pytest

from bench.soak import DESCRIPTOR_SLACK, Sample, leaks
from bench.soak_traffic import Case, judged
from bench.turnpike import series

CALM = Sample(seconds=10.0, calls=1000, descriptors=40, rss_bytes=100 * 2**20, in_flight=0.0)
OK = b"HTTP/1.1 200 OK\r\n\r\n"


def a_sample(descriptors: int = 40, rss_mib: int = 100, in_flight: float = 0.0) -> Sample:
    return Sample(20.0, 9000, descriptors, rss_mib * 2**20, in_flight)


def test_a_worker_as_it_was_before_leaks_nothing() -> None:
    assert leaks(CALM, a_sample()) == []


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (a_sample(descriptors=41 + DESCRIPTOR_SLACK), "descriptors grew from 40 to 105"),
        (a_sample(rss_mib=120), "memory grew from 100.0 MiB to 120.0 MiB"),
        (a_sample(in_flight=2.0), "2 calls are still in flight"),
    ],
)
def test_what_a_worker_keeps_is_named(after: Sample, words: str) -> None:
    assert leaks(CALM, after) == [words]


def test_a_status_that_the_case_does_not_allow_is_a_surprise() -> None:
    assert judged(Case("answer", 1, (200,)), b"HTTP/1.1 502 Bad Gateway\r\n\r\n") == "status 502"


def test_a_cut_stream_that_ends_as_a_whole_one_is_a_surprise() -> None:
    cut = Case("cut", 1, (200,), streams=True, whole=False)

    assert judged(cut, OK + b"data: {}\n\n") is None
    assert judged(cut, OK + b"data: {}\n\ndata: [DONE]\n\n") == "a cut stream looks whole"


def test_a_whole_stream_without_its_end_is_a_surprise() -> None:
    assert judged(Case("stream", 1, (200,), streams=True), OK + b"data: {}\n\n") == "the stream has no end"


def test_an_answer_that_is_not_http_is_a_surprise() -> None:
    assert judged(Case("answer", 1, (200,)), b"HTTP") == "the answer is not HTTP"


def test_series_keep_their_labels_and_skip_others() -> None:
    exposition = '# TYPE a_b gauge\na_b{x="1 2"} 3\na_c 4.5\nz 1\n'

    assert series(exposition, "a_") == {'a_b{x="1 2"}': 3.0, "a_c": 4.5}
