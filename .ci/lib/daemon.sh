# shellcheck shell=bash
# Daemons of our own. Each has its data, sockets and bridge to itself, so that several run side by
# side and next to a Docker that the machine has.

daemon_socket() { printf '%s' "$DAEMONS/$1/docker.sock"; }

# Interface names have 15 characters at most.
daemon_bridge() { printf 'rel-%s' "$(printf '%s' "$DAEMONS/$1" | sha256sum | cut -c1-10)"; }

with_daemon() { # NAME COMMAND...
    local name=$1
    shift
    PATH=$PROGRAMS/bin:$PATH DOCKER_HOST=unix://$(daemon_socket "$name") DOCKER_CONFIG=$CACHE/docker \
        BUILDX_CONFIG=$CACHE/buildx "$@"
}

daemon_answers() { with_daemon "$1" timeout 10 docker info >/dev/null 2>&1; }

daemon_pid() { cat "$DAEMONS/$1/docker.pid" 2>/dev/null || true; }

daemon_runs() { process_is "$(daemon_pid "$1")" "$DAEMONS/$1/daemon.json"; }

# The exports that make a shell use daemon NAME.
daemon_exports() {
    printf 'export DOCKER_HOST=%q\n' "unix://$(daemon_socket "$1")"
    printf 'export DOCKER_CONFIG=%q\n' "$CACHE/docker"
    printf 'export BUILDX_CONFIG=%q\n' "$CACHE/buildx"
    path_export
}

# shellcheck disable=SC2016  # the PATH of the shell that reads it
path_export() { printf 'export PATH=%q:"$PATH"\n' "$PROGRAMS/bin"; }

client_settings() {
    mkdir -p "$CACHE/docker/cli-plugins" "$CACHE/buildx"
    [[ -e $CACHE/docker/config.json ]] || printf '{}\n' >"$CACHE/docker/config.json"
    [[ ! -e $PROGRAMS/cli-plugins/docker-buildx ]] ||
        ln -sfn "$PROGRAMS/cli-plugins/docker-buildx" "$CACHE/docker/cli-plugins/docker-buildx"
}

