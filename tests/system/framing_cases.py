"""Requests that servers have been known to read in two ways, each with where it is told of.

Sources: smuggler: github.com/defparam/smuggler, configs/exhaustive.py and doubles.py. llhttp:
github.com/nodejs/llhttp, test/request/*.md. go: golang/go, src/net/http/readrequest_test.go and
serve_test.go. portswigger: PortSwigger's pages on request smuggling. probe: mda2av.github.io/Http11Probe.
garden: Kallus et al., "The HTTP Garden" (arXiv 2405.17737). rfc: RFC 9110 and RFC 9112, by section.
"""

from __future__ import annotations

from collections.abc import Iterator

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"
HOST = "Host: a\r\n"
END = "\r\n"
LINE = "POST /v1/chat/completions HTTP/1.1\r\n" + HOST
CHUNKED = LINE + "Transfer-Encoding: chunked\r\n\r\n"
LAST = "0\r\n\r\n"
GET = "GET / HTTP/1.1\r\n"

CASES: dict[str, str] = {
    # Two lengths
    "portswigger CL.TE": LINE + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST,
    "portswigger TE.CL": LINE + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + LAST,
    "portswigger TE.TE, x": LINE + "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n" + LAST,
    "smuggler revdualchunk": LINE + "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST,
    "llhttp identity with length": LINE + "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nWorld",
    "llhttp length with empty coding": LINE + "Content-Length: 5\r\nTransfer-Encoding:\r\n\r\n" + LAST,
    "go smuggle_two_contentlen": LINE + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    "go smuggle_two_content_len_head": "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n1234",
    "rfc 9112 6.3: the same length twice": LINE + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "rfc 9112 6.3: a list of lengths": LINE + "Content-Length: 3, 3\r\n\r\nabc",
    "rfc 9112 7.1.2: a length in a trailer": CHUNKED + "1\r\na\r\n0\r\nContent-Length: 9\r\n\r\n",
    "rfc 9112 7.1.2: a coding in a trailer": CHUNKED + "1\r\na\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    # Lengths that are none
    "go notdigits": LINE + "Content-Length: notdigits\r\n\r\n",
    "garden +": LINE + "Content-Length: +3\r\n\r\nabc",
    "garden -": LINE + "Content-Length: -3\r\n\r\nabc",
    "garden _": LINE + "Content-Length: 1_0\r\n\r\nabcdefghij",
    "probe hexadecimal": LINE + "Content-Length: 0x3\r\n\r\nabc",
    "probe leading zeros": LINE + "Content-Length: 003\r\n\r\nabc",
    "llhttp empty": LINE + "Content-Length:\r\n\r\nabc",
    "llhttp spaces #2": LINE + "Content-Length: 4 2\r\n\r\nabcd",
    "llhttp overflow": LINE + "Content-Length: 1000000000000000000000\r\n\r\n",
    "llhttp CR instead of dash": LINE + "Content\rLength: 3\r\n\r\nabc",
    "rfc 9110 8.6: a fraction": LINE + "Content-Length: 3.0\r\n\r\nabc",
    # Codings that are not chunked
    "llhttp pigeons": LINE + "Transfer-Encoding: pigeons\r\n\r\n",
    "smuggler xchunked": LINE + "Transfer-Encoding: xchunked\r\n\r\n" + LAST,
    "smuggler lazygrep": LINE + "Transfer-Encoding: chunk\r\n\r\n" + LAST,
    "smuggler commaCow": LINE + "Transfer-Encoding: chunked, cow\r\n\r\n" + LAST,
    "smuggler cowComma": LINE + "Transfer-Encoding: cow, chunked\r\n\r\n" + LAST,
    "smuggler nested": LINE + "Transfer-Encoding: cow chunked bar\r\n\r\n" + LAST,
    "smuggler quoted": LINE + 'Transfer-Encoding: "chunked"\r\n\r\n' + LAST,
    "smuggler aposed": LINE + "Transfer-Encoding: 'chunked'\r\n\r\n" + LAST,
    "smuggler vertprefix1": LINE + "Transfer-Encoding:\x0bchunked\r\n\r\n" + LAST,
    "smuggler linewrapped1": LINE + "Transfer-Encoding:\n chunked\r\n\r\n" + LAST,
    "probe chunked-with-params": LINE + "Transfer-Encoding: chunked;ext=val\r\n\r\n" + LAST,
    "rfc 9112 6.1: HTTP/1.0": "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST,
    "rfc 9112 7: a list": LINE + "Transfer-Encoding: chunked, chunked\r\n\r\n" + LAST,
    # Chunks
    "llhttp no semicolon": CHUNKED + "2 erfrferferf\r\naa\r\n" + LAST,
    "llhttp no extension after semicolon": CHUNKED + "2;\naa\r\n" + LAST,
    "llhttp unbalanced quoting": CHUNKED + '5;a="abc";b="def; ghi\r\nhello\r\n' + LAST,
    "probe chunk-ext-lf": CHUNKED + "5;\nhello\r\n" + LAST,
    "probe bare LF in an extension": CHUNKED + "5;a\nb\r\nhello\r\n" + LAST,
    "probe bare CR in an extension": CHUNKED + "5;a\rb\r\nhello\r\n" + LAST,
    "garden 0x": CHUNKED + "0x3\r\nabc\r\n" + LAST,
    "garden + before a size": CHUNKED + "+3\r\nabc\r\n" + LAST,
    "garden - before a size": CHUNKED + "-3\r\nabc\r\n" + LAST,
    "garden _ in a size": CHUNKED + "1_0\r\nabc\r\n" + LAST,
    "garden space before a size": CHUNKED + " 3\r\nabc\r\n" + LAST,
    "garden space behind a size": CHUNKED + "3 \r\nabc\r\n" + LAST,
    "garden bare LF behind a size": CHUNKED + "3\nabc\r\n" + LAST,
    "garden bare LF behind data": CHUNKED + "3\r\nabc\n" + LAST,
    "garden bare CR behind data": CHUNKED + "3\r\nabc\rX" + LAST,
    "garden data longer than its size": CHUNKED + "3\r\nabcd\r\n" + LAST,
    "garden bytes in place of CRLF": CHUNKED + "3\r\nabcXX" + LAST,
    "garden bare LF at the end": CHUNKED + "3\r\nabc\r\n0\n\n",
    "garden bare LF in a trailer": CHUNKED + "0\r\nX: y\n\r\n",
    "garden space before a trailer's colon": CHUNKED + "0\r\nX : y\r\n\r\n",
    "probe size overflow": CHUNKED + "FFFFFFFFFFFFFFFFF\r\nabc\r\n" + LAST,
    "probe size wraps around": CHUNKED + "10000000000000003\r\nabc\r\n" + LAST,
    "rfc 9112 7.1: no size": CHUNKED + "\r\nabc\r\n" + LAST,
    # Lines
    "llhttp headers separated by CR": GET + HOST + "Foo: 1\rBar: 2\r\n\r\n",
    "llhttp headers separated by LF": LINE + "x:x\nTransfer-Encoding: chunked\r\n\r\n1\r\nA\r\n" + LAST,
    "llhttp headers separated by dummy characters": GET
    + "Connection: close\r\nHost: a\r\n\rZGET /evil: HTTP/1.1\r\nHost: a\r\n\r\n",
    "llhttp empty headers separated by CR": LINE + "x:\rTransfer-Encoding: chunked\r\n\r\n1\r\nA\r\n" + LAST,
    "llhttp empty headers separated by LF": LINE + "x:\nTransfer-Encoding: chunked\r\n\r\n1\r\nA\r\n" + LAST,
    "llhttp missing CR between headers": GET + HOST + "Dummy: x\nContent-Length: 23\r\n\r\n",
    "llhttp only LFs": "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n0\n\n",
    "rfc 9112 2.2: LF behind the last header": GET + HOST + "\n",
    "rfc 9112 2.2: LF before a request": "\n" + GET + HOST + END,
    "rfc 9112 2.2: CR before a request": "\r" + GET + HOST + END,
    "rfc 9112 2.2: a space before a request": " " + GET + HOST + END,
    "rfc 9112 2.2: NUL before a request": "\0" + GET + HOST + END,
    "rfc 9112 2.2: a space before the first header": GET + " " + HOST + END,
    "go leading_tab_in_header": GET + "\t" + HOST + END,
    "llhttp spaces before headers": LINE + "Foo: bar\r\n Content-Length: 38\r\n\r\n",
    "rfc 9112 5.2: a folded header": GET + HOST + "X: y\r\n\tz\r\n\r\n",
    # Names and values
    "go space before the colon": GET + HOST + "Foo : bar\r\n\r\n",
    "go tab before the colon": GET + HOST + "Foo\t: bar\r\n\r\n",
    "go space in a name": GET + HOST + "A space: foo\r\n\r\n",
    "go binary in a name": GET + HOST + "foo\xffbar: foo\r\n\r\n",
    "go NUL in a name": GET + HOST + "foo\0bar: foo\r\n\r\n",
    "go no name": GET + HOST + ": empty key\r\n\r\n",
    "llhttp invalid token #1": GET + HOST + "Fo@: Failure\r\n\r\n",
    "llhttp folded name": GET + HOST + "name\r\n : value\r\n\r\n",
    "llhttp corrupted Connection": GET + HOST + "Connection\r\033\065\325eep-Alive\r\n\r\n",
    "rfc 9110 5.5: NUL in a value": GET + HOST + "X: a\0b\r\n\r\n",
    "rfc 9110 5.5: a control character in a value": GET + HOST + "X: a\x01b\r\n\r\n",
    "rfc 9112 5: no colon": GET + HOST + "nocolon\r\n\r\n",
    "rfc 9112 3.2: two hosts": GET + HOST + "Host: b\r\n\r\n",
    "rfc 9112 3.2: no host": GET + END,
    "two keys": GET + HOST + "Authorization: a\r\nAuthorization: b\r\n\r\n",
    # Request lines
    "llhttp ICE": "GET / ICE/1.0\r\nHost: a\r\n\r\n",
    "llhttp IHTTP": "GET / IHTTP/1.0\r\nHost: a\r\n\r\n",
    "llhttp invalid version": "GET / HTTP/5.6\r\nHost: a\r\n\r\n",
    "llhttp MKCOLA": "MKCOLA / HTTP/1.1\r\nHost: a\r\n\r\n",
    "go bad_connect_host": "CONNECT []%20%48%54%54%50%2f%31%2e%31%0a%0a HTTP/1.0\r\n\r\n",
    "go GE(T": "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n",
    "probe HTTP/2 preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "probe binary garbage": "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
    "probe NUL in the target": "GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n",
    "probe non-ASCII in the target": "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
    "probe a fragment in the target": "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
    "rfc 9112 3: a space in the target": "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "rfc 9112 3: a space at the end": "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
    "rfc 9112 3: tabs": "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n",
    "rfc 9112 3.2: no slash": "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
    "rfc 9112 2.3: lower case": "GET / http/1.1\r\nHost: a\r\n\r\n",
    "rfc 9112 2.3: HTTP/1.10": "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
    "rfc 9112 2.3: HTTP/0.9": "GET / HTTP/0.9\r\nHost: a\r\n\r\n",
    "an odd method": "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a lower-case method": "get / HTTP/1.1\r\nHost: a\r\n\r\n",
    "an upgrade": GET + HOST + "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n",
}


