# shellcheck shell=bash
# Sourced by the setup scripts: where things are, how they speak, one run at a time, Debian's packages.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
part=${0##*/setup-}
state=$top/.stackctl/setup

say() { printf '%s: %s\n' "$part" "$*" >&2; }
die() { say "$*"; exit 1; }

# Waits for another run of the same script. The lock is file descriptor 9: what outlives the script must close it.
one_at_a_time() {
  [[ -d $top/.stackctl ]] || mkdir -m 700 "$top/.stackctl"
  mkdir -p "$state"
  exec 9>"$state/$part.lock"
  flock -n 9 && return
  say "waiting for another run of this script"
  flock -w 900 9 || die "another run still holds $state/$part.lock after 15 minutes"
}

on_debian() { grep -qsx 'ID=debian' /etc/os-release; }

# Two setups at once must take turns: apt waits for the lock on packages, but not for the one on its lists.
apt_install() (
  log=$state/$part-apt.log
  say "installing $* from Debian"
  exec 8>"$state/apt.lock" 9>&-
  flock 8
  for attempt in first second; do
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install --no-install-recommends -y "$@" \
      >"$log" 2>&1 </dev/null 8>&- && exit
    # Missing and outdated package lists look alike: like a failure of the first attempt.
    [[ $attempt == second ]] || apt-get -qq update >>"$log" 2>&1 8>&- || break
  done
  die "apt-get cannot install $*; see $log"
)

# What this machine's Debian lacks, or has too old, comes from this release.
later_release=trixie

# apt with directories of its own: the machine's sources, lists and package database are neither read nor changed.
later_apt() {
  local apt=$state/$part-later
  apt-get -qq \
    -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=- \
    -o Dir::Etc::preferences="$apt/preferences" -o Dir::Etc::preferencesparts="$apt/preferences.d" \
    -o Dir::State::lists="$apt/lists" -o Dir::State::status="$apt/status" -o Dir::State::extended_states="$apt/extended" \
    -o Dir::Cache="$apt/cache" -o Dir::Cache::archives="$apt/cache/archives" \
    -o APT::Sandbox::User= -o Acquire::Languages=none -o Debug::NoLocking=1 -o Acquire::Retries=2 -o Acquire::http::Timeout=30 "$@" >&2 9>&-
}

# The mirror that this machine uses for its own release.
debian_mirror() {
  local own
  own=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  # shellcheck disable=SC2016  # apt fills these in
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(TARGET_OF)' 'Created-By: Packages' |
    awk -v own="$own" '$3 == "main" && $4 == "deb" && ($2 == own || $2 ~ /^(old)*stable$|^testing$/) && !seen++ { print $1 }'
}

# later_packages DIRECTORY PACKAGE...: unpacks the packages, and all that they depend on, below DIRECTORY.
later_packages() {
  local into=$1 apt=$state/$part-later keys=/usr/share/keyrings/debian-archive-keyring.gpg mirror deb
  shift
  mirror=$(debian_mirror)
  [[ $mirror ]] || die "apt's sources name no mirror of this machine's own Debian release: add it"
  rm -rf "$apt"
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/preferences.d" "$into"
  printf 'deb [signed-by=%s] %s %s main\n' "$keys" "$mirror" "$later_release" >"$apt/sources.list"
  : >"$apt/status"
  later_apt update || die "cannot read Debian $later_release from this machine's mirror"
  later_apt install --download-only --no-install-recommends -y "$@" || die "cannot download $* from Debian $later_release"
  for deb in "$apt"/cache/archives/*.deb; do dpkg -x "$deb" "$into"; done
  rm -rf "$apt"
}
