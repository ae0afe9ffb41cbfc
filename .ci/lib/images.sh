# shellcheck shell=bash
# Base images where Docker Hub is out of reach: stand-ins made from Debian's packages, pushed where
# the engine looks for docker.io/library/NAME:TAG first (its registry mirror).

STAND_INS=$CACHE/stand-ins
STAND_INS_DEBIAN="ubuntu:22.04 debian:bookworm-slim"
STAND_INS_PYTHON="python:3.9-slim python:3.12-slim"
STAND_INS_GOLANG="golang:1.17"
STAND_INS_BUSYBOX="alpine:latest alpine:3.19 busybox:latest"

docker_hub_answers() {
    timeout 8 "$FOUND_PYTHON" - <<'PYTHON' 2>/dev/null
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen("https://registry-1.docker.io/v2/", timeout=5)
except urllib.error.HTTPError as error:
    sys.exit(error.code != 401)
PYTHON
}

# shellcheck disable=SC2153  # ROOT is not root
make_base_images() { # PRIVATE-ENGINE?
    local recipe wanted image absent
    # Changed recipes make new stand-ins.
    recipe=$(cat "$ROOT"/.ci/stand-ins/* "$ROOT/.ci/lib/images.sh" | sha256sum | cut -c1-12)
    wanted=()
    # shellcheck disable=SC2086  # lists of words
    for image in $STAND_INS_DEBIAN $STAND_INS_PYTHON $STAND_INS_GOLANG $STAND_INS_BUSYBOX "stand-ins:$recipe"; do
        wanted+=("library/$image")
    done
    absent=$(registry_client missing "${wanted[@]}")
    if [[ -n $absent ]]; then
        docker_hub_answers && return
        get_stand_in_tools
        note "making base images from Debian's packages, since Docker Hub does not answer"
        make_debian
        make_busybox
        make_from_dockerfile python "$STAND_INS_PYTHON"
        make_from_dockerfile golang "$STAND_INS_GOLANG"
        push_stand_in debian "stand-ins:$recipe"
        docker rmi -f releaser-stand-in:{debian,busybox,python,golang} >/dev/null
        rm -rf "$STAND_INS"
    fi
    # Only an engine of ours has the mirror; another one is given the images by name.
    $1 || for image in "${wanted[@]}"; do
        [[ $image != library/stand-ins:* ]] || continue
        docker image inspect "${image#library/}" >/dev/null 2>&1 && continue
        docker pull -q "$REGISTRY_HOST/$image" >/dev/null
        docker tag "$REGISTRY_HOST/$image" "${image#library/}"
        docker rmi "$REGISTRY_HOST/$image" >/dev/null
    done
}

get_stand_in_tools() {
    have apt-get || fail "neither Docker Hub nor Debian's packages are to be had for base images"
    is_root || fail "Docker Hub does not answer, and making base images from Debian's packages needs root" \
        "Run this as root (sudo -E make engine)."
    have debootstrap || apt_install debootstrap
}

push_stand_in() { # LOCAL-NAME TAG...
    local source=$1 image
    shift
    for image in "$@"; do
        docker tag "releaser-stand-in:$source" "$REGISTRY_HOST/library/$image"
        docker push -q "$REGISTRY_HOST/library/$image" >/dev/null || fail "could not push $image to $REGISTRY_HOST"
        # An image of that name that the engine has pulled before would hide the new one.
        docker rmi -f "$REGISTRY_HOST/library/$image" "$image" >/dev/null 2>&1 || true
    done
}

make_debian() {
    local codename uri root=$STAND_INS/debian log=$CACHE/debootstrap.log
    codename=$(os_release VERSION_CODENAME)
    uri=$(apt_sources | awk -F'|' -v suite="$codename" '$1 == suite && $2 == "main" {print $3; exit}')
    rm -rf "$root"
    mkdir -p "$root"
    debootstrap --variant=minbase --include=ca-certificates "$codename" "$root" "$uri" >"$log" 2>&1 </dev/null 9>&- ||
        { tail -n 10 "$log" >&2; fail "debootstrap failed" "All of its output: $log"; }
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/var/log/* \
        "$root"/usr/share/{doc,man,locale}/*
    copy_machine_settings "$root" "$codename"
    tar -C "$root" -c . | docker import -c 'CMD ["bash"]' \
        -c 'ENV PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1' \
        - releaser-stand-in:debian >/dev/null
    # shellcheck disable=SC2086  # a list of words
    push_stand_in debian $STAND_INS_DEBIAN
}

# Builds have to reach the package registries the way this machine does: its mirrors, its package
# index, its certificates. They are read here, when they are needed, and written nowhere else.
copy_machine_settings() { # ROOT CODENAME
    local root=$1 codename=$2 release component uri keyring bundle
    rm -f "$root"/etc/apt/sources.list.d/*
    while IFS='|' read -r release component uri keyring; do
        [[ $release == "$codename"* && $uri == http* ]] || continue
        if [[ $keyring == /* ]]; then install -D -m 644 "$keyring" "$root$keyring"; fi
        apt_line "$keyring" "$uri" "$release" "$component"
    done < <(apt_sources) >"$root/etc/apt/sources.list"
    apt-config dump | grep -E '^Acquire::(https?::(Proxy|Timeout)|Check-Valid-Until|Check-Date|Retries|ForceIPv)' \
        >"$root/etc/apt/apt.conf.d/00machine" || true
    # As in the official images; and stand-ins are to be quick, so nothing is installed by recommendation.
    printf 'APT::Install-Recommends "false";\n' >>"$root/etc/apt/apt.conf.d/00machine"
    printf 'force-unsafe-io\npath-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\n' \
        >"$root/etc/dpkg/dpkg.cfg.d/stand-in"
    machine_pip_settings >"$root/etc/pip.conf"
    for bundle in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt; do
        [[ -s $bundle ]] || continue
        # Twice: update-ca-certificates in an image writes the first one again.
        install -D -m 644 "$bundle" "$root/etc/ssl/certs/ca-certificates.crt"
        install -D -m 644 "$bundle" "$root/etc/ssl/machine.pem"
        printf 'cert = /etc/ssl/machine.pem\n' >>"$root/etc/pip.conf"
        printf 'Acquire::https::CaInfo "/etc/ssl/machine.pem";\n' >>"$root/etc/apt/apt.conf.d/00machine"
        break
    done
    if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
        cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
    fi
}

# Not what names files of this machine, and no addresses with a password in them: an image made from
# a stand-in may be published.
machine_pip_settings() {
    "$ROOT/.venv/bin/python" -m pip config list | "$FOUND_PYTHON" -c '
import ast, re, sys
kept = {}
for line in sys.stdin:
    name, _, value = line.strip().partition("=")
    key = name.rpartition(".")[2]
    if key not in {"index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "default-timeout"}:
        continue
    words = ast.literal_eval(value).split()
    words = [word for word in words if not word.startswith("file:") and not re.search(r"//[^/]*@", word)]
    if words:
        kept[key] = " ".join(words)
print("[global]")
for key, value in kept.items():
    print(key, "=", value)
'
}

make_busybox() {
    local root=$STAND_INS/busybox package=$STAND_INS/package applet log=$CACHE/programs.log
    mkdir -p "$STAND_INS"
    # Unpacked, not installed: it cannot be installed beside the busybox package.
    unpack_from_suite "$(os_release VERSION_CODENAME)" "$package" busybox-static >"$log" 2>&1 9>&- ||
        fail "apt-get could not download busybox-static" "All of its output: $log"
    rm -rf "$root"
    mkdir -p "$root"/{bin,etc/ssl/certs,home,root,sbin,usr/bin,usr/sbin,var/run}
    mkdir -m 1777 "$root/tmp" "$root/var/tmp"
    install -m 755 "$(find "$package/tree" -type f -name busybox -perm -u+x -print -quit)" "$root/bin/busybox"
    "$root/bin/busybox" --list-full | while read -r applet; do
        mkdir -p "$root/${applet%/*}"
        [[ -e $root/$applet || -L $root/$applet ]] || ln -s /bin/busybox "$root/$applet"
    done
    install -m 755 "$ROOT/.ci/stand-ins/adduser" "$root/usr/sbin/adduser"
    ln -s adduser "$root/usr/sbin/addgroup"
    printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' 'nobody:x:65534:65534:nobody:/:/bin/false' >"$root/etc/passwd"
    printf '%s\n' 'root:x:0:' 'nobody:x:65534:' >"$root/etc/group"
    printf '%s\n' 'root:*:::::::' 'nobody:!:::::::' >"$root/etc/shadow"
    chmod 640 "$root/etc/shadow"
    printf '%s\n' /bin/sh /bin/ash >"$root/etc/shells"
    printf '%s\n' 'NAME="busybox"' 'ID=busybox' >"$root/etc/os-release"
    cp "$STAND_INS/debian/etc/ssl/certs/ca-certificates.crt" "$root/etc/ssl/certs/"
    tar -C "$root" --owner=0 --group=0 -c . | docker import -c 'CMD ["/bin/sh"]' \
        -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - releaser-stand-in:busybox >/dev/null
    # shellcheck disable=SC2086  # a list of words
    push_stand_in busybox $STAND_INS_BUSYBOX
}

make_from_dockerfile() { # STAGE TAGS
    local log=$CACHE/stand-in-$1.log
    BUILDX_NO_DEFAULT_ATTESTATIONS=1 DOCKER_BUILDKIT=1 docker build --progress plain --target "$1" \
        --build-arg "BASE=$REGISTRY_HOST/library/${STAND_INS_DEBIAN%% *}" -t "releaser-stand-in:$1" \
        - <"$ROOT/.ci/stand-ins/Dockerfile" >"$log" 2>&1 9>&- ||
        { tail -n 20 "$log" >&2; fail "could not build the $1 base image" "All of its output: $log"; }
    # shellcheck disable=SC2086  # a list of words
    push_stand_in "$1" $2
}
