#!/bin/sh
# Install parts of Stemfarm on this host, for Debian, Ubuntu and macOS; run again, it upgrades what is there.
#
#   sudo sh deploy/install.sh [OPTION ...] ROLE [ROLE ...]      ROLE: scheduler, worker or flower
#
#   --dry-run         print every step and do none
#   --no-start        install, but start nothing
#   --stage FOLDER    put the files under FOLDER instead of /; neither users, packages of the system nor services are
#                     touched, so that it needs no root
#   --no-packages     leave out the Python packages (with --stage: to look at the files only)
#
# What it does: Python (apt or a hint for Homebrew), the user `farm` (Linux), /opt/stemfarm/venv from this checkout with
# the pinned packages, /etc/stemfarm/farm.env from the example if it is not there, one service for each role.
# A service is started once farm.env is filled in.
set -eu
umask 022

source=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
system=$(uname -s)
stage='' dry='' start=yes packages=yes roles=''

usage() {
    sed -n '2,/^set -eu/{/^#/s/^# \{0,1\}//p;}' "$0"
}

fail() {
    echo "install: $1" >&2
    exit "${2:-1}"
}

# Print a step, and do it unless this is a dry run.
step() {
    echo "+ $*"
    [ -n "$dry" ] || "$@"
}

# A step that changes the system outside the folders of Stemfarm.
system_step() {
    if [ -n "$stage" ]; then
        echo "- not under --stage: $*"
    else
        step "$@"
    fi
}

while [ $# -gt 0 ]; do
    case $1 in
        --dry-run) dry=yes ;;
        --no-start) start='' ;;
        --no-packages) packages='' ;;
        --stage)
            [ $# -ge 2 ] || fail "--stage needs a folder" 2
            stage=${2%/}
            shift
            ;;
        -h | --help)
            usage
            exit 0
            ;;
        scheduler | worker | flower) roles="$roles $1" ;;
        *) fail "unknown: $1. Roles are scheduler, worker and flower; --help shows the options." 2 ;;
    esac
    shift
done
[ -n "$roles" ] || {
    usage >&2
    exit 2
}
case $system in
    Linux | Darwin) ;;
    *) fail "no services are known for $system; see docs/deploying.md for what to start" ;;
esac
if [ -z "$stage$dry" ] && [ "$(id -u)" != 0 ]; then
    fail "root is needed: sudo sh deploy/install.sh$roles (--dry-run shows what it would do)"
fi

home=$stage/opt/stemfarm
settings=$stage/etc/stemfarm
case $system in
    Darwin) user=${SUDO_USER:-$(id -un)} ;;
    *) user=farm ;;
esac

install_python() {
    if [ "$system" = Darwin ]; then
        python=$(sh "$source/deploy/find-python") || fail "no usable Python"
        return
    fi
    if ! python=$(sh "$source/deploy/find-python" 2>/dev/null) || ! "$python" -c 'import ensurepip' 2>/dev/null; then
        command -v apt-get >/dev/null 2>&1 || fail "no Python 3.11 with venv here, and no apt-get to install it with"
        system_step apt-get update -q
        system_step env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends python3 python3-venv
        python=$(sh "$source/deploy/find-python") || fail "this release's Python is too old; Debian 12 and Ubuntu 24.04 have 3.11 and newer"
    fi
}

make_user() {
    [ "$system" = Linux ] || return 0
    if [ -n "$stage" ] || ! id -u farm >/dev/null 2>&1; then
        system_step useradd --system --user-group --home-dir /opt/stemfarm --no-create-home --shell /usr/sbin/nologin farm
    fi
}

install_packages() {
    step mkdir -p "$home/bin" "$home/docs"
    step cp "$source/docs/deploying.md" "$source/docs/operating.md" "$home/docs/"
    step install -m 0755 "$source/deploy/with-env" "$home/bin/with-env"
    [ -n "$packages" ] || return 0
    step "$python" "$source/deploy/make_venv.py" --packages-only "$home/venv"
    step "$home/venv/bin/python" -m pip install -q --disable-pip-version-check --force-reinstall --no-deps --no-build-isolation "$source"
}

write_settings() {
    step mkdir -p "$settings"
    if [ -e "$settings/farm.env" ]; then
        echo "= kept: $settings/farm.env"
        return
    fi
    step install -m 0640 "$source/deploy/env/farm.env.example" "$settings/farm.env"
    case $system in
        Linux) system_step chown root:farm "$settings/farm.env" ;;
        Darwin) system_step chown "$user" "$settings/farm.env" ;;
    esac
}

ready() {
    [ -r "$settings/farm.env" ] && ! grep -q '^[^#]*CHANGE_ME' "$settings/farm.env"
}

install_unit() {
    step mkdir -p "$stage/etc/systemd/system"
    step install -m 0644 "$source/deploy/systemd/farm-$1.service" "$stage/etc/systemd/system/farm-$1.service"
    # In an image that is being built, or a chroot, no systemd runs yet that could be told.
    if [ -z "$stage$dry" ] && [ ! -d /run/systemd/system ]; then
        echo "- systemd does not run here: farm-$1.service is installed, neither enabled nor started"
        start=''
        return
    fi
    system_step systemctl daemon-reload
    if [ -n "$start" ] && ready; then
        system_step systemctl enable "farm-$1.service"
        system_step systemctl restart "farm-$1.service"
    fi
}

install_daemon() {
    plist=$stage/Library/LaunchDaemons/org.stemfarm.$1.plist
    step mkdir -p "$stage/Library/LaunchDaemons" "$stage/var/log/stemfarm"
    system_step chown "$user" /var/log/stemfarm
    echo "+ write $plist for the user $user"
    [ -n "$dry" ] || sed "s|<string>USER</string>|<string>$user</string>|" "$source/deploy/launchd/org.stemfarm.$1.plist" >"$plist"
    step chmod 0644 "$plist"
    system_step chown root:wheel "$plist"
    if [ -n "$start" ] && ready; then
        # What is not loaded yet cannot be unloaded: that is no fault.
        system_step sh -c "launchctl bootout system/org.stemfarm.$1 2>/dev/null || true"
        system_step launchctl bootstrap system "$plist"
    fi
}

install_python
make_user
install_packages
write_settings
for role in $roles; do
    case $system in
        Linux) install_unit "$role" ;;
        Darwin) install_daemon "$role" ;;
    esac
done

if [ -n "$dry" ]; then
    echo "Nothing was done."
elif ! ready; then
    echo "Installed, not started. Fill in $settings/farm.env, then run the same command again."
elif [ -z "$start" ] || [ -n "$stage" ]; then
    echo "Installed, not started."
else
    echo "Installed and started:$roles"
fi
