"""Services as people may write them, and the containers that Compose makes of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from stackctl import normal
from stackctl.model import Container
from stackctl.observe import container

WORDS = st.text("abcxyz019-_. ", min_size=0, max_size=8)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True)
SLEEPS = ["python", "-c", "import signal; signal.pause()"]


def services(image: str = "app:1") -> st.SearchStrategy[dict[str, Any]]:
    """A service in long syntax; it sleeps, so that it runs wherever it is started."""
    mounts = st.builds(
        lambda name, read_only: {
            "type": "volume",
            "source": "data",
            "target": f"/mnt/{name}",
            "read_only": read_only,
        },
        NAMES,
        st.booleans(),
    )
    optional = {
        "environment": st.dictionaries(NAMES.filter(lambda n: "proxy" not in n.lower()), WORDS, max_size=3),
        "labels": st.dictionaries(NAMES.map(lambda n: f"org.example.{n}"), WORDS, max_size=3),
        "user": st.sampled_from(["1000:1000", "0", "65534"]),
        "working_dir": st.sampled_from(["/", "/tmp"]),
        "read_only": st.booleans(),
        "mem_limit": st.sampled_from(["64m", "100000000", "0.1g"]),
        "cpus": st.sampled_from(["0.5", 1]),
        "pids_limit": st.integers(20, 100),
        "restart": st.sampled_from(["no", "always", "on-failure:3", "unless-stopped"]),
        "stop_signal": st.just("SIGKILL"),
        "cap_drop": st.sampled_from([["ALL"], ["net_raw"]]),
        "cap_add": st.sampled_from([["CHOWN"], ["cap_kill", "SETUID"]]),
        "tmpfs": st.sampled_from([["/run"], ["/run:size=1m", "/var/tmp"]]),
        "volumes": st.lists(mounts, max_size=2, unique_by=lambda m: m["target"]),
        "ports": st.just([{"target": 80, "host_ip": "127.0.0.1", "protocol": "tcp"}]),
        "networks": st.sampled_from([{"proxy": None}, {"proxy": {"aliases": ["other"]}, "socket": None}]),
        "init": st.booleans(),
        "hostname": st.sampled_from(["inside", "x1"]),
        "extra_hosts": st.just(["gate=127.0.0.1"]),
        "sysctls": st.just({"net.ipv4.ip_unprivileged_port_start": "0"}),
        "ulimits": st.just({"nofile": {"soft": 1000, "hard": 2000}}),
        "shm_size": st.just("1m"),
    }
    fixed = {"image": st.just(image), "entrypoint": st.just(SLEEPS[:1]), "command": st.just(SLEEPS[1:])}
    return st.fixed_dictionaries(fixed, optional=optional).map(with_networks)


def with_networks(service: dict[str, Any]) -> dict[str, Any]:
    return {"networks": {"proxy": None}, **service}


def made(name: str, service: dict[str, Any], project: str, image_id: str) -> Container:
    """The container, as the Engine would describe it."""
    pairs = normal.pairs(service.get("environment"))
    seconds = {"no": ("no", 0), "on-failure:3": ("on-failure", 3)}
    policy = seconds.get(service.get("restart", "no"), (service.get("restart", "no"), 0))
    networks = {
        f"{project}_{network}": {"Aliases": [name, *((how or {}).get("aliases") or ())]}
        for network, how in service["networks"].items()
    }
    own = {"com.docker.compose.project": project, "com.docker.compose.service": name}
    host = {
        "ReadonlyRootfs": service.get("read_only", False),
        "Memory": int(float(normal.size(service.get("mem_limit")) or 0)),
        "NanoCpus": int(float(service.get("cpus") or 0) * 1e9),
        "PidsLimit": service.get("pids_limit"),
        "RestartPolicy": {"Name": policy[0], "MaximumRetryCount": policy[1]},
        "CapAdd": service.get("cap_add"),
        "CapDrop": service.get("cap_drop"),
        "Tmpfs": {t.partition(":")[0]: t.partition(":")[2] for t in service.get("tmpfs", ())},
        "PortBindings": {
            f"{port['target']}/tcp": [{"HostIp": port["host_ip"], "HostPort": ""}]
            for port in service.get("ports", ())
        },
        "Init": service.get("init"),
        "ExtraHosts": [entry.replace("=", ":") for entry in service.get("extra_hosts", ())],
        "Sysctls": service.get("sysctls"),
        "Ulimits": [
            {"Name": limit, "Soft": how["soft"], "Hard": how["hard"]}
            for limit, how in service.get("ulimits", {}).items()
        ],
        "ShmSize": int(float(normal.size(service.get("shm_size")) or 0)),
        "NetworkMode": next(iter(networks)),
    }
    mounts = [
        {
            "Type": "volume",
            "Name": f"{project}_data",
            "Destination": mount["target"],
            "RW": not mount["read_only"],
        }
        for mount in service.get("volumes", ())
    ]
    return container(
        {
            "Id": name,
            "Name": f"/{project}-{name}-1",
            "Image": image_id,
            "Config": {
                "Image": service["image"],
                "Entrypoint": service["entrypoint"],
                "Cmd": service["command"],
                "Env": [f"{key}={value}" for key, value in pairs.items()],
                "Labels": {**service.get("labels", {}), **own},
                "User": service.get("user", ""),
                "WorkingDir": service.get("working_dir", ""),
                "StopSignal": service.get("stop_signal", ""),
                "Hostname": service.get("hostname", "0123456789ab"),
            },
            "HostConfig": host,
            "Mounts": mounts,
            "NetworkSettings": {"Networks": networks},
            "State": {"Status": "running", "ExitCode": 0},
        }
    )
