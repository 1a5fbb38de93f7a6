"""SLURM on this machine alone, run by the tests as root; Debian's packages are slurm-wlm and munge."""

import os
import shutil
import signal
import socket
import subprocess
import time

from .dask_processes import free_port

PROGRAMS = ("sbatch", "squeue", "scancel", "slurmctld", "slurmd", "munged")
LIMIT_S = 60
CONF = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmdUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
KillWait=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
"""


def why_not():
    """Why SLURM cannot be run here; None where it can."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"SLURM is not installed ({', '.join(missing)} missing): apt-get install slurm-wlm munge"
    return None if os.geteuid() == 0 else "SLURM's daemons are run as root"


class Slurm:
    """Runs a controller and a node in a folder while the context lasts; `environment` is for its clients."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        self._daemons = []

    def __enter__(self):
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        facts = {"host": socket.gethostname(), "folder": self.folder, "cores": os.cpu_count()}
        conf = CONF.format(control_port=free_port(), node_port=free_port(), **facts)
        (self.folder / "slurm.conf").write_text(conf)
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        files = {"socket": "munge.socket", "pid-file": "munge.pid", "log-file": "munge.log", "seed-file": "munge.seed"}
        places = [f"--{option}={self.folder / name}" for option, name in files.items()]
        try:
            self._start("munged", "--foreground", "--force", f"--key-file={key}", *places)
            self._wait(lambda: (self.folder / "munge.socket").exists())
            self._start("slurmctld", "-D")
            self._start("slurmd", "-D", "-N", facts["host"])
            self._wait(lambda: "idle" in self.run("sinfo", "-h", "-o", "%T", check=False))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self._daemons):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(LIMIT_S)

    def run(self, *command, check=True):
        return subprocess.run(
            command, env=self.environment, check=check, capture_output=True, text=True, timeout=LIMIT_S
        ).stdout

    def jobs(self):
        """Numbers of the jobs that run."""
        return self.run("squeue", "-h", "-t", "running", "-o", "%i").split()

    def jobs_in_any_state(self):
        return self.run("squeue", "-h", "-t", "pending,running,completing", "-o", "%i").split()

    def said(self):
        """What the daemons logged, for a failed test."""
        return "\n".join(path.read_text(errors="replace")[-2000:] for path in self.folder.glob("*.out"))

    def _start(self, name, *arguments):
        with (self.folder / f"{name}.out").open("wb") as out:
            self._daemons.append(
                subprocess.Popen([name, *arguments], env=self.environment, stdout=out, stderr=out, cwd=self.folder)
            )

    def _wait(self, holds):
        deadline = time.monotonic() + LIMIT_S
        while not holds():
            assert time.monotonic() < deadline, self.said()
            assert all(process.poll() is None for process in self._daemons), self.said()
            time.sleep(0.1)
