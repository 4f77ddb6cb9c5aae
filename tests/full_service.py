"""A service that uses every field which is compared, in Compose's long syntax."""

from __future__ import annotations

from typing import Any

SERVICE: dict[str, Any] = {
    "user": "1000:1000",
    "working_dir": "/tmp",
    "entrypoint": ["python", "-c"],
    "command": ["import signal; signal.pause()"],
    "environment": {
        "LEVEL": "info",
        "EMPTY": "",
        "API_TOKEN": "s3cret",
        "COUNT": 3,
        "YES": True,
        "PASSED": None,
    },
    "labels": {"traefik.enable": "true", "a.number": 8},
    "networks": {"proxy": {"aliases": ["other"]}, "socket": None},
    "ports": [{"target": 80, "host_ip": "127.0.0.1", "protocol": "tcp"}],
    "volumes": [
        {"type": "bind", "source": "/etc/hostname", "target": "/in/hostname", "read_only": True},
        {"type": "volume", "source": "data", "target": "/data"},
        {"type": "tmpfs", "target": "/scratch"},
    ],
    "tmpfs": ["/run:size=1m,mode=1777", "/var/tmp"],
    "restart": "on-failure:3",
    "read_only": True,
    "init": True,
    "tty": True,
    "hostname": "inside",
    "domainname": "example.org",
    "cap_drop": ["ALL"],
    "cap_add": ["NET_BIND_SERVICE", "CHOWN"],
    "security_opt": ["no-new-privileges:true"],
    "group_add": ["4", "5"],
    "extra_hosts": ["gate=127.0.0.1"],
    "dns": ["127.0.0.53"],
    "dns_search": ["example.org"],
    "sysctls": {"net.ipv4.ip_unprivileged_port_start": "0"},
    "ulimits": {"nofile": {"soft": 1000, "hard": 2000}, "nproc": 300},
    "devices": ["/dev/null:/dev/nothing"],
    "mem_limit": "64m",
    "cpus": "0.50",
    "pids_limit": 50,
    "shm_size": "1m",
    "stop_signal": "SIGINT",
    "stop_grace_period": "1s",
    "logging": {"driver": "json-file", "options": {"max-size": "1m", "max-file": "2"}},
    "healthcheck": {
        "test": ["CMD", "python", "-c", "print('fine')"],
        "interval": "1s",
        "timeout": "1m30s",
        "retries": 4,
        "start_period": "500ms",
    },
}
