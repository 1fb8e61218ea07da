"""A Slurm cluster of one node, in a folder of its own, for the time of a test run.

Real daemons (munged, slurmctld, slurmd) with a configuration, key, ports and state of their own, so
that it neither needs nor disturbs a Slurm of the machine. It has a `cpu` and a `gpu` partition; the
GPU is a generic resource that points at /dev/null, which is all that Slurm itself ever looks at.
The node claims more memory than it may have, so that what a rule asks for never decides a test.
"""

import os
import secrets
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo", "setpriv")
SYSTEM_PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
# Slurm looks twice a minute for jobs beyond their time limit, and follows SIGTERM with SIGKILL.
KILL_WAIT_SECONDS = 10
TERMINAL_STATES = frozenset({"COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL"})

SLURM_CONF = """\
ClusterName=segmill
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=2,bf_interval=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
ReturnToService=2
MpiDefault=none
MinJobAge=3600
KillWait={kill_wait}
OverTimeLimit=0
GresTypes=gpu
SlurmdParameters=config_overrides
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=64000 Gres=gpu:fake:1
PartitionName=cpu Nodes=node Default=YES MaxTime=INFINITE OverSubscribe=NO
PartitionName=gpu Nodes=node MaxTime=INFINITE OverSubscribe=NO
"""
# Snakemake's job steps run srun without SLURM_* variables: real clusters have their configuration
# in /etc/slurm, here this stands before the real srun on the path.
SRUN = """\
#!/bin/sh
SLURM_CONF={folder}/slurm.conf PATH={path} exec srun "$@"
"""
GRES_CONF = "NodeName=node Name=gpu Type=fake File=/dev/null\n"


@dataclass(frozen=True)
class Job:
    """One job as Slurm recorded it.

    `gres` is what was asked for, such as ``gres:gpu:1``; `comment` is where Snakemake writes the
    rule and its wildcards, ``rule_NAME_wildcards_VALUES``.
    """

    id: int
    state: str
    partition: str
    gres: str
    comment: str

    @property
    def rule(self) -> str:
        """Name of the job's rule."""
        return self.comment.removeprefix("rule_").partition("_wildcards_")[0]


def missing_requirement() -> str | None:
    """Return why no cluster can be started here, or None where one can."""
    if os.geteuid() != 0:
        return "a Slurm cluster of one's own needs root"
    absent = [name for name in PROGRAMS if shutil.which(name, path=SYSTEM_PATH) is None]
    if absent:
        return f"not installed: {', '.join(absent)} (Debian packages slurm-wlm and munge)"
    return None


