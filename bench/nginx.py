"""nginx in the two places where the benches need it: as a fake upstream and as a bare reverse proxy."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench.processes import child, descendants, is_open, wait_until
from bench.wire import reply_body

START_SECONDS = 10.0

_FRAME = """
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 16000; }}
http {{
  access_log off;
  tcp_nodelay on;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  client_body_buffer_size 64k;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
{servers}
}}
"""

_UPSTREAM = """
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ default_type application/json; return 200 '{body}'; }}
  }}
"""

_PROXY = """
  upstream bench_{port} {{
    server 127.0.0.1:{upstream_port};
    keepalive 8192;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://bench_{port};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering {buffering};
      proxy_max_temp_file_size 0;
      proxy_read_timeout 10m;
    }}
  }}
"""


def upstream_server(port: int) -> str:
    """A server that answers every request with the same chat completion."""
    return _UPSTREAM.format(port=port, body=reply_body().decode().replace("\\", "\\\\").replace("'", "\\'"))


def proxy_server(port: int, upstream_port: int, buffering: bool) -> str:
    """A reverse proxy with nothing else to do; unbuffered for streams."""
    return _PROXY.format(port=port, upstream_port=upstream_port, buffering="on" if buffering else "off")


@contextlib.contextmanager
def nginx(folder: Path, port: int, servers: str, core: int) -> Iterator[int]:
    """A running nginx with one worker on one core; gives the worker's pid once the port is open."""
    folder.mkdir(parents=True)
    (folder / "nginx.conf").write_text(_FRAME.format(folder=folder, servers=servers))
    command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with child(command, folder / "out.log", core) as process:
        wait_until(
            lambda: is_open(port) and bool(descendants(process.pid)), _fault(folder), START_SECONDS, process
        )
        yield _worker(process)


def _worker(process: subprocess.Popen[bytes]) -> int:
    return descendants(process.pid)[-1]


def _fault(folder: Path) -> str:
    return f"nginx in {folder.name}/ (see {folder}/error.log) did not start"
