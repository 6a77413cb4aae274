#!/usr/bin/env bash
# Installs the Debian packages that building and testing need. Quick (well under a second, no network)
# when nothing is missing, so the other scripts call it every time.
#
#   scripts/setup.sh [--lint] [--docs] [--kafka] [--fuzz] [--check]
#
#   --lint    also clang-format and clang-tidy, which only scripts/check.sh needs
#   --docs    also Go, where there is none, and the certificates that it fetches with: the tests of the docs build grpcurl
#   --kafka   also Java and Maven, where there are none: bench.sh runs Apache Kafka beside us
#   --fuzz    also clang and its libFuzzer, which only scripts/fuzz.sh needs
#   --check   installs nothing: lists what is missing and exits 1 if anything is
#
# Debian 12 is what we build and test on. Needs root, or sudo, only when a package is missing.
# Exit: 0 everything is installed, 1 something could not be, 2 wrong arguments.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

packages=(
  build-essential cmake ninja-build ccache mold pkg-config
  libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc  # the doors
  librocksdb-dev libsnappy-dev libzstd-dev liblz4-dev zlib1g-dev          # storage, compression
  libboost1.81-dev libspdlog-dev libyaml-cpp-dev libssl-dev nlohmann-json3-dev libcli11-dev
  libgtest-dev libgmock-dev python3 python3-grpcio python3-protobuf       # tests
  kcat                                                                    # tests with a stock Kafka client
  e2fsprogs xfsprogs mount procps iproute2                                # crash tests, cluster.sh
  nftables strace libfaketime librdkafka-dev                              # chaos.sh
)
check_only=false
for argument in "$@"; do
  case "$argument" in
    --docs) packages+=(ca-certificates); command -v go >/dev/null || packages+=(golang-go) ;;
    --kafka)
      packages+=(ca-certificates)
      command -v java >/dev/null || packages+=(openjdk-17-jre-headless)
      command -v mvn >/dev/null || packages+=(maven)
      ;;
    --lint) packages+=(clang-format clang-tidy) ;;
    --fuzz) packages+=(clang-14 libclang-rt-14-dev) ;;
    --check) check_only=true ;;
    -h | --help) print_help; exit 0 ;;
    *) usage_error "$argument is not an option of this command." ;;
  esac
done

command -v dpkg-query >/dev/null ||
  die "this is not Debian; install by hand what these packages hold: ${packages[*]}"

find_missing() {
  local name
  declare -A installed=()
  while read -r name; do installed["$name"]=1; done < <(
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null |
      sed -n 's/^installed //p')
  missing=()
  for name in "${packages[@]}"; do
    [[ -n "${installed[$name]:-}" ]] || missing+=("$name")
  done
}

find_missing
((${#missing[@]})) || exit 0
if $check_only; then
  die "missing packages: ${missing[*]}"
fi

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null ||
    die "packages are missing and only root can install them; as root: apt-get install ${missing[*]}"
  as_root=(sudo)
fi

release="$(. /etc/os-release 2>/dev/null && echo "${ID:-} ${VERSION_ID:-}")"
[[ "$release" == "debian 12" ]] ||
  say "this is ${release:-an unknown system}, not Debian 12, which is what we test on; trying all the same"

apt() {
  ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

say "installing ${#missing[@]} packages: ${missing[*]}"
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
# The package lists may be old or absent: fetch them only when the first try fails.
if ! apt install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
  say "fetching the package lists first"
  apt update >"$log" 2>&1 || { cat "$log" >&2; die "apt-get update failed, see above."; }
  apt install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1 || {
    cat "$log" >&2
    die "apt-get could not install the packages, see above."
  }
fi

find_missing
((${#missing[@]} == 0)) || die "still missing after the installation: ${missing[*]}"
say "done"
