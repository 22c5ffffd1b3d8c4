"""The configuration files of a test cluster: Slurm, its OCI runtime, podman."""

DEFAULT_RUNTIME = "/opt/scrun/bin/scrun"

SLURM_CONF = """\
ClusterName=dev
SlurmctldHost=vm(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd-%n
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd-%n.pid
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd-%n.log
# With linuxproc or pgid the init of a killed container survives and the job hangs in CG.
ProctrackType=proctrack/cgroup
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
KillWait=2
SlurmdParameters=config_overrides
# The record of a job's end, also after scontrol forgot it; sacct would need slurmdbd.
JobCompType=jobcomp/filetxt
JobCompLoc=/var/log/slurm/jobcomp.log
FirstJobId={first_job_id}
NodeName=n[1-2] NodeHostname=vm NodeAddr=127.0.0.1 Port=[27001-27002] CPUs=64 RealMemory=4000 \
State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:64
PartitionName=closed Nodes=ALL State=DOWN
"""

CGROUP_CONF = "CgroupPlugin=cgroup/v1\n"

_ID = "%n.%u.%j.%s.%t"


def make_oci_conf(runtime: str) -> str:
    """Return the oci.conf of nodes whose runtime is ``crun`` or ``runc``."""
    line = f"/usr/bin/{runtime} --rootless=true --root=/run/user/%U/"
    if runtime == "crun":
        line += " --cgroup-manager=disabled"
    return f"""\
EnvExclude="^(SLURM_CONF|SLURM_CONF_SERVER)="
RunTimeEnvExclude="^(SLURM_CONF|SLURM_CONF_SERVER)="
RunTimeQuery="{line} state {_ID}"
RunTimeKill="{line} kill {_ID} KILL"
RunTimeDelete="{line} delete --force {_ID}"
RunTimeRun="{line} run --bundle %b {_ID}"
"""


OCI_CONF = make_oci_conf("crun")

# The namespaces as Slurm's manual wants them; ipcns is left out because podman then asks
# for the machine's /dev/mqueue. CAP_SYS_RESOURCE may be missing: no limit above the shell's.
CONTAINERS_CONF = """\
[containers]
netns = "host"
utsns = "host"
userns = "host"
pidns = "host"
cgroupns = "host"
cgroups = "enabled"
label = false
apparmor_profile = "unconfined"
default_sysctls = []
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
no_hosts = true
log_driver = "k8s-file"

[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
env = ["PODMAN_IGNORE_CGROUPSV1_WARNING=1"]
runtime = "slurm"
runtime_supports_json = ["crun", "slurm", "cscrun"]

[engine.runtimes]
slurm = ["{runtime}"]
crun = ["/usr/bin/crun"]
cscrun = ["/usr/bin/scrun"]
"""

STORAGE_CONF = """\
[storage]
driver = "vfs"

[storage.options.vfs]
ignore_chown_errors = "true"
"""

DIRECTORIES = (
    ("/var/spool/slurmctld", 0o755, "root"),
    ("/var/spool/slurmd-n1", 0o755, "root"),
    ("/var/spool/slurmd-n2", 0o755, "root"),
    ("/var/log/slurm", 0o755, "root"),
    ("/etc/slurm", 0o755, "root"),
    ("/run/munge", 0o755, "munge"),
    ("/var/log/munge", 0o700, "munge"),
    ("/var/lib/munge", 0o711, "munge"),
    ("/run/user/1000", 0o700, "alice"),
    ("/run/user/1001", 0o700, "bob"),
)
