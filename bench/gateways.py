"""What stands between load and upstream: one value for every gateway that a bench can drive."""

import msgspec

from bench.wire import CHAT_PATH, PLAIN_MODEL, STREAM_MODEL, chat_body, post


class Gateway(msgspec.Struct, frozen=True):
    """A road from the load to the fake upstreams: none (direct), nginx, Turnpike or another product."""

    name: str
    port: int
    stream_port: int
    headers: dict[str, str]
    stream_headers: dict[str, str]
    worker_pids: list[int]
    version: str = ""
    plain_model: str = PLAIN_MODEL
    stream_model: str = STREAM_MODEL
    path: str = CHAT_PATH

    @property
    def url(self) -> str:
        """Where chat completions that do not stream are asked for."""
        return f"http://127.0.0.1:{self.port}{self.path}"

    def body(self) -> bytes:
        """The body of a call that does not stream."""
        return chat_body(self.plain_model)

    def request(self) -> bytes:
        """A whole request that does not stream."""
        return post(self.path, f"127.0.0.1:{self.port}", self.headers, self.body())
