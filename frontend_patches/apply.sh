#!/usr/bin/env bash
# Puts the counter and the effort menu into Open WebUI's own front-end source, or takes them out again.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command -v node >/dev/null || { echo "apply.sh: Node is needed, as it is to build Open WebUI" >&2; exit 2; }
exec node "$here/source/apply.mjs" "$@"
