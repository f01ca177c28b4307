import pytest

from bench.processes import BenchError
from bench.wrk import parse

PRINTED = """\
Running 5s test @ http://127.0.0.1:8080/v1/chat/completions
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   663.00us  100.00us   3.05ms   89.00%
  120000 requests in 5.00s, 100.00MB read
  Non-2xx or 3xx responses: 3
Requests/sec:  24000.00
{"requests":120000,"duration_us":5000000,"p50_us":663.0,"p99_us":1151.0,"highest_us":3051.0,"connect_errors":1,"read_errors":2,"write_errors":0,"timeouts":4,"status_errors":3}
"""


def test_the_result_line_is_found_among_what_wrk_prints() -> None:
    result = parse(PRINTED)

    assert (result.rate, result.p50_us, result.p99_us, result.highest_us) == (24_000, 663.0, 1151.0, 3051.0)


def test_every_kind_of_error_counts_as_a_failure() -> None:
    assert parse(PRINTED).failures == 10


def test_output_without_a_result_line_is_an_error_with_its_last_words() -> None:
    with pytest.raises(BenchError, match="unable to connect"):
        parse("unable to connect to 127.0.0.1:8080 Connection refused\n")
