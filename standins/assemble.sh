# shellcheck shell=bash
# Sourced by standins/NAME/assemble, which setup-images runs.
: "${packages:?Debian packages, unpacked}" "${root:?becomes the root of the image}"

loader() { find "$packages/usr/lib64" "$packages/usr/lib" -maxdepth 1 -name 'ld-linux*' -print -quit 2>/dev/null; }
library_path() { printf '%s:' "$packages"/usr/lib/*-linux-gnu; }

# Runs a program of the unpacked release on this machine, whose own libraries may be older.
run_unpacked() { "$(loader)" --library-path "$(library_path)" "$@"; }

# with_libraries FILE...: what the programs and modules need at run time, loader included.
with_libraries() {
  local file library place
  for file; do
    while read -r library; do
      place=$root/usr/lib/${library##*/}
      [[ -e $place ]] || cp -L "$library" "$place"
    done < <(run_unpacked --list "$file" | awk -v own="$packages/" '{ for (i = 1; i <= NF; i++) if (index($i, own) == 1) print $i }')
  done
  file=$(loader)
  place=$root${file#"$packages"}
  mkdir -p "${place%/*}"
  cp -L "$file" "$place"
  ln -sfn usr/lib "$root/lib"
  [[ ! -e $root/usr/lib64 ]] || ln -sfn usr/lib64 "$root/lib64"
}

# The public images are built on Alpine: busybox is their shell and their wget. Left out is what Alpine's busybox has not.
with_busybox() {
  local applet
  mkdir -p "$root"/{bin,sbin,etc,usr/bin,usr/sbin,usr/lib,root,var}
  cp "$packages/usr/bin/busybox" "$root/bin/busybox"
  "$root/bin/busybox" --list-full | while read -r applet; do
    case ${applet##*/} in
      busybox | linuxrc | ar | dpkg | dpkg-deb | rpm | rpm2cpio | httpd | udhcpd | telnet | telnetd | tftp | ftpget | ftpput) ;;
      cttyhack | getfattr | i2c* | lsscsi | mim | mke2fs | mt | run-init | ssl_client | start-stop-daemon | svc | svok | ts) ;;
      ubirename | uevent | w | xz) ;;
      *) mkdir -p "$root/${applet%/*}"; ln -sf /bin/busybox "$root/$applet" ;;
    esac
  done
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnobody:x:65534:\n' >"$root/etc/group"
  printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
  mkdir -p "$root"/{dev,proc,sys,run,tmp}
  ln -sfn /run "$root/var/run"
  chmod 1777 "$root/tmp"
}

# Debian's authorities only: those that this machine trusts besides are none of an image's business.
with_authorities() {
  mkdir -p "$root/etc/ssl/certs"
  cat "$packages"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
  ln -s certs/ca-certificates.crt "$root/etc/ssl/cert.pem"
  # Where Debian's OpenSSL looks.
  mkdir -p "$root/usr/lib"
  ln -s ../../etc/ssl "$root/usr/lib/ssl"
}
