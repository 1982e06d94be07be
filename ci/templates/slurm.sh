#!/bin/bash
# Slurm: the suite in five shares, a task of an array each.
#
#   sbatch ci/templates/slurm.sh scenarios
#   sbatch --array=2 ci/templates/slurm.sh scenarios                # runs a lost share again
#   nslab report --merge records --report html=nslab.html           # when all have ended
#
# The folder of submission must be shared by the nodes, and nslab be on PATH there.
#SBATCH --job-name=nslab
#SBATCH --array=1-5
#SBATCH --cpus-per-task=2
#SBATCH --time=00:30:00
#SBATCH --requeue
#SBATCH --output=nslab-%a.log
set -euo pipefail
# Not SLURM_ARRAY_TASK_COUNT, which is 1 if one share is run again.
shares=${SHARES:-5}
exec nslab run "$@" --shard "$SLURM_ARRAY_TASK_ID/$shares" --record "records/$SLURM_ARRAY_TASK_ID" --no-progress
