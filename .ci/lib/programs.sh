# shellcheck shell=bash
# Docker Engine, buildx and the registry, unpacked from Debian's packages into the cache folder.
# Nothing is installed but small helpers (iptables, runc), and apt's own set-up stays as it is.

PROGRAMS=$CACHE/programs

# Every program of a set has to start here: newer suites are built against a newer C library.
programs_start() { # FOLDER
    local program
    for program in dockerd containerd containerd-shim-runc-v2 docker docker-registry; do
        [[ -x $1/bin/$program ]] || return 1
    done
    "$1/bin/dockerd" --version && "$1/bin/containerd" --version && "$1/bin/docker" --version &&
        "$1/bin/docker-registry" --version && "$1/bin/containerd-shim-runc-v2" -v &&
        { [[ ! -e $1/cli-plugins/docker-buildx ]] || "$1/cli-plugins/docker-buildx" version; }
} >/dev/null 2>&1

# Download packages of a suite that this machine's apt need not know, and unpack them.
unpack_from_suite() { # SUITE FOLDER PACKAGE...
    local suite=$1 folder=$2 codename uri keyring release component
    shift 2
    codename=$(os_release VERSION_CODENAME)
    rm -rf "$folder"
    mkdir -p "$folder"/{lists/partial,archives/partial,sources,debs,tree}
    while IFS='|' read -r release component uri keyring; do
        [[ $release == "$codename" ]] || continue
        apt_line "$keyring" "$uri" "$suite" "$component"
    done < <(apt_sources) >"$folder/sources/suite.list"
    [[ -s $folder/sources/suite.list ]] || return 1
    local options=(
        -q -o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$folder/sources"
        -o "Dir::Etc::Preferences=/dev/null" -o "Dir::Etc::PreferencesParts=/dev/null"
        -o "Dir::State::lists=$folder/lists" -o "Dir::Cache::archives=$folder/archives"
        -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache="
        -o "APT::Update::Post-Invoke-Success=" -o "Debug::NoLocking=1"
    )
    is_root && options+=(-o "APT::Sandbox::User=root")
    apt-get "${options[@]}" -o "APT::Get::List-Cleanup=false" update || return 1
    (cd "$folder/debs" && apt-get "${options[@]}" download "$@") || return 1
    local deb
    for deb in "$folder"/debs/*.deb; do dpkg -x "$deb" "$folder/tree" || return 1; done
    rm -rf "$folder"/{lists,archives,debs}
}

link_programs() { # FOLDER
    local file
    mkdir -p "$1/bin" "$1/cli-plugins"
    for file in "$1"/tree/usr/{bin,sbin}/* "$1"/tree/usr/libexec/docker/docker-{init,proxy}; do
        [[ -f $file ]] || continue
        ln -sf "../tree/${file#"$1/tree/"}" "$1/bin/${file##*/}"
    done
    file=usr/libexec/docker/cli-plugins/docker-buildx
    [[ ! -e $1/tree/$file ]] || ln -sf "../tree/$file" "$1/cli-plugins/docker-buildx"
}

# Suites to try, newest engine first; other distributions than Debian have one.
suites() {
    local codename suite
    codename=$(os_release VERSION_CODENAME)
    if [[ $(os_release ID) == debian ]]; then
        for suite in sid trixie; do [[ $suite == "$codename" ]] || printf '%s\n' "$suite"; done
    fi
    printf '%s\n' "$codename"
}

get_engine_programs() {
    programs_start "$PROGRAMS" && return
    have apt-get || fail "no Docker Engine answers, and there is no apt-get to get one with" \
        "Start Docker, or set DOCKER_HOST to an engine that runs."
    have dpkg || fail "no dpkg to unpack packages with"
    local suite packages new=$PROGRAMS.new log=$CACHE/programs.log
    if [[ -z $(find /var/lib/apt/lists -name '*_InRelease' -print -quit 2>/dev/null) ]]; then
        is_root && apt-get update -q >"$log" 2>&1 9>&-
    fi
    : >"$log"
    for suite in $(suites); do
        note "getting Docker Engine from Debian's packages (suite $suite)"
        for packages in \
            "docker.io docker-cli docker-buildx containerd docker-registry" \
            "docker.io containerd docker-registry"; do
            # shellcheck disable=SC2086  # a list of words
            unpack_from_suite "$suite" "$new" $packages >>"$log" 2>&1 9>&- || continue
            link_programs "$new"
            programs_start "$new" && break 2
        done
    done
    programs_start "$new" || fail "no suite has a Docker Engine that starts here" "Look into $log."
    [[ -e $new/cli-plugins/docker-buildx ]] || note "warning: there is no docker buildx in suite $suite"
    rm -rf "$PROGRAMS"
    mv "$new" "$PROGRAMS"
}

# What dockerd starts itself has to fit this machine's C library, so it is installed from its suite.
get_engine_helpers() {
    local missing=()
    have iptables || missing+=(iptables)
    have runc || missing+=(runc)
    have ip || missing+=(iproute2)
    ((${#missing[@]} == 0)) || apt_install "${missing[@]}"
}

# The registry alone, for machines that have an engine: from a package, or out of its image.
get_registry_program() {
    [[ -x $PROGRAMS/bin/docker-registry ]] && return
    [[ $(uname -s) == Linux ]] || return 1
    local new=$PROGRAMS.new suite log=$CACHE/programs.log container
    note "getting the registry program"
    mkdir -p "$CACHE"
    if have apt-get && have dpkg; then
        for suite in $(suites); do
            unpack_from_suite "$suite" "$new" docker-registry >"$log" 2>&1 9>&- || continue
            link_programs "$new"
            "$new/bin/docker-registry" --version >/dev/null 2>&1 || continue
            rm -rf "$PROGRAMS"
            mv "$new" "$PROGRAMS"
            return
        done
    fi
    rm -rf "$new"
    mkdir -p "$new/bin" "$new/cli-plugins"
    container=$(docker create registry:2 2>>"$log") || return 1
    docker cp -q "$container:/bin/registry" "$new/bin/docker-registry" >>"$log" 2>&1 || true
    docker rm -f "$container" >/dev/null 2>&1 || true
    "$new/bin/docker-registry" --version >/dev/null 2>&1 || return 1
    rm -rf "$PROGRAMS"
    mv "$new" "$PROGRAMS"
}
