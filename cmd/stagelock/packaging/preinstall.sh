#!/bin/sh
# The user owns files of the package, so it is there before them.
set -e
if ! getent group stagelock >/dev/null; then
  groupadd --system stagelock
fi
if ! getent passwd stagelock >/dev/null; then
  useradd --system --gid stagelock --home-dir /var/lib/stagelock --no-create-home \
    --shell /usr/sbin/nologin --comment "stagelock gateway" stagelock
fi
