"""A real SLURM cluster of one node on this machine: slurmctld, slurmd, munged; own ports, own folder.

    python tests/slurm/single_node.py        # starts it, waits for Ctrl-C, stops it

Partitions `cpu` (default) and `gpu`; eight fake GPUs, which are empty files, on a node that pretends to
have sixteen cores. Needs root, because SLURM's clients read /etc/slurm/slurm.conf, and the Debian packages
slurmctld, slurmd, slurm-client and munge, which are installed where they are missing. A machine that has a
SLURM configuration of its own is refused.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO

CLIENTS = Path("/etc/slurm")
FOLDER = Path("/run/crisisweave-slurm")
PACKAGES = ["slurmctld", "slurmd", "slurm-client", "slurm-wlm-basic-plugins", "munge"]
CORES, GPUS = 16, 8

# Why what stands here: no cgroups and no systemd in a container, so processes are found and memory is watched
# the old way; short scheduling intervals, because the tests' jobs last seconds.
CONFIG = """\
ClusterName=crisisweave
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge/socket
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
MailProg=/bin/true
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=10000
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
MinJobAge=3600
KillWait=5
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
JobSubmitPlugins=lua
GresTypes=gpu
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={host} MaxTime=INFINITE State=UP
"""

# Stands in for a site's accounting data base: the one account here is `lab`.
ACCOUNTS = """\
function slurm_job_submit(job, partitions, user)
  if job.account ~= nil and job.account ~= "lab" then
    return slurm.ESLURM_INVALID_ACCOUNT
  end
  return slurm.SUCCESS
end
function slurm_job_modify(job, old, partitions, user)
  return slurm.SUCCESS
end
"""
FILES = ["slurm.conf", "gres.conf", "job_submit.lua"]


class ClusterError(Exception):
    """The cluster cannot be started here; the message says why and what to do."""


def until(condition: Callable[[], bool], what: str, seconds: float = 60, every: float = 0.25) -> None:
    """Ask again and again until a condition holds.

    Raises:
        TimeoutError: it does not within the given time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(every)