def coding_mutations() -> Iterator[tuple[str, str]]:
    """What smuggler does to the header `Transfer-Encoding: chunked`, byte by byte."""
    for code in (*range(0x21), *range(0x7F, 0x100)):
        odd = chr(code)
        for name, header in (
            ("before", f"{odd}Transfer-Encoding: chunked"),
            ("behind the name", f"Transfer-Encoding{odd}: chunked"),
            ("before the value", f"Transfer-Encoding:{odd}chunked"),
            ("behind the value", f"Transfer-Encoding: chunked{odd}"),
            ("around the name", f"{odd}Transfer-Encoding{odd}: chunked"),
            ("around the value", f"Transfer-Encoding:{odd}chunked{odd}"),
            ("around the colon", f"Transfer-Encoding{odd}:{odd}chunked"),
        ):
            yield f"{code:02x} {name}", header
    yield "x-rout", "X:X\rTransfer-Encoding: chunked"
    yield "x-nout", "X:X\nTransfer-Encoding: chunked"
    yield "0dspam", "Transfer\r-Encoding: chunked"
    yield "spacejoin1", "Transfer Encoding: chunked"
    yield "accentCH", "Transfer-Encoding: ch\x96nked"
    yield "accentTE", "Transf\x82r-Encoding: chunked"
    yield "sarcasm", "TrAnSFer-EnCODinG: cHuNkeD"
    yield "contentEnc", "Content-Encoding: chunked"
