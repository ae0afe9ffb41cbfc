# shellcheck shell=bash
# Sourced by the programs of this folder: paths, messages, small helpers.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/releaser
DAEMONS=$CACHE/daemons
REGISTRY_HOST=localhost:5000
# shellcheck disable=SC2034  # used by the scripts that source this file
readonly ROOT CACHE DAEMONS REGISTRY_HOST

# iptables, ip and debootstrap are here, where not every user looks.
PATH=$PATH:/usr/sbin:/sbin

note() { printf '%s\n' "engine: $*" >&2; }

fail() {
    printf '%s\n' "engine: error: $1" >&2
    shift
    local line
    for line in "$@"; do printf '%s\n' "        $line" >&2; done
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

is_root() { [[ $(id -u) -eq 0 ]]; }

os_release() { (. /etc/os-release 2>/dev/null && printf '%s' "${!1:-}"); }

# One set-up at a time: two checkouts share the cache folder and what runs from it.
# Whatever is started to outlive this shell must close descriptor 9.
lock() {
    mkdir -p "$CACHE"
    have flock || return 0
    exec 9>"$CACHE/lock"
    flock -n 9 || { note "waiting for another set-up to finish"; flock -w 900 9; } ||
        fail "another set-up has held $CACHE/lock for 15 minutes"
}

apt_install() {
    local log=$CACHE/apt.log
    have apt-get || fail "these packages are missing, and there is no apt-get to install them: $*"
    is_root || fail "these packages are missing: $*" "Install them as root: apt-get install $*"
    note "installing $*"
    mkdir -p "$CACHE"
    local install=(apt-get install -y -q --no-install-recommends "$@")
    export DEBIAN_FRONTEND=noninteractive
    "${install[@]}" >"$log" 2>&1 </dev/null 9>&- ||
        { apt-get update -q && "${install[@]}"; } >"$log" 2>&1 </dev/null 9>&- ||
        { tail -n 20 "$log" >&2; fail "apt-get could not install $*" "All of its output: $log"; }
}

# "suite|component|URI|keyring" of every index that apt is configured to use,
# whichever of its file formats it is written in.
apt_sources() {
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    # shellcheck disable=SC2016  # apt's own placeholders
    apt-get indextargets --format '$(RELEASE)|$(COMPONENT)|$(REPO_URI)|$(SIGNED_BY)' \
        'Created-By: Packages' 2>/dev/null | sort -u |
        # Apt before version 3 does not know the last one and leaves it as it is.
        if [[ -r $keyring && $(os_release ID) == debian ]]; then sed "s|\$(SIGNED_BY)\$|$keyring|"; else cat; fi
}

apt_line() { # KEYRING URI SUITE COMPONENT
    local option=
    [[ $1 == /* ]] && option="[signed-by=$1] "
    printf 'deb %s%s %s %s\n' "$option" "$2" "$3" "$4"
}

# Is process $1 alive with $2 in its command line? Process ids are used again.
process_is() {
    [[ $1 =~ ^[0-9]+$ && -r /proc/$1/cmdline ]] &&
        tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | grep -qF -- "$2"
}

wait_for() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.2
    done
}

# Ask a process to end, and make it end when it does not.
end_process() { # PID TEXT-IN-ITS-COMMAND-LINE SECONDS
    process_is "$1" "$2" || return 0
    kill "$1" 2>/dev/null || return 0
    local end=$((SECONDS + $3))
    while process_is "$1" "$2"; do
        ((SECONDS < end)) || { kill -9 "$1" 2>/dev/null || true; break; }
        sleep 0.1
    done
}