class Cluster:
    """Start on entry, stop on exit; `environment` is what processes need to find it.

    Parameters
    ----------
    folder : Path
        Absent or empty; is opened to all users, as those above it must be, because munged runs as
        the user `munge`.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.environment = os.environ | {
            "PATH": f"{self.folder}/bin:{SYSTEM_PATH}",
            "SLURM_CONF": str(self.folder / "slurm.conf"),
        }
        self._daemons: list[subprocess.Popen] = []

    def __enter__(self) -> "Cluster":
        self._write_configuration()
        try:
            self._start_munge()
            self._start("slurmctld", "-D", "-c")
            self._start("slurmd", "-D", "-c", "-N", "node")
            self._wait_until(self._node_is_idle, "the node to be idle", seconds=60)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        """Cancel what still runs (its processes are not the daemons' children), then stop all."""
        if len(self._daemons) == 3 and all(daemon.poll() is None for daemon in self._daemons):
            subprocess.run(["scancel", "--user=root"], env=self.environment, check=False)
            self._wait_until(self._nothing_runs, "cancelled jobs to end", seconds=60)
        for daemon in reversed(self._daemons):
            daemon.terminate()
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self._daemons.clear()

    def jobs(self) -> list[Job]:
        """Return every job since the start, in order of submission."""
        columns = ("JobID", "State", "Partition", "tres-per-node", "Comment")
        layout = ",".join(f"{column}:200" for column in columns)
        table = self._output("squeue", "--states=all", "--noheader", "--sort=i", "-O", layout)
        rows = [
            [line[i * 200 : (i + 1) * 200].strip() for i in range(len(columns))]
            for line in table.splitlines()
        ]
        return [Job(int(id), state, *rest) for id, state, *rest in rows]

    def submit(self, *options: str, command: str) -> int:
        """Submit a shell command with sbatch options and return the id of its job."""
        output = f"--output={self.folder}/job-%j.log"
        return int(self._output("sbatch", "--parsable", output, *options, f"--wrap={command}"))

    def wait(self, job_id: int, seconds: float = 60) -> Job:
        """Return the job once it has ended, in whatever state."""
        self._wait_until(
            lambda: self._job(job_id).state in TERMINAL_STATES, f"job {job_id}", seconds
        )
        return self._job(job_id)

    def limit(self, job_id: int, minutes: int) -> None:
        """Change the time limit of a job, running or not, as an administrator may."""
        self._output("scontrol", "update", f"JobId={job_id}", f"TimeLimit={minutes}")

    def _job(self, job_id: int) -> Job:
        return next(job for job in self.jobs() if job.id == job_id)

    def _write_configuration(self) -> None:
        for name in ("state", "spool", "bin"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        controller_port, node_port = free_ports(2)
        text = SLURM_CONF.format(
            host=socket.gethostname().partition(".")[0],
            folder=self.folder,
            controller_port=controller_port,
            node_port=node_port,
            cpus=max(2, os.cpu_count()),
            kill_wait=KILL_WAIT_SECONDS,
        )
        (self.folder / "slurm.conf").write_text(text)
        (self.folder / "gres.conf").write_text(GRES_CONF)
        srun = self.folder / "bin" / "srun"
        srun.write_text(SRUN.format(folder=self.folder, path=SYSTEM_PATH))
        srun.chmod(0o755)

    def _start_munge(self) -> None:
        munge = self.folder / "munge"
        munge.mkdir(mode=0o755)
        key = munge / "key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        for path in (munge, key):
            shutil.chown(path, "munge", "munge")
        self._start(
            *("munged", "--foreground", f"--key-file={key}", f"--socket={munge}/socket"),
            *(f"--pid-file={munge}/pid", f"--seed-file={munge}/seed", f"--log-file={munge}/log"),
            setpriv=("--reuid=munge", "--regid=munge", "--clear-groups"),
        )
        self._wait_until((munge / "socket").exists, "munged to answer", seconds=20)

    def _start(self, *command: str, setpriv: tuple[str, ...] = ()) -> None:
        """Start a daemon that Linux ends with this process, however this process ends."""
        with (self.folder / "daemons.log").open("a") as log:
            daemon = subprocess.Popen(
                ["setpriv", *setpriv, "--pdeathsig=TERM", *command],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._daemons.append(daemon)

    def _node_is_idle(self) -> bool:
        answer = subprocess.run(
            ["sinfo", "--noheader", "--format=%T"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return set(answer.stdout.split()) == {"idle"}

    def _nothing_runs(self) -> bool:
        return self._output("squeue", "--noheader", "--format=%i") == ""

    def _output(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout.rstrip("\n")

    def _wait_until(self, condition, what: str, seconds: float) -> None:
        """Poll; raise with the daemons' last words when one has ended or time is up."""
        end = time.monotonic() + seconds
        while not condition():
            dead = [daemon.args for daemon in self._daemons if daemon.poll() is not None]
            if dead or time.monotonic() > end:
                cause = f"daemon ended: {dead}" if dead else f"{seconds:.0f} s passed"
                raise RuntimeError(f"Waited for {what} in vain, {cause}.\n{self.log_tails()}")
            time.sleep(0.2)

    def log_tails(self, lines: int = 20) -> str:
        """Return the ends of all logs of the daemons."""
        logs = [*self.folder.glob("*.log"), *self.folder.glob("munge/log")]
        return "\n".join(
            f"--- {log}\n" + "\n".join(log.read_text().splitlines()[-lines:])
            for log in logs
            if not log.name.startswith("job-")
        )


def free_ports(count: int) -> list[int]:
    """Return TCP ports that nothing listens on; all held until the last is chosen."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
