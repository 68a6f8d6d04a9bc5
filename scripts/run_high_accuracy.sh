#!/usr/bin/env bash
# run_high_accuracy.sh [data_dir] [model_dir] [OPTION...]
#
# Trains the ensemble of the highest accuracy: EfficientNet-B0 and ResNet-18, fused by attention, with the strongest
# augmentation and all classes shown equally often.
#
# data_dir holds train/, validation/ and test/ with one folder per class, or the class folders alone (default: data);
# model_dir receives the results (default: models). OPTIONs go to `ferd train`, such as --epochs 30 or --threads 2;
# after an interruption add --resume. $FERD names another ferd than this repository's release.
set -euo pipefail
# shellcheck source=scripts/lib/release.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/release.sh"

parse_folders "$@"
find_ferd
exec "$ferd" train --data-dir "$data_dir" --model-dir "$model_dir" --backbones efficientnet_b0 resnet18 \
  --augmentation-level 3 --sampler balanced "${options[@]}"
