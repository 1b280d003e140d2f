#!/bin/sh
# What `make setup` does: Debian packages that are missing (as root), a virtual environment, the package in it.
#
#     tools/setup.sh FOLDER [test]
#
# FOLDER is the virtual environment; "test" adds what the tests need. Done again it takes no time.
set -eu
cd "$(dirname "$0")/.."
folder=$1
purpose=${2:-run}
PATH=$PATH:/usr/sbin:/sbin
export PATH

say() { printf '%s\n' "$*" >&2; }

# One set-up at a time; the lock is on this file, so that none stays behind.
if command -v flock >/dev/null; then
    exec 9<tools/setup.sh
    flock 9
fi

find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
}

# Debian packages, as far as what they bring is missing.
missing() {
    command -v ip >/dev/null || echo iproute2
    command -v iptables >/dev/null && command -v ip6tables >/dev/null || echo iptables
    command -v nsenter >/dev/null || echo util-linux
    python=$(find_python)
    if [ -z "$python" ]; then
        # Debian 12, Ubuntu 24.04 and later bring 3.11 or more as python3; Ubuntu 22.04 has it beside its own.
        case $(. /etc/os-release 2>/dev/null && echo "${ID:-}:${VERSION_ID:-}") in
            ubuntu:22.04) echo python3.11 python3.11-venv ;;
            *) echo python3 python3-venv ;;
        esac
    elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        case $python in
            /usr/bin/python3) echo python3-venv ;;
            *) echo "$(basename "$python")-venv" ;;
        esac
    fi
    if [ "$purpose" = test ]; then
        command -v git >/dev/null || echo git
        command -v tcpdump >/dev/null || echo tcpdump
        command -v ethtool >/dev/null || echo ethtool
        # An older kernel to try the fast path in; other systems' packages are not like Debian's.
        if [ "$(. /etc/os-release 2>/dev/null && echo "${ID:-}")" = debian ]; then
            command -v linux.uml >/dev/null || echo user-mode-linux
        fi
    fi
}

packages=$(missing | tr '\n' ' ' | sed 's/ *$//')
if [ -n "$packages" ]; then
    if ! command -v apt-get >/dev/null; then
        say "Missing here, by the names of Debian's packages: $packages. Install them, then start this again."
        exit 1
    fi
    if [ "$(id -u)" != 0 ]; then
        say "Missing Debian packages. Install them, then start this again:"
        say ""
        say "    sudo apt-get install $packages"
        exit 1
    fi
    say "Installing Debian packages: $packages"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # a list of words
    {
        apt-get -qq -o DPkg::Lock::Timeout=120 update
        apt-get -qq -o DPkg::Lock::Timeout=120 install --yes --no-install-recommends $packages >/dev/null
    }
    packages=$(missing | tr '\n' ' ' | sed 's/ *$//')
    if [ -n "$packages" ]; then
        say "Installed, and yet something is missing: $packages. pyvs needs Python 3.11 or later."
        exit 1
    fi
fi

python=$(find_python)
want="$(cksum <pyproject.toml) $(pwd) $("$python" -V)"
if [ "$purpose" = test ]; then
    want="$want test"
fi
have=$(cat "$folder/.pyvs-setup" 2>/dev/null || true)
if "$folder/bin/python" -c '' 2>/dev/null; then
    case $have in
        "$want" | "$want test") exit 0 ;;
    esac
else
    rm -rf "$folder"
    say "Making a virtual environment in $folder"
    "$python" -m venv "$folder"
fi

say "Installing pyvs in $folder"
if [ "$purpose" = test ]; then
    # The group "dev" by hand, since the pip of Debian 12 doesn't know groups.
    "$folder/bin/python" - <<'END' >"$folder/dev.txt"
import tomllib
with open("pyproject.toml", "rb") as file:
    print(*tomllib.load(file)["dependency-groups"]["dev"], sep="\n")
END
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --editable . -r "$folder/dev.txt"
else
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --editable .
fi
printf '%s' "$want" >"$folder/.pyvs-setup"
