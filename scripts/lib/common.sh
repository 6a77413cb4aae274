# What every script here shares: the folder of the checkout, and how to speak and to give up.
# Sourced, never run. Sets ROOT and PROGRAM.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
PROGRAM="$(basename "$0")"

say() { printf '%s: %s\n' "$PROGRAM" "$*"; }

# One sentence on stderr, exit 1.
die() {
  printf '%s: %s\n' "$PROGRAM" "$*" >&2
  exit 1
}

# A mistake in the command line: exit 2.
usage_error() {
  printf '%s: %s Try %s --help.\n' "$PROGRAM" "$*" "$0" >&2
  exit 2
}

# The comment block that opens the calling script is its help text: one text for both readers.
print_help() {
  awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "$0"
}