# The same daemon gets the same subnet again: dockerd keeps it in its data.
subnet_for() { # NAME
    local taken third start
    taken=$(ip -4 route show table all; ip -4 -o addr show)
    cat "$DAEMONS/$1/subnet" 2>/dev/null && return
    start=$((16#$(printf '%s' "$DAEMONS/$1" | sha256sum | cut -c1-4)))
    for third in {0..199}; do
        third=$((20 + (start + third) % 200))
        grep -qF "10.208.$third." <<<"$taken" || { printf '10.208.%s' "$third"; return; }
    done
    return 1
}

make_bridge() { # NAME
    local bridge subnet
    bridge=$(daemon_bridge "$1")
    ip link show "$bridge" >/dev/null 2>&1 || ip link add name "$bridge" type bridge
    if [[ -z $(ip -4 -o addr show dev "$bridge") ]]; then
        subnet=$(subnet_for "$1") || fail "no free subnet for the bridge of daemon $1"
        ip addr add "$subnet.1/24" dev "$bridge"
    fi
    ip link set "$bridge" up
}

# Two daemons that both manage iptables flush each other's chains. Ours manage none: these rules are
# all that a bridge needs to reach out.
open_bridge() { # NAME
    local bridge subnet table rule
    bridge=$(daemon_bridge "$1")
    # Asked of the bridge, since dockerd sets it to the one in its data.
    subnet=$(ip -4 -o addr show dev "$bridge" | sed -n 's|.* inet \([0-9.]*\)\.1/24.*|\1|p')
    printf '%s\n' "$subnet" >"$DAEMONS/$1/subnet"
    while read -r table rule; do
        # shellcheck disable=SC2086  # a rule is a list of words
        iptables -w -t "$table" -C $rule 2>/dev/null || iptables -w -t "$table" -I $rule
    done <<RULES
nat POSTROUTING -m comment --comment $bridge -s $subnet.0/24 ! -o $bridge -j MASQUERADE
filter FORWARD -m comment --comment $bridge -i $bridge -j ACCEPT
filter FORWARD -m comment --comment $bridge -o $bridge -j ACCEPT
RULES
}

remove_bridge() { # NAME
    local bridge table rule
    bridge=$(daemon_bridge "$1")
    ip link show "$bridge" >/dev/null 2>&1 || return 0
    for table in nat filter; do
        iptables -w -t "$table" -S | grep -F -- "--comment $bridge " | while read -r _ rule; do
            # shellcheck disable=SC2086  # a rule is a list of words
            iptables -w -t "$table" -D $rule
        done || true
    done
    ip link delete "$bridge" 2>/dev/null || true
}

write_daemon_config() { # NAME STORE
    local folder=$DAEMONS/$1 snapshotter=true
    [[ $2 == containerd ]] || snapshotter=false
    cat <<JSON
{
  "hosts": ["unix://$(daemon_socket "$1")"],
  "data-root": "$folder/data",
  "exec-root": "$folder/exec",
  "pidfile": "$folder/docker.pid",
  "bridge": "$(daemon_bridge "$1")",
  "group": "${ENGINE_GROUP:-root}",
  "iptables": false,
  "ip6tables": false,
  "registry-mirrors": ["http://$REGISTRY_HOST"],
  "features": {"containerd-snapshotter": $snapshotter}
}
JSON
}

start_daemon() { # NAME STORE
    local name=$1 store=$2 folder=$DAEMONS/$1 pid
    local longest=$folder/exec/containerd/containerd-debug.sock.ttrpc
    ((${#longest} <= 107)) || fail "the path of the cache folder is too long for a socket: $CACHE" \
        "Set XDG_CACHE_HOME to a shorter one."
    if daemon_runs "$name"; then
        [[ $(cat "$folder/store") == "$store" ]] ||
            fail "daemon $name runs with the $(cat "$folder/store") store, not the $store store" \
                "End it first: .ci/engine stop $name"
        if wait_for 30 daemon_answers "$name"; then
            if is_root; then
                make_bridge "$name"
                open_bridge "$name"
            fi
            return
        fi
        note "daemon $name runs but does not answer: starting it again"
        stop_daemon "$name"
    fi
    is_root || fail "only root can start a Docker Engine, and none answers that could be used instead" \
        "Start Docker and check that 'docker info' works, or set DOCKER_HOST," \
        "or run this as root (sudo -E make engine)."
    get_engine_programs
    get_engine_helpers
    client_settings
    # A daemon that was killed leaves its containerd, pid file and mounts behind.
    clear_remains "$name"
    mkdir -p "$folder"
    printf '%s\n' "$store" >"$folder/store"
    write_daemon_config "$name" "$store" >"$folder/daemon.json"
    [[ -e /opt/containerd ]] || : >"$CACHE/made-opt-containerd"
    make_bridge "$name"
    note "starting Docker Engine $name ($store store)"
    PATH=$PROGRAMS/bin:$PATH setsid nohup dockerd --config-file "$folder/daemon.json" \
        >"$folder/log" 2>&1 </dev/null 9>&- &
    pid=$!
    local end=$((SECONDS + 60))
    until daemon_answers "$name"; do
        if ! kill -0 "$pid" 2>/dev/null || ((SECONDS >= end)); then
            grep -vE 'level=(info|debug)' "$folder/log" | tail -n 15 >&2 || true
            fail "Docker Engine $name did not come up" "All it said: $folder/log"
        fi
        sleep 0.2
    done
    open_bridge "$name"
}

# What is left when a daemon has gone: processes of its containerd, mounts, sockets.
clear_remains() { # NAME
    local folder=$DAEMONS/$1 proc pid mount processes=()
    for proc in /proc/[0-9]*; do
        pid=${proc#/proc/}
        process_is "$pid" "$folder/exec/containerd/" && processes+=("$pid")
    done
    # A container outlives the process that watches it, so containers go first.
    for pid in ${processes[@]+"${processes[@]}"}; do
        process_is "$pid" containerd-shim || continue
        # shellcheck disable=SC2046  # process ids
        kill -9 $(cat "/proc/$pid/task/$pid/children" 2>/dev/null) 2>/dev/null || true
    done
    for pid in ${processes[@]+"${processes[@]}"}; do
        end_process "$pid" "$folder/exec/containerd/" 5
    done
    while read -r mount; do
        umount -l "$mount" 2>/dev/null || true
    done < <(awk -v top="$folder/" 'index($2, top) == 1 {print $2}' /proc/mounts | sort -r)
    rm -rf "$folder/exec" "$folder/docker.pid" "$folder/docker.sock"
}

stop_daemon() { # NAME
    local folder=$DAEMONS/$1 network networks=
    [[ -d $folder ]] || return 0
    if daemon_runs "$1"; then
        note "ending Docker Engine $1"
        networks=$(with_daemon "$1" timeout 10 docker network ls -q --filter driver=bridge --filter type=custom) || true
        end_process "$(daemon_pid "$1")" "$folder/daemon.json" 20
    fi
    clear_remains "$1"
    remove_bridge "$1"
    for network in $networks; do ip link delete "br-$network" 2>/dev/null || true; done
}
