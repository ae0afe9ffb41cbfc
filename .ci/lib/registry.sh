# shellcheck shell=bash
# The registry on localhost:5000: base images come through it, and the demo publishes to it.

REGISTRY=$CACHE/registry

registry_client() { "$(find_python)" "$ROOT/.ci/registry.py" "$REGISTRY_HOST" "$@"; }

start_registry() {
    case $(registry_client probe) in
        registry) return ;;
        other) fail "port ${REGISTRY_HOST#*:} is held by something that is not a registry" \
            "End that program (on macOS: switch off AirPlay Receiver), then try again." ;;
    esac
    note "starting a registry on $REGISTRY_HOST"
    mkdir -p "$REGISTRY/data"
    if get_registry_program; then
        cat >"$REGISTRY/config.yml" <<YAML
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: "$REGISTRY/data"}
  delete: {enabled: true}
http: {addr: "127.0.0.1:${REGISTRY_HOST#*:}"}
YAML
        setsid nohup "$PROGRAMS/bin/docker-registry" serve "$REGISTRY/config.yml" \
            >"$REGISTRY/log" 2>&1 </dev/null 9>&- &
        printf '%s\n' "$!" >"$REGISTRY/pid"
    else
        docker rm -f releaser-registry >/dev/null 2>&1 || true
        docker run -d --name releaser-registry -p "127.0.0.1:${REGISTRY_HOST#*:}:5000" \
            -e REGISTRY_STORAGE_DELETE_ENABLED=true registry:2 >/dev/null ||
            fail "the registry container did not start"
    fi
    wait_for 20 registry_answers || {
        tail -n 10 "$REGISTRY/log" >&2 2>/dev/null || true
        fail "the registry on $REGISTRY_HOST did not come up" "All it said: $REGISTRY/log"
    }
}

registry_answers() { [[ $(registry_client probe) == registry ]]; }

stop_registry() {
    local pid
    pid=$(cat "$REGISTRY/pid" 2>/dev/null || true)
    if process_is "$pid" "$REGISTRY/config.yml"; then
        note "ending the registry on $REGISTRY_HOST"
        end_process "$pid" "$REGISTRY/config.yml" 5
    fi
    rm -f "$REGISTRY/pid"
    if have docker && timeout 10 docker inspect releaser-registry >/dev/null 2>&1; then
        docker rm -f releaser-registry >/dev/null
    fi
}
