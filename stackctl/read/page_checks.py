"""A page's `### Verify …` blocks -> checks: the request that a `curl` would send, and the answer."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from stackctl.codes import finding
from stackctl.findings import Finding, Location
from stackctl.model import Expect
from stackctl.read.partial import CheckDraft
from stackctl.read.requests import METHODS, read_url

_RUN_FLAGS = frozenset(
    ("--rm", "-i", "-t", "-it", "-ti", "--interactive", "--tty", "--init", "--read-only", "-q")
)
_RUN_VALUES = frozenset(
    (
        "--name",
        "-e",
        "--env",
        "-u",
        "--user",
        "--pull",
        "--platform",
        "--entrypoint",
        "-w",
        "--cap-drop",
        "-m",
    )
)
_NETWORK = ("--network", "--net")
_CURL_FLAGS = frozenset("sSvifgkN#46")
_CURL_LONG_FLAGS = frozenset(
    (
        "silent",
        "show-error",
        "verbose",
        "include",
        "fail",
        "fail-with-body",
        "globoff",
        "insecure",
        "no-buffer",
    )
) | frozenset(("http1.1", "http1.0", "progress-bar", "ipv4", "ipv6", "no-progress-meter", "path-as-is"))
_CURL_VALUES = frozenset("owmAe")
_CURL_LONG_VALUES = frozenset(
    ("output", "write-out", "max-time", "connect-timeout", "user-agent", "retry", "retry-delay", "resolve")
)
_CURL_BODY = frozenset(
    (
        "-d",
        "--data",
        "--data-raw",
        "--data-binary",
        "--data-urlencode",
        "--json",
        "-F",
        "--form",
        "-T",
        "--upload-file",
    )
)
_REFUSED = re.compile(
    r"connection (?:is )?refused|refused connection|no (?:answer|response|connection|route)"
    r"|time(?:d)?[ -]?out|unreachable|(?:cannot|could not) (?:connect|resolve)|not reachable|does not answer"
)
_STATUS = re.compile(r"(?<![\w.:/-])([1-5]\d\d)(?![\w:]|\.\d|-\d)")
_STATUS_CLASS = re.compile(r"(?<![\w.:/])([1-5])xx\b", re.IGNORECASE)
_BODY = re.compile(
    r"(?:contain(?:s|ing)?|includ(?:es|ing)|with)(?: the)?(?: text| word| line)?:?\s+[`\"“]([^`\"”]+)[`\"”]"
)


@dataclass
class VerifyBlock:
    """What stands under one `### Verify …` heading, in order."""

    title: str
    at: Location
    steps: list[_Step] = field(default_factory=list)
    last_line: int = -1

    def command(self, text: str, at: Location) -> None:
        self.steps.append(_Step(text, at))

    def expect(self, text: str, at: Location) -> None:
        if self.steps and not self.steps[-1].expected:
            self.steps[-1].expected, self.steps[-1].expected_at = text, at
            self.last_line = at.line

    def continues(self, line: int) -> bool:
        """Whether a line (from 0) goes on with the sentence of the last `Expected:`."""
        return bool(self.steps) and line == self.last_line

    def more(self, text: str, line: int) -> None:
        self.steps[-1].expected += f" {text}"
        self.last_line = line + 1


@dataclass
class _Step:
    text: str
    at: Location
    expected: str = ""
    expected_at: Location | None = None


class NotRead(ValueError):
    """The block holds something that is not one plain HTTP request."""


@dataclass(frozen=True)
class _Request:
    network: str
    method: str
    host: str
    port: int
    path: str
    host_header: str


def read_verify(blocks: Iterable[VerifyBlock]) -> tuple[tuple[CheckDraft, ...], list[Finding]]:
    """The checks of a page, and a warning for each block that is not read as one."""
    drafts: list[CheckDraft] = []
    findings: list[Finding] = []
    for block in blocks:
        if not block.steps:
            findings.append(finding("SC304", block.at, f"“{block.title}” holds no commands"))
        for step in block.steps:
            try:
                requests = _requests(step.text)
                expect, alternative = _expectation(step.expected)
            except NotRead as error:
                findings.append(
                    finding("SC304", step.at, f"“{block.title}” is not read as a check: {error}", _HINT)
                )
                continue
            if alternative:
                findings.append(
                    finding(
                        "SC301",
                        step.expected_at or step.at,
                        f"“{alternative}” would hold with the target down; only the answer counts",
                        "leave that alternative out of `Expected:`",
                    )
                )
            drafts += [_draft(block.title, step.at, request, expect) for request in requests]
    return _numbered(drafts), findings


_HINT = "write `docker run --rm --network NETWORK IMAGE curl URL` and `Expected:` with a status"


def _draft(title: str, at: Location, request: _Request, expect: Expect) -> CheckDraft:
    return CheckDraft(
        title=title,
        network=request.network,
        method=request.method,
        host=request.host,
        port=request.port,
        path=request.path,
        expect=expect,
        at=at,
        host_header=request.host_header,
        from_page=True,
    )


def _numbered(drafts: list[CheckDraft]) -> tuple[CheckDraft, ...]:
    seen: dict[str, int] = {}
    named = []
    for draft in drafts:
        seen[draft.title] = seen.get(draft.title, 0) + 1
        times = seen[draft.title]
        named.append(replace(draft, title=f"{draft.title} ({times})") if times > 1 else draft)
    return tuple(named)


# ---- commands


def _requests(text: str) -> list[_Request]:
    joined = re.sub(r"\\\r?\n[ \t]*", " ", text)
    requests = []
    for line in joined.split("\n"):
        line = re.sub(r"\A\s*[$#>]\s+(?=docker|curl)", "", line).strip()
        if line and not line.startswith("#"):
            requests.append(_request(line))
    if not requests:
        raise NotRead("it holds no command")
    return requests


def _request(line: str) -> _Request:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError as error:
        raise NotRead(f"the command cannot be split into words ({error})") from None
    if any(word and set(word) <= set("();<>|&") for word in words):
        raise NotRead("it uses more of the shell than one command")
    if any("$" in word or "`" in word for word in words):
        raise NotRead("it uses variables of the shell")
    if words[:1] == ["curl"]:
        return _curl(words[1:], "")
    if words[:2] == ["docker", "run"]:
        network, arguments = _docker_run(words[2:])
        return _curl(arguments, network)
    raise NotRead(f"`{' '.join(words[:2])}` is not a request")


def _docker_run(words: list[str]) -> tuple[str, list[str]]:
    """The network, and the arguments of the curl that runs there."""
    network = entrypoint = None
    position = 0
    while position < len(words) and words[position].startswith("-"):
        option, equals, value = words[position].partition("=")
        position += 1
        if option in _RUN_FLAGS and not equals:
            continue
        if option not in _RUN_VALUES and option not in _NETWORK:
            raise NotRead(f"`docker run {option}` is not understood")
        if not equals:
            if position >= len(words):
                raise NotRead(f"`{option}` has no value")
            value = words[position]
            position += 1
        if option in _NETWORK:
            network = value
        elif option == "--entrypoint":
            entrypoint = value
    if position >= len(words):
        raise NotRead("`docker run` names no image")
    image, arguments = words[position], words[position + 1 :]
    if network is None:
        raise NotRead("`docker run` names no network")
    if entrypoint not in (None, "curl"):
        raise NotRead(f"`{entrypoint}` is not a request")
    if entrypoint is None and arguments[:1] == ["curl"]:
        arguments = arguments[1:]
    elif entrypoint is None and not re.search(r"(\A|/)curl(:|@|\Z)", image):
        raise NotRead(f"`{' '.join([image, *arguments[:1]])}` is not a request")
    return ("" if network == "host" else network), arguments


def _curl(words: list[str], network: str) -> _Request:
    method = host_header = address = ""
    head = False
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if word in ("--", ""):
            continue
        if word in _CURL_BODY or (word.startswith("-d") and not word.startswith("--")):
            raise NotRead("it sends a body")
        if not word.startswith("-") or word == "-":
            if address:
                raise NotRead("it asks more than one URL")
            address = word
            continue
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            letters = {"request": "X", "header": "H", "head": "I", "url": "url"}.get(name, "")
            if name in _CURL_LONG_FLAGS:
                continue
            if not letters and name not in _CURL_LONG_VALUES:
                raise NotRead(f"`curl {word}` is not understood")
        else:
            # Flags may be joined, and the last letter may take the rest of the word as its value.
            rest = word[1:].lstrip("".join(_CURL_FLAGS))
            letters, equals, value = rest[:1], "=" if rest[1:] else "", rest[1:]
            if not letters:
                continue
            if letters == "I" and value:
                waiting.insert(0, f"-{value}")
                value = ""
            if letters not in ("X", "H", "I") and letters not in _CURL_VALUES:
                raise NotRead(f"`curl {word}` is not understood")
        if letters == "I":
            head = True
            continue
        if not equals:
            if not waiting:
                raise NotRead(f"`{word}` has no value")
            value = waiting.pop(0)
        if letters == "X":
            method = value.upper()
        elif letters == "url":
            address = value
        elif letters == "H":
            name, _, content = value.partition(":")
            if name.strip().lower() != "host":
                raise NotRead(f"it sends the header `{name.strip()}`")
            host_header = content.strip().lower()
    if not address:
        raise NotRead("it names no URL")
    url = read_url(address)
    if isinstance(url, str):
        raise NotRead(url)
    method = method or ("HEAD" if head else "GET")
    if method not in METHODS:
        raise NotRead(f"`{method}` is not a method")
    return _Request(network, method, url.host, url.port, url.path, host_header)


# ---- expectations


def _expectation(text: str) -> tuple[Expect, str]:
    """What the sentence behind `Expected:` demands, and the alternative in it that proves nothing."""
    if not text.strip():
        raise NotRead("it has no `Expected:` line")
    plain = text.replace("*", "")
    refused = _REFUSED.search(plain.lower())
    body = _BODY.search(plain)
    numbers = _BODY.sub("", plain)
    said = re.sub(r"\bnot (?:found|modified|allowed|acceptable|implemented)\b", "", numbers.lower())
    if re.search(r"\b(?:not|never|isn't|other than|anything but)\b", said) and not refused:
        raise NotRead(f"“{text.strip()}” says what not to expect")
    statuses = {int(number) for number in _STATUS.findall(numbers)}
    for first in _STATUS_CLASS.findall(numbers):
        statuses |= set(range(int(first) * 100, int(first) * 100 + 100))
    if statuses or body:
        alternative = plain[refused.start() : refused.end()] if refused else ""
        return Expect(frozenset(statuses), body[1] if body else ""), alternative
    if refused:
        return Expect(no_answer=True), ""
    raise NotRead(f"“{text.strip()}” names no status")
