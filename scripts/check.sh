#!/usr/bin/env bash
# Everything that must hold before a change lands: format, lint, include and house rules, build, tests, and a short run of each
# fuzzer.
#
#   scripts/check.sh [--all] [--sanitize] [--fix]
#
#   --all        lint every file, not only those changed since the last commit of the upstream branch
#   --sanitize   also build and test with AddressSanitizer and UndefinedBehaviorSanitizer, and, for the targets
#                that link neither gRPC nor RocksDB, with ThreadSanitizer; and compare the simulator's runs
#                in the two builds
#   --fix        write the format instead of checking it
#
# Goes through all parts and says at the end which failed. Exit: 0 all is well, 1 not, 2 wrong arguments.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

all=false sanitize=false fix=false
for argument in "$@"; do
  case "$argument" in
    --all) all=true ;;
    --sanitize) sanitize=true ;;
    --fix) fix=true ;;
    -h | --help) print_help; exit 0 ;;
    *) usage_error "$argument is not an option of this command." ;;
  esac
done
cd "$ROOT"

failed=()
part() {
  local name="$1" started=$SECONDS
  shift
  say "$name ..."
  if "$@"; then
    say "$name: good ($((SECONDS - started)) s)"
  else
    say "$name: FAILED ($((SECONDS - started)) s)"
    failed+=("$name")
  fi
}

sources() {
  find include base raft storage server client tests \( -name '*.h' -o -name '*.cc' \) -type f | sort
}

check_format() {
  if $fix; then sources | xargs clang-format -i; fi
  sources | xargs clang-format --dry-run --Werror
}

# What differs from the branch that this one follows, or from the commit before where it follows none. A header is
# linted through the file of its name.
changed_sources() {
  local base
  if $all || ! git rev-parse --verify -q HEAD >/dev/null 2>&1; then
    sources | grep '\.cc$'
    return
  fi
  base="$(git merge-base HEAD '@{upstream}' 2>/dev/null || git rev-parse -q --verify 'HEAD~1' || git rev-parse HEAD)"
  { git diff --name-only --diff-filter=d "$base" -- '*.cc' '*.h'; git ls-files -o --exclude-standard -- '*.cc' '*.h'; } |
    sed 's/\.h$/.cc/' | sort -u | while IFS= read -r file; do [[ ! -f "$file" ]] || printf '%s\n' "$file"; done
}

check_lint() {
  local files
  mapfile -t files < <(changed_sources)
  ((${#files[@]})) || return 0
  python3 scripts/lib/lint.py --build build/release "${files[@]}"
}

part "set-up" scripts/setup.sh --lint
part "format" check_format
part "include and house rules" python3 tests/house/house_test.py
part "seeded bugs apply" python3 scripts/lib/mutants.py check
part "build" scripts/build.sh release
part "lint" check_lint
part "tests" scripts/test.sh release
part "fuzzers, a few seconds each" scripts/fuzz.sh all --minutes 0.1
if $sanitize; then
  part "tests with AddressSanitizer and UndefinedBehaviorSanitizer" scripts/test.sh asan
  part "the same simulations in two builds" tests/sim/same_traces.py build/release/bin/sim build/asan/bin/sim
  part "tests with ThreadSanitizer" scripts/test.sh tsan
fi

((${#failed[@]} == 0)) || die "failed: $(printf '%s; ' "${failed[@]}" | sed 's/; $//')"
say "all is well"
