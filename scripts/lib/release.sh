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
  local argument
  for argument in "$@"; do
    [[ $argument != --help && $argument != -h ]] || { show_help && exit 0; }
  done
  if [[ $# -gt 0 && $1 != -* ]]; then
    data_dir=$1
    shift
  fi
  if [[ $# -gt 0 && $1 != -* ]]; then
    model_dir=$1
    shift
  fi
  if [[ $# -gt 0 && $1 != -* ]]; then
    show_help >&2
    exit 64
  fi
  options=("$@")
}
