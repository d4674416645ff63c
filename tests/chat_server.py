"""A server of chat completions on this machine, which answers by a rule, and fails by it."""

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What is sent: the `text` of a completion, or an error of another `status`; late, or `cut` off."""

    text: str | None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: bool = False
    finish: str = "stop"
    served: str = "served-1"
    tokens: tuple[int, int] = (20, 1)


# What a rule is told: the request, and how often its like came before.
Rule = Callable[[dict[str, Any], int], Reply]


def content(body: Mapping[str, Any]) -> tuple[str, ...]:
    """What makes a request the same as another: the model, the seed and all messages."""
    return (str(body["model"]), str(body.get("seed")), *(str(m["content"]) for m in body["messages"]))


class ChatServer:
    """Answers by `rule`; `asked` counts requests by their content, `answered` those answered whole."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.asked: Counter[tuple[str, ...]] = Counter()
        self.answered: Counter[tuple[str, ...]] = Counter()
        self.times: dict[tuple[str, ...], list[float]] = {}
        self.bodies: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.lock = threading.Lock()
        self.port = 0
        self.alive = False
        self.life = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> "ChatServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.die()

    def start(self) -> None:
        """Listen, at the port of the life before if there was one."""
        self.life += 1
        self.alive = True
        self._http = _Http(("127.0.0.1", self.port), _handler(self, self.life))
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    def die(self) -> None:
        """Stop listening, and answer nobody any more."""
        with self.lock:
            lived, self.alive = self.alive, False
        if lived:
            self._http.shutdown()
            self._http.server_close()
            self._thread.join()

    def lives(self, life: int) -> bool:
        """Whether it is still the life that began as number `life`."""
        return self.alive and self.life == life


class _Http(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False


def _handler(server: ChatServer, life: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            # A client that was killed hangs up: no news.
            try:
                super().handle()
            except ConnectionError:
                self.close_connection = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            what = content(body)
            with server.lock:
                if not server.lives(life):
                    self.close_connection = True
                    return
                before = server.asked[what]
                server.asked[what] += 1
                server.times.setdefault(what, []).append(time.monotonic())
                server.bodies.append(body)
                server.keys.add(self.headers.get("Authorization", ""))
            reply = server.rule(body, before)
            time.sleep(reply.delay)
            with server.lock:
                if not server.lives(life):
                    self.close_connection = True
                    return
                self._send(reply)
                server.answered[what] += reply.status == 200 and not reply.cut

        def _send(self, reply: Reply) -> None:
            data = json.dumps(
                _completion(reply) if reply.status == 200 else {"error": {"message": reply.text}}
            )
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2 if reply.cut else len(data)].encode())
            self.close_connection = reply.cut

    return Handler


def _completion(reply: Reply) -> dict[str, Any]:
    sent, answered = reply.tokens
    message = {"role": "assistant", "content": reply.text}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": reply.served,
        "choices": [{"index": 0, "finish_reason": reply.finish, "message": message}],
        "usage": {"prompt_tokens": sent, "completion_tokens": answered, "total_tokens": sent + answered},
    }


def main() -> None:
    """Serve in a process of its own, until killed: late by the seconds given, with the number of a thing."""

    def rule(body: dict[str, Any], before: int) -> Reply:
        return Reply(
            body["messages"][-1]["content"].split("thing ")[1].split(".")[0], delay=float(sys.argv[1])
        )

    with ChatServer(rule) as server:
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
