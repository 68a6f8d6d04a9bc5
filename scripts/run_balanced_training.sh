#!/usr/bin/env bash
# run_balanced_training.sh [data_dir] [model_dir] [OPTION...]
#
# Trains an emotion network on unbalanced data in two phases:
#   1. pre-training on the under-represented classes (ferd train --pretrain), which leaves
#      model_dir/pretrained.safetensors; left out where that is there already
#   2. the main phase, which goes on from it and shows all classes equally often
#
# data_dir holds train/, validation/ and test/ with one folder per class, or the class folders alone (default: data);
# model_dir receives the results (default: models). OPTIONs go to `ferd train` in both phases, such as
# --backbone fer48 or --threads 2 (--weights to the first one only); after an interruption add --resume. $FERD names
# another ferd than this repository's release.
set -euo pipefail
# shellcheck source=scripts/lib/release.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/release.sh"

parse_folders "$@"
find_ferd
folders=(--data-dir "$data_dir" --model-dir "$model_dir")

if [[ -e $model_dir/pretrained.safetensors ]]; then
  echo "Phase 1 of 2 is done: $model_dir/pretrained.safetensors" >&2
else
  echo "Phase 1 of 2: pre-training on the under-represented classes" >&2
  "$ferd" train "${folders[@]}" --pretrain "${options[@]}"
fi
# Weights to start from are where the first phase starts; the second one goes on from what that left.
main=()
is_weight=
for option in "${options[@]}"; do
  case "$option" in
    --weights) is_weight=yes ;;
    --weights=*) is_weight= ;;
    -*) is_weight= && main+=("$option") ;;
    *) [[ -n $is_weight ]] || main+=("$option") ;;
  esac
done
echo "Phase 2 of 2: main training" >&2
"$ferd" train "${folders[@]}" --sampler balanced "${main[@]}"
