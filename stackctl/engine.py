"""How to reach the Docker Engine, and one connection for reading from it.

Importing the `docker` SDK costs more than a whole run that changes nothing, so reads go over `http.client`.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlencode

from stackctl.endpoint import Endpoint, endpoint
from stackctl.errors import EngineUnavailable, StackctlError
from stackctl.event_stream import EventStream
from stackctl.log_stream import demultiplexed

if TYPE_CHECKING:
    from docker import DockerClient

_TIMEOUT = 60.0
_SHORT = 5.0
"""For what nothing depends on."""
_LONG = 1800.0
"""For what moves whole images."""
_PIECE = 1 << 20


class NotThere(StackctlError):
    """The Engine answered 404: the object was removed in the meantime."""


class Engine:
    """One Docker Engine. Reads share one keep-alive connection; not for use by several threads."""

    def __init__(self, at: Endpoint) -> None:
        self.endpoint = at
        self.version = ""
        """The Engine's version, known after `connect`; empty where a proxy in between keeps it."""
        self._connection: http.client.HTTPConnection | None = None

    @classmethod
    def connect(cls, environ: Mapping[str, str] | None = None) -> Engine:
        """The Engine that the `docker` command would speak to; raises EngineUnavailable if none answers."""
        engine = cls(endpoint(os.environ if environ is None else environ))
        engine.get("/_ping")
        if not engine.version:
            # A proxy in between may keep the header, and still answer this.
            with suppress(StackctlError, KeyError, TypeError):
                engine.version = str(engine.get("/version")["Version"])
        return engine

    @property
    def is_local(self) -> bool:
        """Whether the Engine runs on this host, so that files which it mounts are those seen from here."""
        return self.endpoint.is_local

    def get(self, path: str, **query: object) -> Any:
        """One read, as JSON. Query values that are maps or lists are sent as JSON, True as 1."""
        body = self.get_bytes(path, **query)
        try:
            return json.loads(body)
        except ValueError:
            return body.decode(errors="replace")

    def get_bytes(self, path: str, **query: object) -> bytes:
        """One read, as it came."""
        target = _target(path, query)
        fresh = self._connection is None
        try:
            response, body = self._read(target)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            # An idle keep-alive connection may be closed by the other side at any time; a new one tells
            # whether the Engine is gone or only the connection was.
            if fresh:
                raise self._gone(error) from error
            try:
                response, body = self._read(target)
            except (OSError, http.client.HTTPException) as again:
                raise self._gone(again) from again
        except (OSError, http.client.HTTPException) as error:
            raise self._gone(error) from error
        self.version = _version(response) or self.version
        _expect_success(response, path, body)
        return body

    def start(self, container: str) -> str:
        """Start a container; several threads may. What the Engine says against it; empty where it runs."""
        response, body = self._exchanged("POST", f"/containers/{quote(container)}/start", None, {})
        return _said(response, body) if response.status >= 400 else ""

    def start_inside(self, container: str, argv: Sequence[str]) -> str:
        """Starts a program inside a running container, as its user, and waits for nothing.

        The id under which the event `exec_die` tells how it ended; empty where the Engine refuses or is slow.
        """
        try:
            made, body = self._posted(f"/containers/{quote(container)}/exec", {"Cmd": list(argv)})
            if made.status >= 400:
                return ""
            id = str(json.loads(body)["Id"])
            begun, _ = self._posted(f"/exec/{quote(id)}/start", {"Detach": True})
        except StackctlError:
            return ""
        return id if begun.status < 400 else ""

    def logs(self, container: str, tail: int = 20) -> str:
        """The last lines that a container wrote, both streams in order."""
        raw = self.get_bytes(f"/containers/{quote(container)}/logs", stdout=True, stderr=True, tail=tail)
        return demultiplexed(raw).decode(errors="replace")

    def events(self, filters: Mapping[str, object]) -> EventStream:
        """What happens on the Engine from now on; subscribed when this returns."""
        connection = self._connect(_TIMEOUT)
        try:
            connection.request("GET", _target("/events", {"filters": dict(filters)}))
            response = connection.getresponse()
            if response.status >= 400:
                _expect_success(response, "/events", response.read())
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._gone(error) from error
        except BaseException:
            connection.close()
            raise
        return EventStream(connection, response, self._gone)

    def sdk(self) -> DockerClient:
        """The docker SDK on the same Engine, for whoever creates containers; imported only here."""
        import docker
        from docker.errors import DockerException
        from docker.tls import TLSConfig

        tls = self.endpoint.tls
        try:
            return docker.DockerClient(
                base_url=self.endpoint.url,
                version="auto",
                tls=TLSConfig(
                    client_cert=(str(tls / "cert.pem"), str(tls / "key.pem")), ca_cert=str(tls / "ca.pem")
                )
                if tls
                else False,
            )
        except DockerException as error:
            raise self._gone(error) from error

    def digest(self, reference: str) -> str:
        """What a tag means in its registry now, asked by the Engine, with the logins of `docker login`.

        Nothing is pulled. Raises StackctlError where the registry does not say.
        """
        from docker.errors import DockerException

        sdk = self.sdk()
        try:
            api: Any = sdk.api
            return str(api.inspect_distribution(reference)["Descriptor"]["digest"])
        except (DockerException, OSError, KeyError) as error:
            told = str(getattr(error, "explanation", None) or error)
            raise StackctlError(
                f"no registry says what `{reference}` is",
                "see whether it is spelt right, whether you are logged in, and whether the registry answers",
                told,
            ) from error
        finally:
            sdk.close()

    def save(self, images: list[str], into: IO[bytes]) -> None:
        """Writes these images, by id, as one archive, as `docker save` does."""
        connection = self._connect(_LONG)
        try:
            names = [("names", image) for image in images]
            connection.request("GET", f"/images/get?{urlencode(names)}")
            response = connection.getresponse()
            if response.status >= 400:
                _expect_success(response, "/images/get", response.read())
            while piece := response.read(_PIECE):
                into.write(piece)
        except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
            raise self._gone(error) from error
        finally:
            connection.close()

    def load(self, archive: IO[bytes], size: int) -> None:
        """Brings in such an archive of so many bytes; raises StackctlError where the Engine refuses it."""
        body = self._sent("POST", "/images/load?quiet=1", archive, {"Content-Length": str(size)})
        for line in body.splitlines():
            if b'"error"' in line:
                told = str(json.loads(line)["error"])
                raise StackctlError("the Docker Engine could not load the images", "see its free space", told)

    def tag(self, image: str, name: str) -> None:
        """Gives an image, by id, a name; raises NotThere where there is no such image."""
        repository, _, tag = name.rpartition(":")
        query = urlencode({"repo": repository, "tag": tag})
        self._sent("POST", f"/images/{_path_of(image)}/tag?{query}", None, {"Content-Length": "0"})

    def _sent(self, method: str, target: str, body: IO[bytes] | None, headers: Mapping[str, str]) -> bytes:
        response, answer = self._exchanged(method, target, body, headers)
        _expect_success(response, target.partition("?")[0], answer)
        return bytes(answer)

    def _posted(self, target: str, document: Mapping[str, object]) -> Any:
        body = json.dumps(document).encode()
        return self._exchanged("POST", target, body, {"Content-Type": "application/json"}, _SHORT)

    def _exchanged(
        self,
        method: str,
        target: str,
        body: IO[bytes] | bytes | None,
        headers: Mapping[str, str],
        timeout: float = _LONG,
    ) -> Any:
        connection = self._connect(timeout)
        try:
            connection.request(method, target, body=body, headers=dict(headers))
            response = connection.getresponse()
            return response, response.read()
        except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
            raise self._gone(error) from error
        finally:
            connection.close()

    def image(self, reference: str) -> Any:
        """What is known of an image, by its name or id; raises NotThere where there is none."""
        return self.get(f"/images/{_path_of(reference)}/json")

    def has_image(self, reference: str) -> bool:
        """Whether it is here, by tag or digest."""
        try:
            self.image(reference)
        except NotThere:
            return False
        return True

    def remove_image(self, reference: str) -> None:
        """Takes a name from an image, and the image where it was the last; never one that is in use."""
        self._sent("DELETE", f"/images/{_path_of(reference)}", None, {})

    def pull(self, reference: str) -> None:
        """Fetches an image, by tag or digest. Raises StackctlError where it is not to be had."""
        from docker.errors import DockerException, StreamParseError

        sdk = self.sdk()
        try:
            # `images.pull` then asks for the image in a spelling that no strict proxy lets through.
            said = list(sdk.api.pull(reference, stream=True, decode=True))
            told = [line["error"] for line in said if "error" in line]
        except (DockerException, StreamParseError, OSError) as error:
            told = [str(getattr(error, "explanation", None) or error)]
        finally:
            sdk.close()
        if told:
            raise StackctlError(f"`{reference}` could not be pulled", "see the registry", told[0])

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, target: str) -> tuple[http.client.HTTPResponse, bytes]:
        if self._connection is None:
            self._connection = self._unopened(_TIMEOUT)
        try:
            self._connection.request("GET", target)
            response = self._connection.getresponse()
            return response, response.read()
        except BaseException:
            # Half an answer may stand in it: the connection is of no further use.
            self.close()
            raise

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        """A connection that is open: what fails on it from now on may be the file that is read or written."""
        connection = self._unopened(timeout)
        try:
            connection.connect()
        except OSError as error:
            raise self._gone(error) from error
        return connection

    def _unopened(self, timeout: float) -> http.client.HTTPConnection:
        at = self.endpoint
        if at.socket:
            return _UnixConnection(at.socket, timeout)
        if at.tls is None:
            return http.client.HTTPConnection(at.host, at.port, timeout=timeout)
        try:
            trust = ssl.create_default_context(cafile=at.tls / "ca.pem")
            trust.load_cert_chain(at.tls / "cert.pem", at.tls / "key.pem")
        except OSError as error:
            raise EngineUnavailable(
                f"the certificates for the Docker Engine at {at.url} cannot be read",
                f"put ca.pem, cert.pem and key.pem into {at.tls}, or set DOCKER_CERT_PATH",
                str(error),
            ) from error
        return http.client.HTTPSConnection(at.host, at.port, timeout=timeout, context=trust)

    def _gone(self, error: Exception) -> EngineUnavailable:
        where, evidence = self.endpoint.url, f"{type(error).__name__}: {error}"
        if isinstance(error, PermissionError):
            return EngineUnavailable(
                f"no permission to use the Docker Engine at {where}",
                "add yourself to the group that owns the socket (often `docker`), or run as root",
                evidence,
            )
        if isinstance(error, FileNotFoundError | ConnectionRefusedError | socket.gaierror):
            return EngineUnavailable(
                f"no Docker Engine answers at {where}",
                "start it (`systemctl start docker`), or point DOCKER_HOST to another",
                evidence,
            )
        if isinstance(error, TimeoutError):
            return EngineUnavailable(
                f"the Docker Engine at {where} did not answer in time",
                "see whether it is overloaded or hangs: `docker version`",
                evidence,
            )
        return EngineUnavailable(
            f"the connection to the Docker Engine at {where} broke off",
            "see whether it was restarted: `docker version`; then run the same command again",
            evidence,
        )


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path
        self._patience = timeout

    def connect(self) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(self._patience)
            sock.connect(self._path)
        except BaseException:
            sock.close()
            raise
        self.sock = sock


