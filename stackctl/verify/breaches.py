"""How the guard of a copied socket proxy is broken."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from stackctl.api import operation
from stackctl.haproxy import CONFIG_DIR, CONFIG_FILE, PORT, config
from stackctl.model import Spoke
from stackctl.policy import Enforced, Strict
from stackctl.strict import engine_socket, listen
from stackctl.switches import GATE
from stackctl.verify.copies import Breach

_CONFIG = f"{CONFIG_DIR}/{CONFIG_FILE}"
_OPEN = """\
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend api
    bind {bind}
    default_backend engine
backend engine
    server engine unix@{socket}
"""
_TIMEOUT = re.compile(r"(timeout\s+(?:client|server|tunnel)\s+)\w+")


def opened(spoke: Spoke, policy: Enforced, extra: Sequence[str]) -> Breach:
    """The change to a proxy that lets these operations through too, or everything where none is named."""
    more = [found for text in extra if (found := operation(text))]
    if isinstance(policy, Strict):
        path, engine = listen(spoke), engine_socket(spoke)
        bind = f"unix@{path} mode 666" if path else f":{PORT}"
        if not more:
            return Breach(files={_CONFIG: _OPEN.format(bind=bind, socket=engine)})
        return Breach(files={_CONFIG: config(policy.operations | {*more}, listen=path, socket=engine)})
    switches = {o.switch for o in more if o.switch} | {GATE}
    return Breach(dict.fromkeys(switches if more else policy.dialect.switches, "1"))


def narrowed(spoke: Spoke, policy: Enforced) -> Breach:
    """The change to a proxy that closes every operation which needs an upgrade."""
    if not isinstance(policy, Strict):
        return Breach(dict.fromkeys(policy.dialect.switches, "0"))
    kept = frozenset(operation for operation in policy.operations if not operation.hijack)
    return Breach(files={_CONFIG: config(kept, listen=listen(spoke), socket=engine_socket(spoke))})


def cut(shortened: Breach) -> Breach:
    """The same with no stream left that may be silent for longer."""
    return replace(
        shortened,
        files={path: _TIMEOUT.sub(r"\g<1>1s", text) for path, text in shortened.files.items()},
    )


def on_tcp(spoke: Spoke, policy: Enforced | None) -> Breach:
    """Of a proxy that listens on a unix socket: the same with a port."""
    if not listen(spoke) or not isinstance(policy, Strict):
        return Breach()
    return Breach(files={_CONFIG: config(policy.operations, socket=engine_socket(spoke))})
