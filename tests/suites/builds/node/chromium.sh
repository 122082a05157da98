#!/bin/sh
# Prints the path of Chromium. Installs Debian's package first if Chromium is missing and the user is root.
set -eu

find_chromium() {
    command -v chromium || { test -x /usr/bin/chromium && echo /usr/bin/chromium; }
}

install_chromium() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update && apt-get install --no-install-recommends -y chromium
}

fail() {
    echo "The tests need Chromium. Run as root:" >&2
    echo "apt-get update && apt-get install --no-install-recommends -y chromium" >&2
    exit 1
}

find_chromium && exit
test "$(id -u)" = 0 || fail
install_chromium >&2 || fail
find_chromium || fail
