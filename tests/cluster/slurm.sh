#!/usr/bin/env bash
# A real Slurm on this machine, and a sweep of 8 jobs sent to it, interrupted, resumed and collected.
#
# Installs Debian's packages slurm-wlm and munge (apt-get, root needed), writes /etc/slurm/slurm.conf and
# starts munged, slurmctld and slurmd with one node: this machine. Not for a machine that is part of a
# cluster: it refuses where a slurm.conf lies that it did not write.
#
#   tests/cluster/slurm.sh PYTHON [FOLDER]     PYTHON has jaxgame[cluster]; FOLDER takes the results
set -euo pipefail
python=${1:?usage: tests/cluster/slurm.sh PYTHON [FOLDER]}
output=$(realpath -m "${2:-outputs/slurm}")
cd "$(dirname "$0")/../.."
mark="# written by tests/cluster/slurm.sh of jaxgame"

if [ -e /etc/slurm/slurm.conf ] && ! grep -q "$mark" /etc/slurm/slurm.conf; then
    echo "/etc/slurm/slurm.conf is there and not ours: this machine has a Slurm of its own" >&2
    exit 1
fi
if ! command -v sbatch >/dev/null || ! command -v munged >/dev/null; then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q slurm-wlm munge
fi

cores=$(nproc)
memory=$(awk '/MemTotal/ {print int($2 / 1024 * 0.8)}' /proc/meminfo)
mkdir -p /etc/slurm /run/munge /var/spool/slurmctld /var/spool/slurmd /var/log/slurm
cat >/etc/slurm/slurm.conf <<CONF
$mark
ClusterName=one
SlurmctldHost=$(hostname)
SlurmUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd.log
ReturnToService=2
KillWait=30
NodeName=$(hostname) CPUs=$cores RealMemory=$memory State=UNKNOWN
PartitionName=main Nodes=$(hostname) Default=YES MaxTime=INFINITE State=UP
CONF
chown munge: /run/munge && chmod 755 /run/munge
pgrep -x munged >/dev/null || runuser -u munge -- munged
pgrep -x slurmctld >/dev/null || slurmctld
pgrep -x slurmd >/dev/null || slurmd
for _ in $(seq 30); do
    sinfo -h -o %T | grep -q idle && break
    sleep 1
done
sinfo

sweep=("$python" -m experiments --multirun run=slurm_cpu run.root="$output"
    hydra.launcher.partition=main hydra.launcher.timeout_min=30 hydra.launcher.mem_gb=2
    hydra.launcher.cpus_per_task=1 hydra.launcher.array_parallelism="$cores"
    experiment.draws=4096 "experiment.leaders=[1,2,4,8]" run.chunk=256
    family=noise,goals experiment.actions=2,3 run.seed=0,1)

rm -rf "$output"
"${sweep[@]}" >"$output.log" 2>&1 &
sweeping=$!
# states [interrupted|complete|...]: the run directories whose manifest says so
states() { grep -ls "\"state\": \"$1\"" "$output"/hull_coverage/*/manifest.json || true; }
running() { squeue -h -t R -o %i | sort; }

# begun N: wait until N runs that go on have their first chunk
begun() {
    local manifests dirs
    for _ in $(seq 240); do
        manifests=$(states running)
        dirs=$(for manifest in $manifests; do
            find "$(dirname "$manifest")/chunks" -name '[0-9]*.parquet' -printf '%h\n' 2>/dev/null | head -n 1 || true
        done | wc -l)
        [ "$dirs" -ge "$1" ] && return
        sleep 0.2
    done
    echo "no $1 jobs began to compute" >&2
    exit 1
}

# Once two jobs have their first chunks, one gets the signal that Slurm sends before a time limit or preemption.
# It must save, ask to be queued again, and then go on from there (Slurm waits two minutes).
begun 2
again=$(running | tail -n 1)
echo "signalling job $again"
timeout 5 scancel --signal=USR2 "$again" || true # where the job is quick to queue itself, scancel would insist
for _ in $(seq 60); do
    [ -n "$(states interrupted)" ] && break
    sleep 0.5
done
stopped=$(states interrupted | head -n 1)
kept=$(find "$(dirname "$stopped")/chunks" -name '*.parquet' | sort)
echo "it stopped with $(grep '"draws_done"' "$stopped") and these chunks:" && basename -a $kept
scontrol show job "$again" | grep -oE "JobState=\w+|Restarts=[0-9]+|Reason=\w+"

# Those that run now are ended for good (SIGTERM, then SIGKILL 30 s later); what is missing is told.
begun 1
echo "cancelling jobs" $(running)
scancel $(running)
"$python" -m experiments.collect "$output" || true
# Without Slurm's accounting data base the waiting sweep cannot learn that a job was cancelled: end it too. Its
# other jobs go on without it.
kill $sweeping
wait $sweeping || true
while [ -n "$(squeue -h)" ]; do
    # When the signalled job runs again, its first chunks must still be those of before.
    if [ -z "${resumed:-}" ] && grep -q '"state": "running"' "$stopped"; then
        resumed=yes
        ls $kept >/dev/null
        echo "job $again goes on from $(grep '"draws_done"' "$stopped")"
    fi
    sleep 0.2
done
[ -n "${resumed:-}" ] && grep '"state": "complete"' "$stopped"
grep -h '"state"' "$output"/hull_coverage/*/manifest.json | sort | uniq -c
grep -rhs "draws are kept in" "$output"/.submitit || true
"$python" -m experiments.collect "$output" || true

echo "the same command again"
timeout 900 "${sweep[@]}" 2>&1 | grep -v -i "sacct\|accounting"
"$python" -m experiments.collect "$output"
"$python" - "$output" <<'PY'
import sys

import polars as pl

table = pl.read_parquet(sys.argv[1] + "/collected.parquet")
points = table.select("family.name", "experiment.actions", "run.seed").unique()
assert points.height == 8, points
assert (table["draws"] == 4096).all()
print(points.sort(pl.all()))
PY

echo "one run, two tasks of one job, through jax.distributed"
srun -n 2 --mem=2G "$python" -m experiments experiment.draws=512 experiment.leaders=[1,2] run.devices=1 \
    run.directory="$output/two_tasks"
grep -E '"(processes|state|draws_done)"' "$output/two_tasks/manifest.json"