def slurm(*command: str) -> str:
    """What a SLURM command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class SingleNode:
    """The cluster; use it as a context manager."""

    def __init__(self) -> None:
        self.node = socket.gethostname().split(".")[0]
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._lock: IO[str] | None = None

    def __enter__(self) -> SingleNode:
        check_machine()
        install_packages()
        FOLDER.mkdir(exist_ok=True)
        FOLDER.chmod(0o755)
        self._lock = (FOLDER / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)  # a second test run waits until this one is done
        stop_forgotten()
        try:
            self._write_files()
            self._start("munged", *munged(), user="munge")
            self._until((FOLDER / "munge/socket").is_socket, "munged opens its socket")
            self.start_controller(clean=True)
            self._start("slurmd", "slurmd", "-D", "-c", "-f", str(FOLDER / "slurm.conf"))
            self._until(lambda: self.state() == "idle", "the node is idle")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Ends what runs, stops the daemons by their process ids and takes the configuration away."""
        if "slurmctld" in self._daemons and self._daemons["slurmctld"].poll() is None:
            jobs = slurm("squeue", "-h", "-o", "%i").split()
            if jobs:
                slurm("scancel", *jobs)
                until(lambda: not slurm("squeue", "-h").strip(), "all jobs end")
        for name in reversed(list(self._daemons)):
            self.stop(name)
        for name in FILES:
            (CLIENTS / name).unlink(missing_ok=True)
        assert self._lock is not None
        self._lock.close()

    def state(self) -> str:
        """The node's state as SLURM tells it, "" while it does not answer."""
        told = subprocess.run(["sinfo", "-h", "-p", "cpu", "-o", "%T"], capture_output=True, text=True)
        return told.stdout.strip()

    def set(self, *settings: str) -> None:
        """Change the node as an administrator does."""
        slurm("scontrol", "update", f"nodename={self.node}", *settings)

    def start_controller(self, clean: bool = False) -> None:
        """Start slurmctld; unless `clean`, it finds the jobs that it knew when it was stopped."""
        options = ["-c"] if clean else []
        self._start("slurmctld", "slurmctld", "-D", *options, "-f", str(FOLDER / "slurm.conf"))
        self._until(lambda: answers("scontrol", "ping"), "slurmctld answers")

    def stop(self, name: str, how: int = signal.SIGTERM) -> None:
        """Stop a daemon by its process id and wait for its end."""
        daemon = self._daemons.pop(name)
        daemon.send_signal(how)
        try:
            daemon.wait(30)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition as long as all daemons live."""

        def holds() -> bool:
            for name, daemon in self._daemons.items():
                if daemon.poll() is not None:
                    raise ClusterError(
                        f"{name} has ended while it was waited for: {what}; see {FOLDER}/{name}.out"
                    )
            return condition()

        until(holds, what)

    def _start(self, name: str, *command: str, user: str | None = None) -> None:
        # A session of its own: Ctrl-C in the terminal reaches the tests, which then stop it in order.
        with (FOLDER / f"{name}.out").open("wb") as output:
            self._daemons[name] = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                user=user,
                start_new_session=True,
            )
        (FOLDER / f"{name}.started").write_text(str(self._daemons[name].pid))

    def _write_files(self) -> None:
        for old in FOLDER.iterdir():
            if old.name != "lock":
                shutil.rmtree(old) if old.is_dir() else old.unlink()
        for name in ("state", "spool", "munge", "gpus"):
            (FOLDER / name).mkdir()
        devices = [FOLDER / "gpus" / f"gpu{i}" for i in range(GPUS)]
        for device in devices:
            device.touch()
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
        values = {"host": self.node, "folder": FOLDER, "cores": CORES, "gpus": GPUS, "memory": memory}
        (FOLDER / "slurm.conf").write_text(CONFIG.format(**values))
        files = f"{FOLDER}/gpus/gpu[0-{GPUS - 1}]"
        (FOLDER / "gres.conf").write_text(f"NodeName={self.node} Name=gpu Count={GPUS} File={files}\n")
        (FOLDER / "job_submit.lua").write_text(ACCOUNTS)
        (FOLDER / "munge/key").write_bytes(os.urandom(1024))
        (FOLDER / "munge/key").chmod(0o400)
        for path in (FOLDER / "munge", FOLDER / "munge/key"):
            shutil.chown(path, "munge", "munge")
        (FOLDER / "munge").chmod(0o711)  # clients of any user reach the socket
        CLIENTS.mkdir(exist_ok=True)
        for name in FILES:
            (CLIENTS / name).unlink(missing_ok=True)
            (CLIENTS / name).symlink_to(FOLDER / name)


def check_machine() -> None:
    """Refuse a machine where the cluster would be in the way, or cannot be set up.

    Raises:
        ClusterError: not root, or the machine has its own SLURM.
    """
    if os.geteuid() != 0:
        raise ClusterError("the SLURM tests set up a cluster under /etc/slurm and /run: run them as root")
    for name in FILES:
        file = CLIENTS / name
        if (file.exists() or file.is_symlink()) and file.resolve() != FOLDER / name:
            raise ClusterError(
                f"{file} is this machine's own SLURM configuration and is not overwritten:"
                " run the SLURM tests in a container or on another machine"
            )


def install_packages() -> None:
    """Install what is missing of the Debian packages."""
    needed = ["slurmctld", "slurmd", "sbatch", "srun", "munged"]
    if all(shutil.which(name) for name in needed):
        return
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES]
    for command in (["apt-get", "update", "-qq"], install):
        done = subprocess.run(command, env=quiet, capture_output=True, text=True)
        if done.returncode != 0:
            raise ClusterError(f"{' '.join(command)} failed: {done.stderr.strip()}")


def munged() -> list[str]:
    """The authentication daemon in the foreground, with a key and a socket of its own."""
    names = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    return ["munged", "-F", "-f", *(f"--{option}={FOLDER}/munge/{file}" for option, file in names.items())]


def stop_forgotten() -> None:
    """Stop the daemons of a cluster whose test run was killed."""
    for record in FOLDER.glob("*.started"):
        process = record.read_text()
        if not ended(process):
            os.kill(int(process), signal.SIGKILL)
            until(partial(ended, process), f"{record.stem} ends")


def ended(process: str) -> bool:
    """Whether a process id is no more that of a daemon of ours."""
    try:
        return os.fsencode(FOLDER) not in (Path("/proc") / process / "cmdline").read_bytes()
    except OSError:
        return True


def answers(*command: str) -> bool:
    """Whether a command ends well."""
    return subprocess.run(command, capture_output=True).returncode == 0


def interrupted(*_: object) -> None:
    """SIGTERM ends the command as Ctrl-C does: in order."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupted)
    with SingleNode(), suppress(KeyboardInterrupt):
        print("SLURM runs; Ctrl-C stops it", flush=True)
        signal.pause()
