# shellcheck shell=bash disable=SC2034
# Sourced by the scripts that run a release of ferd.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Sets up and builds a release, with the compiler's messages alone.
build_release() (
  cd "$repository" || exit
  scripts/setup
  [[ -x .build/release/ferd ]] || echo "Building a release (some minutes the first time) ..." >&2
  mkdir -p .build
  swift build --quiet -c release --product ferd 2>&1 |
    sed -E '/^(Fetch(ing|ed)|Comput(ing|ed)|Creating working copy|Working copy of) /d' >&2
)

# Sets `ferd` to the program: $FERD where it is set, else the repository's release, which is built where it is missing.
find_ferd() {
  ferd=${FERD:-$repository/.build/release/ferd}
  [[ -n ${FERD:-} || -x $ferd ]] || build_release
  command -v "$ferd" >/dev/null || {
    echo "$ferd: no such program" >&2
    exit 66
  }
}

# Prints the comment at the head of the calling script.
show_help() {
  sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"
}

# Takes `[data_dir] [model_dir] [OPTION...]` apart into data_dir, model_dir and options; --help shows the head and ends.
parse_folders() {
  data_dir=data
  model_dir=models
  parse_places data_dir model_dir -- "$@"
}

# parse_places NAME... -- ARGUMENT...: sets the variables to the arguments before the first option, as far as there are
# some, and options to the others; --help shows the head and ends.
parse_places() {
  local names=() name argument
  while [[ $1 != -- ]]; do
    names+=("$1")
    shift
  done
  shift
  for argument in "$@"; do
    [[ $argument != --help && $argument != -h ]] || { show_help && exit 0; }
  done
  for name in "${names[@]}"; do
    [[ $# -gt 0 && $1 != -* ]] || break
    printf -v "$name" '%s' "$1"
    shift
  done
  if [[ $# -gt 0 && $1 != -* ]]; then
    show_help >&2
    exit 64
  fi
  options=("$@")
}
