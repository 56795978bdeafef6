"""The machine and the libraries that the numbers belong to."""

import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import psutil
from threadpoolctl import threadpool_info

PACKAGES = ["numpy", "scipy", "scikit-learn", "himalaya", "nilearn"]


def describe():
    """Describe the machine without its name.

    Returns
    -------
    dict
    """
    blas = {f"{pool['internal_api']} {pool['version']}" for pool in _blas()}
    if not blas:  # threadpoolctl does not know macOS's own
        blas = {np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]}
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_gb": psutil.virtual_memory().total / 1e9,
        "system": platform.system(),
        "blas": ", ".join(sorted(blas)),
        "threads": threads(),
        "versions": {"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
    }


def threads():
    """Return how many threads a matrix product gets; set OMP_NUM_THREADS to change it.

    Returns
    -------
    int
    """
    return max((pool["num_threads"] for pool in _blas()), default=1)


def _blas():
    return [pool for pool in threadpool_info() if pool["user_api"] == "blas"]


def _processor():
    if sys.platform.startswith("linux"):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return platform.processor() or platform.machine()
