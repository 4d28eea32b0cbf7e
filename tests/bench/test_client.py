"""The load client reads answers as they come, in whatever pieces."""

import pytest
from bench.client import AnswerReader, latency_of

_CREATED = b'HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"id":1}'
_NOTHING = b"HTTP/1.1 204 No Content\r\nx-request-id: a-1\r\n\r\n"


@pytest.mark.parametrize("cut", range(1, len(_CREATED)))
def test_an_answer_cut_anywhere_is_read_whole(cut: int):
    reader = AnswerReader()

    assert reader.feed(_CREATED[:cut]) is None
    assert reader.feed(_CREATED[cut:]) == (201, b'{"id":1}')


def test_one_reader_reads_answer_after_answer():
    reader = AnswerReader()

    assert [reader.feed(_CREATED), reader.feed(_NOTHING), reader.feed(_CREATED)] == [
        (201, b'{"id":1}'),
        (204, b""),
        (201, b'{"id":1}'),
    ]


def test_an_answer_of_unknown_length_is_refused():
    with pytest.raises(ValueError, match="without Content-Length"):
        AnswerReader().feed(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")


def test_percentiles_are_values_that_were_measured():
    latency = latency_of([number / 1000 for number in range(1, 101)])

    assert [round(value) for value in (latency.p50, latency.p95, latency.p99, latency.most)] == [
        51,
        96,
        100,
        100,
    ]
