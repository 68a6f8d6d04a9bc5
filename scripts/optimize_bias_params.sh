#!/usr/bin/env bash
# optimize_bias_params.sh [image_dir] [model_path] [method] [OPTION...]
#
# Searches bias factors for the classes that a model calls too rarely or too often, and leaves them in bias/: bias.json,
# which `ferd annotate --bias bias/bias.json` and the other subcommands take, and report.html with pictures of the search.
#
# image_dir holds one folder per class, train/, validation/ and test/ with such folders, or just pictures (default: data);
# model_path is an ensemble folder or a model file (default: the bundled ensemble; "" too); method is grid_search, bayesian
# (optuna is the same) or evolutionary (default: bayesian). OPTIONs go to `ferd tune-bias`, such as
# --use-ground-truth, --target-distribution uniform, --trials 5000 or --output-dir DIR. $FERD names another ferd
# than this repository's release.
set -euo pipefail
# shellcheck source=scripts/lib/release.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/release.sh"

image_dir=data
model_path=
method=bayesian
parse_places image_dir model_path method -- "$@"
find_ferd
model=()
[[ -z $model_path ]] || model=(--model "$model_path")
exec "$ferd" tune-bias --image-dir "$image_dir" "${model[@]}" --method "$method" "${options[@]}"