def _path_of(image: str) -> str:
    # As Docker's own clients send it: a strict proxy compares what was sent, and knows no other spelling.
    return quote(image, safe="/:@")


def _target(path: str, query: Mapping[str, object]) -> str:
    pairs = {
        name: json.dumps(value)
        if isinstance(value, dict | list)
        else str(int(value) if isinstance(value, bool) else value)
        for name, value in query.items()
    }
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _version(response: http.client.HTTPResponse) -> str:
    """From the header `Server: Docker/20.10.24 (linux)`: no request of its own is needed."""
    product = (response.getheader("Server") or "").split(" ")[0]
    return product.removeprefix("Docker/") if product.startswith("Docker/") else ""


def _said(response: http.client.HTTPResponse, body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace").strip()[:200] or response.reason


def _expect_success(response: http.client.HTTPResponse, path: str, body: bytes) -> None:
    if response.status < 400:
        return
    said = _said(response, body)
    evidence = f"GET {path}: {response.status} {said}"
    if response.status == 404:
        raise NotThere(f"the Docker Engine does not know it any more: {said}", "", evidence)
    if response.status in (401, 403):
        raise StackctlError(
            f"the way to the Docker Engine refuses GET {path}",
            "a socket proxy in between must let this path through, or point DOCKER_HOST to the Engine itself",
            evidence,
        )
    raise StackctlError(f"the Docker Engine could not answer GET {path}: {said}", "", evidence)
