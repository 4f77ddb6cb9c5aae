# shellcheck shell=bash
# Sourced by the setup scripts: where things are, how they speak, one run at a time, packages of a later Debian.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
part=${0##*/setup-}
state=$top/.stackctl/setup

say() { printf '%s: %s\n' "$part" "$*" >&2; }
die() { say "$*"; exit 1; }

prepare_state() {
  [[ -d $top/.stackctl ]] || mkdir -m 700 "$top/.stackctl"
  mkdir -p "$state"
}

# Waits for another run of the same script. The lock lives on file descriptor 9: whatever outlives the script must close it.
one_at_a_time() {
  prepare_state
  exec 9>"$state/$part.lock"
  flock -n 9 || { say "waiting for another run of this script"; flock -w 900 9 || die "another run still holds $state/$part.lock after 15 minutes"; }
}

# What this Debian lacks or has too old is taken from this release, by private apt directories: the machine's own apt
# configuration, lists and package database stay untouched.
later_release=trixie

later_apt() {
  local apt=$state/apt
  apt-get -qq \
    -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=- \
    -o Dir::Etc::preferences="$apt/preferences" -o Dir::Etc::preferencesparts="$apt/preferences.d" \
    -o Dir::State::lists="$apt/lists" -o Dir::State::status="$apt/status" -o Dir::State::extended_states="$apt/extended" \
    -o Dir::Cache="$apt/cache" -o Dir::Cache::archives="$apt/cache/archives" \
    -o APT::Sandbox::User= -o Debug::NoLocking=1 -o Acquire::Retries=2 -o Acquire::http::Timeout=30 "$@"
}

# The mirror is the one that this machine uses for its own release.
debian_mirror() {
  local codename
  codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
  # shellcheck disable=SC2016  # apt fills these in
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(TARGET_OF)' 'Created-By: Packages' |
    awk -v own="$codename" '$3 == "main" && $4 == "deb" && ($2 == own || $2 ~ /^(old)*stable$|^testing$/) { print $1; exit }'
}

need_debian() {
  [[ -r /etc/debian_version ]] && grep -qx 'ID=debian' /etc/os-release || die "$1"
}

# later_packages DIRECTORY PACKAGE...: unpacks the packages, and all they depend on, below DIRECTORY.
later_packages() {
  local into=$1 apt=$state/apt mirror deb; shift
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/preferences.d"
  if [[ ! -e $apt/updated ]]; then
    mirror=$(debian_mirror)
    [[ $mirror ]] || die "no Debian mirror in this machine's apt sources; add its own release there"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$later_release" >"$apt/sources.list"
    : >"$apt/status"
    later_apt update >&2 || die "cannot read Debian $later_release from this machine's mirror; see the lines above"
    : >"$apt/updated"
  fi
  rm -f "$apt"/cache/archives/*.deb
  later_apt install --download-only --no-install-recommends -y "$@" >&2 || { rm -f "$apt/updated"; die "cannot download $* from Debian $later_release"; }
  mkdir -p "$into"
  for deb in "$apt"/cache/archives/*.deb; do dpkg -x "$deb" "$into"; done
  rm -f "$apt"/cache/archives/*.deb
}
