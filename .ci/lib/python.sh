# shellcheck shell=bash
# Python and the virtual environment.

python_is_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    local python
    if [[ -n ${FOUND_PYTHON:-} ]]; then
        printf '%s' "$FOUND_PYTHON"
        return
    fi
    for python in python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if python_is_enough "$python"; then
            # Not a version manager's shim: those read settings of the folder they are called in.
            FOUND_PYTHON=$("$python" -c 'import sys; print(sys.executable)')
            printf '%s' "$FOUND_PYTHON"
            return
        fi
    done
    return 1
}

get_python() {
    find_python >/dev/null || apt_install python3 python3-venv
    FOUND_PYTHON=$(find_python) || fail "Python 3.11 or newer is needed" \
        "Install one, so that python3 or python3.11 is on PATH."
    export FOUND_PYTHON
}

make_venv() {
    local venv=$ROOT/.venv stamp want log
    get_python
    [[ -f $ROOT/pyproject.toml ]] || fail "there is no pyproject.toml in $ROOT"
    stamp=$venv/.installed
    want=$(sha256sum <"$ROOT/pyproject.toml")
    [[ -x $venv/bin/python && $(cat "$stamp" 2>/dev/null) == "$want" ]] && return
    note "installing releaser and its development tools into .venv"
    # Debian's Python comes without ensurepip unless python3-venv is installed.
    "$FOUND_PYTHON" -c 'import ensurepip' 2>/dev/null || apt_install python3-venv
    log=$ROOT/.engine/pip.log
    mkdir -p "${log%/*}"
    {
        [[ -x $venv/bin/python ]] && "$venv/bin/python" -m pip --version || "$FOUND_PYTHON" -m venv --clear "$venv"
        "$venv/bin/python" -m pip install -e "${ROOT}[dev]"
    } >"$log" 2>&1 </dev/null 9>&- || {
        tail -n 20 "$log" >&2
        fail "pip could not install releaser" "All of its output: $log"
    }
    printf '%s\n' "$want" >"$stamp"
}
