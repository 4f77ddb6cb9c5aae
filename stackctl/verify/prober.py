"""Sends HTTP requests exactly as given and says what came back.

One file, standard library only, Python 3.8 or newer: it runs in this process, or its text is sent to a
Python inside a container, on the network that a claim is about. It decides nothing.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import io
import json
import os
import socket
import ssl
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, Iterable, Iterator  # noqa: UP035  (Python 3.8 has no other)

AT_ONCE = 8
NAME_WITHIN = 2.0
_NO_WAY = (errno.EHOSTUNREACH, errno.ENETUNREACH)


class _Timed(io.RawIOBase):
    """Reads from a socket until a moment: a timeout per read would let a slow peer hold on for ever."""

    def __init__(self, peer: socket.socket, until: float) -> None:
        self.peer = peer
        self.until = until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.peer.settimeout(_left(self.until))
        return self.peer.recv_into(buffer)

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(self)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise socket.timeout("timed out")  # noqa: UP041  (two classes before Python 3.10)
    return left


def _resolve(address: str, port: int, until: float) -> list[Any]:
    """getaddrinfo with an end: a resolver may wait for a name server that is not there.

    A path is a unix socket's.
    """
    if address.startswith("/"):
        return [(socket.AF_UNIX, socket.SOCK_STREAM, 0, "", address)]
    until = min(until, time.monotonic() + NAME_WITHIN)
    found: list[Any] = []

    def ask() -> None:
        with contextlib.suppress(OSError, UnicodeError):  # an empty answer says it
            found.extend(socket.getaddrinfo(address, port, type=socket.SOCK_STREAM))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_left(until))
    return list(found)


def _connect(addresses: list[Any], until: float) -> socket.socket:
    failure: OSError = OSError("no address")
    for family, kind, protocol, _, address in addresses:
        peer = socket.socket(family, kind, protocol)
        try:
            peer.settimeout(_left(until))
            peer.connect(address)
        except OSError as error:
            peer.close()
            failure = error
        else:
            return peer
    raise failure


def _secured(peer: socket.socket, job: dict[str, Any], reply: dict[str, Any], until: float) -> Any:
    """The connection with TLS; what is to be said of the certificate goes into the reply.

    The name is sent as it is, whoever was dialled. A certificate that does not hold is told, and then
    asked again without looking at it: what is behind it matters too.
    """
    trusted = ssl.create_default_context()
    if job.get("ca"):
        trusted.load_verify_locations(cadata=job["ca"])
    found: dict[str, str] = {}
    reply["certificate"] = found
    try:
        peer.settimeout(_left(until))
        secured = trusted.wrap_socket(peer, server_hostname=job["sni"])
        _describe(secured.getpeercert() or {}, found)
    except ssl.SSLCertVerificationError as error:
        found["wrong"] = error.verify_message or str(error)
        peer.close()
    else:
        found["wrong"] = ""
        return secured
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    again = _connect(_resolve(job["address"], job["port"], until), until)
    secured = blind.wrap_socket(again, server_hostname=job["sni"])
    shown = secured.getpeercert(binary_form=True) or b""
    found["default"] = "yes" if b"TRAEFIK DEFAULT CERT" in shown else ""
    return secured


def _describe(certificate: Any, found: dict[str, str]) -> None:
    names = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
    issuer = [value for part in certificate.get("issuer", ()) for key, value in part if key == "commonName"]
    found["names"] = ", ".join(names)
    found["issuer"] = ", ".join(issuer)
    found["until"] = certificate.get("notAfter", "")
    found["left"] = str(int(ssl.cert_time_to_seconds(found["until"]) - time.time()) if found["until"] else 0)


def _sockets() -> tuple[list[str], list[str]]:
    """Where this network listens, and its connections, those just closed included, as `own other`."""
    listens, open_ = set(), set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), open(table) as file:
            for line in list(file)[1:]:
                _, own, other, state = line.split()[:4]
                if state == "0A":
                    listens.add(_shown(own))
                else:
                    open_.add(f"{_shown(own)} {_shown(other)}")
    return sorted(listens), sorted(open_)


def _shown(written: str) -> str:
    """An address as the kernel writes it: words of four bytes, each in the order of this machine."""
    address, _, port = written.partition(":")
    raw = bytes.fromhex(address)
    raw = b"".join(
        raw[at : at + 4][::-1] if sys.byteorder == "little" else raw[at : at + 4]
        for at in range(0, len(raw), 4)
    )
    text = socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
    return text.replace("::ffff:", "") + ":" + str(int(port, 16))


def look(job: dict[str, Any]) -> dict[str, Any]:
    """Where this network listens, and what connections it has while a request is answered."""
    reply: dict[str, Any] = {"id": job["id"], "kind": "looked", "detail": "", "ms": 0}
    seen: set[str] = set()
    if job["method"] != "LISTEN":
        answered: list[dict[str, Any]] = []
        asking = threading.Thread(target=lambda: answered.append(ask({**job, "look": False})), daemon=True)
        asking.start()
        while asking.is_alive():
            seen.update(_sockets()[1])
            asking.join(0.005)
        reply = answered[0] if answered else reply
    listens, connections = _sockets()
    reply.update(listens=listens, connections=sorted(seen | set(connections)))
    return reply


def _text(job: dict[str, Any]) -> bytes:
    name = job["address"] if ":" not in job["address"] else f"[{job['address']}]"
    host = job.get("host") or (name if job["port"] == 80 else f"{name}:{job['port']}")
    lines = [f"{job['method']} {job['path']} HTTP/1.1", "Host: " + host, "Connection: close"]
    lines += ["User-Agent: stackctl", "Accept: */*"]
    lines += [f"{name}: {value}" for name, value in job.get("headers", {}).items()]
    if job["method"] not in ("GET", "HEAD"):
        lines.append("Content-Length: 0")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _body(response: http.client.HTTPResponse, limit: int) -> bytes:
    """Up to `limit` bytes; of a stream that never ends, what came in time."""
    parts: list[bytes] = []
    size = 0
    # Status and headers are there already: that is an answer, however its body ends.
    with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
        while size < limit:
            part = response.read1(limit - size)
            if not part:
                break
            parts.append(part)
            size += len(part)
    return b"".join(parts)


def ask(job: dict[str, Any]) -> dict[str, Any]:
    """One request. `kind` is answer, refused, timeout, unresolved, unroutable, closed or error."""
    began = time.monotonic()
    until = began + job["timeout"]
    reply: dict[str, Any] = {"id": job["id"], "status": 0, "headers": {}, "body": "", "peer": ""}
    peer = None

    def end(kind: str, detail: str = "") -> dict[str, Any]:
        reply.update(kind=kind, detail=detail, ms=round((time.monotonic() - began) * 1000))
        return reply

    try:
        addresses = _resolve(job["address"], job["port"], until)
        if not addresses:
            return end("unresolved", job["address"])
        peer = _connect(addresses, until)
        name = peer.getpeername()
        reply["peer"] = name if isinstance(name, str) else name[0]
        if job.get("sni"):
            peer = _secured(peer, job, reply, until)
        peer.sendall(_text(job))
        response = http.client.HTTPResponse(_Timed(peer, until), method=job["method"])  # type: ignore[arg-type]
        response.begin()
        reply["status"] = response.status
        reply["headers"] = {name.lower(): value for name, value in response.getheaders()}
        reply["body"] = _body(response, job["max_body"]).decode("utf-8", "replace")
        return end("answer")
    except socket.timeout:  # noqa: UP041
        return end("timeout", f"{job['timeout']:g} s")
    except ConnectionRefusedError as error:
        return end("refused", str(error))
    except (ConnectionError, http.client.HTTPException) as error:
        return end("closed", str(error) or type(error).__name__)
    except OSError as error:
        return end("unroutable" if error.errno in _NO_WAY else "error", str(error))
    except (UnicodeError, ValueError) as error:
        return end("error", str(error))
    finally:
        if peer is not None:
            peer.close()


def run(jobs: Iterable[dict[str, Any]], seconds: float) -> Iterator[dict[str, Any]]:
    """All requests. Those of one chain are sent in their order, so that a control comes just before its
    check; chains run beside each other, so that one which waits for silence does not hold up the rest."""
    until = time.monotonic() + seconds
    chains: dict[str, list[dict[str, Any]]] = {}
    for job in jobs:
        chains.setdefault(job["chain"], []).append(job)
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        waiting = [pool.submit(_chain, chain, until) for chain in chains.values()]
        for done in as_completed(waiting):
            yield from done.result()


def _chain(jobs: list[dict[str, Any]], until: float) -> list[dict[str, Any]]:
    replies: list[dict[str, Any]] = []
    nobody: dict[str, dict[str, Any]] = {}
    for job in jobs:
        left = until - time.monotonic()
        if job["address"] in nobody:
            replies.append({**nobody[job["address"]], "id": job["id"]})
        elif left > 0:
            todo = {**job, "timeout": min(job["timeout"], left)}
            replies.append(look(todo) if job.get("look") else ask(todo))
        else:
            replies.append({"id": job["id"], "kind": "error", "detail": "no time was left to ask", "ms": 0})
        if replies[-1]["kind"] == "unresolved":
            # It takes long to learn that nobody has a name.
            nobody[job["address"]] = replies[-1]
    return replies


def _end_with(stdin: int) -> None:
    while os.read(stdin, 4096):
        pass
    os._exit(1)


def main() -> None:
    """Reads one line of jobs from standard input and writes a line per reply."""
    work = json.loads(sys.stdin.buffer.readline())
    # Whoever asked holds standard input open: when he is gone, nobody wants the answers any more.
    threading.Thread(target=_end_with, args=(0,), daemon=True).start()
    for reply in run(work["jobs"], work["seconds"]):
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()
    # A daemon thread that blocks in a read would abort an ordinary exit.
    os._exit(0)


if __name__ == "__main__":
    main()
