#!/bin/sh
# Nothing is started: without names, hosts and a secret nobody could publish. A gateway that runs
# goes on with the old program until it is restarted.
set -e
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
fi
if [ ! -e /etc/stagelock/secret ]; then
  echo "stagelock: make the shared secret with: stagelock secret new --out /etc/stagelock/secret"
  echo "stagelock: fill in /etc/stagelock/stagelock.yaml, then: systemctl enable --now stagelock"
fi
