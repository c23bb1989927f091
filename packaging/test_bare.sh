#!/usr/bin/env bash
# Run `make demo` and `make test` as an ordinary user in a minimal Debian that has only Python,
# venv, make and git. For maintainers: needs root, on Debian or Ubuntu with debootstrap.
#
#   make test-bare                        Debian 12, Python 3.11, the last commit
#   SUITE=trixie make test-bare           Debian 13, Python 3.13
#   COMMANDS="make demo" make test-bare   only that
#   BARE_DIR=/big/disk make test-bare     where the Debian is built (about 4 GB; default /var/tmp)
#   KEEP=1 make test-bare                 keep the folder afterwards, for inspection
#
# This machine's pip settings (mirrors, certificates, folders of wheels) are shared, read-only.
set -euo pipefail

suite=${SUITE:-bookworm}
commands=${COMMANDS:-make demo; make test}
repository=$(git -C "$(dirname "$0")/.." rev-parse --show-toplevel)

[ "$(id -u)" = 0 ] || { echo "test-bare needs root, for debootstrap and chroot." >&2; exit 2; }
command -v debootstrap > /dev/null || { echo "test-bare needs debootstrap: apt-get install debootstrap" >&2; exit 2; }

# Mounts are in their own namespace, so they disappear with this script, however it ends.
if [ -z "${RAPPORT_BARE_NAMESPACE:-}" ]; then
    RAPPORT_BARE_NAMESPACE=1 exec unshare --mount --propagation private "$0" "$@"
fi

root=$(mktemp -d "${BARE_DIR:-/var/tmp}/rapport-bare.XXXXXX")
chmod 755 "$root"
clean_up() {
    if [ -n "${KEEP:-}" ]; then echo "Kept: $root"; return; fi
    cd /
    grep -o " $root/[^ ]*" /proc/self/mounts | sort -r | xargs -r -n1 umount --lazy 2> /dev/null || true
    rm -rf --one-file-system "$root"
}
trap clean_up EXIT

echo "== Debian $suite in $root"
debootstrap --variant=minbase --include=python3,python3-venv,make,git,ca-certificates \
    "$suite" "$root" > "$root.log" 2>&1 || { tail "$root.log" >&2; exit 1; }
rm -f "$root.log"

mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
cp /etc/resolv.conf /etc/hosts "$root/etc/"

# Bind-mount a file or folder of the host at the same path inside, read-only; skip missing ones.
bring() {
    [ -e "$1" ] || return 0
    if [ -d "$1" ]; then mkdir -p "$root$1"; else mkdir -p "$root$(dirname "$1")"; touch "$root$1"; fi
    mount --bind "$1" "$root$1"
    mount -o remount,bind,ro "$root$1"
}
named_by_pip() {
    printf '%s\n' /etc/pip.conf /etc/xdg/pip
    env | sed -n 's/^\(PIP_[A-Z_]*\|SSL_CERT_FILE\|REQUESTS_CA_BUNDLE\)=//p' | tr ' ' '\n' | grep '^/' || true
    pip config list 2> /dev/null | grep -o "file://[^ ']*" | sed 's|file://||' | xargs -r -n1 dirname
}
for path in $(named_by_pip | sort -u); do bring "$path"; done
# Pictures and clips that some tests need, if there are any (see tests/).
data=$(realpath "${RAPPORT_SHARED_DATA:-$repository/../shared/data}" 2> /dev/null || true)
if [ -d "$data" ]; then mkdir -p "$root/srv/data"; mount --bind -o ro "$data" "$root/srv/data"; fi

# A folder with a space and a non-ASCII letter: both have broken an install before.
home=/home/someone
place="$home/Büro am Platz"
chroot "$root" useradd --create-home --shell /bin/bash someone
mkdir -p "$root$place"
git clone --quiet "$repository" "$root$place/rapport"
chroot "$root" chown -R someone:someone "$home"

mapfile -t settings < <(env | grep -E '^(PIP_|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|RAPPORT_TEST_|https?_proxy|no_proxy)' || true)

inside() {
    # The environment of a fresh login: from this machine, only the settings of pip and the tests.
    chroot --userspec=someone:someone "$root" /usr/bin/env -i HOME="$home" USER=someone PATH=/usr/local/bin:/usr/bin:/bin LC_ALL=C TERM=dumb \
        RAPPORT_SHARED_DATA=/srv/data \
        "${settings[@]}" \
        /bin/bash -c "cd '$place/rapport' && $1"
}

IFS=';' read -ra each <<< "$commands"
for command in "${each[@]}"; do
    command=$(echo "$command" | sed 's/^ *//; s/ *$//')
    echo "== $command"
    began=$SECONDS
    inside "$command" || { echo "== $command failed after $((SECONDS - began)) s" >&2; exit 1; }
    echo "== $command passed in $((SECONDS - began)) s"
done

echo "== system libraries that the wheels need and a minimal Debian lacks"
# Libraries of one wheel find each other when loaded, which ldd on a single file does not see.
# LiteRT's plug-ins for other makers' processors are never loaded.
inside "find .venv -name '*.so*' -type f -not -path '*/ai_edge_litert/vendors/*' -exec ldd {} + 2> /dev/null | sed -n 's/^[[:space:]]*\(.*\) => not found/\1/p' | sort -u \
    | while read -r name; do find .venv -name \"\$name\" | grep -q . || echo \"\$name\"; done" | sed 's/^/   /' | grep . || echo "   none"
