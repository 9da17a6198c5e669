#!/usr/bin/env bash
# Installs openwebui-usage into your Open WebUI, or both where there is none. See --help.
set -euo pipefail

open_webui_version=0.12.4
port=8081
python_wanted=
action=install
start=no

usage() {
  cat <<HELP
usage: ./install.sh [--start [--port N]] [--python PATH] [--open-webui-version V]
       ./install.sh --uninstall [--python PATH]

Installs the plugin into the Open WebUI of the current environment: an active virtual environment, .venv beside this
script, the open-webui on PATH, or one installed by pipx or uv. Where there is none, makes .venv beside this script and
installs Open WebUI there as well (about 1 GB to download, 5 GB of disk).

  --start                  then start it, in the foreground; Ctrl-C stops it
  --port N                 start it on this port (default: $port)
  --python PATH            the Python that has Open WebUI, or that is to make .venv (3.11 or 3.12)
  --open-webui-version V   what to install where there is none (default: $open_webui_version)
  --uninstall              remove the plugin; Open WebUI and all data stay
  --help                   this text
HELP
}

exec 3>&2 # where errors go, whatever is redirected

say() { printf '%s\n' "$*"; }
die() { printf 'install.sh: %s\n' "$*" >&3; exit 1; }
misused() { printf 'install.sh: %s (see --help)\n' "$*" >&2; exit 2; }

while (($#)); do
  case $1 in
    --start) start=yes ;;
    --uninstall) action=uninstall ;;
    --help | -h) usage; exit ;;
    --port | --python | --open-webui-version)
      [[ ${2:-} ]] || misused "$1 needs a value"
      case $1 in
        --port) port=$2 ;;
        --python) python_wanted=$2 ;;
        *) open_webui_version=$2 ;;
      esac
      shift
      ;;
    *) misused "$1 is not an option" ;;
  esac
  shift
done
[[ $port =~ ^[1-9][0-9]{0,4}$ ]] || misused "--port must be a number from 1 to 65535"
((port <= 65535)) || misused "--port must be a number from 1 to 65535"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
venv=$here/.venv
work=$(mktemp -d) || die "There is no room for temporary files in ${TMPDIR:-/tmp}."
log=$work/log
trap 'rm -rf "$work"' EXIT

# --- finding Open WebUI --------------------------------------------------------------------------------------------

# ask PYTHON CODE [ARGUMENT...]: run CODE where no file of this directory can get in its way.
ask() { (cd / && exec "$1" -c "${@:2}") 2>/dev/null; }

# RECORD is what pip and uv write last: without it the installation was interrupted.
has_open_webui() {
  [[ -x $1 ]] && ask "$1" 'import sys; from importlib.metadata import distribution as d
sys.exit(not d("open-webui").read_text("RECORD"))'
}

is_supported() { ask "$1" 'import sys; sys.exit(sys.version_info[:2] not in {(3, 11), (3, 12)})'; }

# The Python that runs a console script: the one beside it, else the one that the script itself names.
python_of() {
  local script line
  script=$(ask python3 'import os, sys; print(os.path.realpath(sys.argv[1]))' "$1" || readlink -f "$1") || return
  if has_open_webui "${script%/*}/python"; then
    say "${script%/*}/python"
    return
  fi
  while IFS= read -r line; do
    case $line in
      '#!/bin/sh' | '#!/usr/bin/env '*) ;;
      '#!'*) say "${line#??}"; return ;;
      "'''exec' "*) line=${line#*\ }; line=${line#\"}; say "${line%%[\" ]*}"; return ;;
      *) return 1 ;;
    esac
  done <"$script"
}

candidates() {
  local script
  [[ ${VIRTUAL_ENV:-} ]] && say "$VIRTUAL_ENV/bin/python"
  [[ ${CONDA_PREFIX:-} ]] && say "$CONDA_PREFIX/bin/python"
  say "$venv/bin/python"
  if script=$(type -P open-webui); then python_of "$script" || true; fi
  say "${PIPX_HOME:-$HOME/.local/share/pipx}/venvs/open-webui/bin/python"
  say "$HOME/.local/pipx/venvs/open-webui/bin/python"
  say "${UV_TOOL_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/uv/tools}/open-webui/bin/python"
}

# Sets `python` to the one that has Open WebUI, or leaves it empty.
find_open_webui() {
  local candidate
  python=
  if [[ $python_wanted ]]; then
    candidate=$(type -P "$python_wanted") || die "--python: there is no program $python_wanted."
    python_wanted=$(cd "$(dirname "$candidate")" && pwd)/${candidate##*/}
    if has_open_webui "$python_wanted"; then
      python=$python_wanted
    elif [[ $action == install ]] && has_open_webui "$venv/bin/python"; then
      python=$venv/bin/python # made with it the last time
    fi
    return
  fi
  while IFS= read -r candidate; do
    if has_open_webui "$candidate"; then
      python=$candidate
      return
    fi
  done < <(candidates)
}

# --- pip, or uv where an environment has no pip ----------------------------------------------------------------------

installer() {
  if ask "$python" 'import pip'; then
    "$python" -m pip --disable-pip-version-check --no-input "$@"
  elif command -v uv >/dev/null; then
    local fresh=()
    if [[ $1 == install ]]; then fresh=(--reinstall-package openwebui-usage); fi # uv keeps what it once built
    uv pip "$1" --python "$python" ${fresh[@]+"${fresh[@]}"} "${@:2}"
  else
    die "The environment of $python has no pip: install uv, or run '$python -m ensurepip' first."
  fi
}

no_network='from versions: none|name resolution|name or service not known|establish a new connection|timed out'
no_network+='|dns error|network is unreachable|max retries|connection refused|proxyerror'

# Why pip failed, in one sentence.
explain() {
  local what=$1 why
  if grep -qi 'no space left on device' "$log"; then
    why="the disk is full"
  elif grep -qi 'externally.managed' "$log"; then
    why="the operating system looks after $python; use an Open WebUI in a virtual environment"
  elif grep -qiE 'permission denied|read-only file system' "$log"; then
    why="its files may not be written"
  elif grep -qE 'No matching distribution found for open-webui==' "$log" && ! grep -q 'from versions: none' "$log"; then
    why="there is no such version for this Python"
  elif grep -qiE "$no_network" "$log"; then
    why="the package index cannot be reached; check the network, or pip's settings with 'pip config list'"
  else
    why=$(grep -iE '^ *(error|×)' "$log" | tail -n 1) || why=$(tail -n 1 "$log")
  fi
  trap - EXIT
  die "$what could not be installed: ${why%.} (all that pip said is in $log)."
}

# --- Open WebUI ------------------------------------------------------------------------------------------------------

install_open_webui() {
  local base=$python_wanted candidate torch
  if [[ ! $base ]]; then
    for candidate in python3.11 python3.12 python3; do
      if is_supported "$candidate"; then base=$candidate; break; fi
    done
    [[ $base ]] || die "Open WebUI needs Python 3.11 or 3.12, and neither is on PATH: install it, or give --python."
  fi
  is_supported "$base" || die "--python: Open WebUI needs Python 3.11 or 3.12, and $base is neither."
  [[ -w $here ]] || die "$here may not be written: put this directory where you may write."
  need_disk 5

  python=$venv/bin/python
  if ! is_supported "$python"; then
    say "Making $venv with $(ask "$base" 'import sys; print(sys.executable)')."
    "$base" -m venv --clear "$venv" >"$log" 2>&1 ||
      die "$base cannot make a virtual environment; on Debian and Ubuntu this takes the package python3-venv."
  fi
  installer install --quiet --retries 1 --upgrade pip >"$log" 2>&1 || true # a newer one shows its progress; no matter

  say "Installing Open WebUI $open_webui_version: about 1 GB to download, some minutes."
  choose_torch
  # shellcheck disable=SC2086 # empty or one word
  pip_with_progress install --retries 2 "open-webui==$open_webui_version" $torch ||
    explain "Open WebUI $open_webui_version"
  say "Open WebUI $open_webui_version is installed."
}

need_disk() {
  local free_kb
  free_kb=$(df -Pk "$here" | awk 'NR == 2 { print $4 }')
  ((free_kb >= $1 * 1024 * 1024)) ||
    die "Open WebUI needs $1 GB of disk, and $here has less: make room, or move this directory."
}

# Sets `torch` to a CPU build where the machine has no GPU: on Linux the ordinary one brings gigabytes of CUDA.
choose_torch() {
  local index=https://download.pytorch.org/whl/cpu versions
  torch=
  if [[ $(uname -s) != Linux ]] || has_gpu || ask "$python" 'import torch'; then return; fi
  versions=$(torch_versions) || return 0 # no index within reach: what comes next says so
  if torch=$(cpu_build "$versions"); then
    say "No GPU here: taking $torch."
  elif torch=$(cpu_build "$(torch_versions --index-url "$index")"); then
    say "No GPU here: taking $torch from $index."
    pip_with_progress install --no-deps --index-url "$index" "$torch" || explain "$torch"
  else
    torch=
    say "No GPU here, but no CPU build of torch within reach either: the ordinary one may add several GB."
    need_disk 10 # 7.3 GB with torch 2.15 and CUDA, 2.9 GB without
  fi
}

has_gpu() { [[ -e /dev/nvidia0 || -e /dev/kfd ]] || nvidia-smi -L >/dev/null 2>&1; }

# What pip would find, newest first, one a line.
torch_versions() {
  installer index versions torch --retries 1 --timeout 10 "$@" 2>/dev/null |
    sed -n 's/^Available versions: //p' | tr -d ' ' | tr ',' '\n' | grep .
}

# The newest CPU build among VERSIONS, as a requirement.
cpu_build() {
  local version
  version=$(grep -m 1 '+cpu$' <<<"$1") && say "torch==$version"
}

# Runs pip, and tells of what takes long: on a terminal in one line that changes, elsewhere in few lines.
pip_with_progress() {
  local bar=off
  if installer install --help 2>/dev/null | grep -q 'raw'; then bar=raw; fi
  installer "$1" --progress-bar "$bar" "${@:2}" 2>&1 | tee "$log" | show_progress
}

show_progress() {
  local line file='' size='' found=0 packages
  while IFS= read -r line; do
    case $line in
      'Collecting '*)
        found=$((found + 1))
        now "looking for packages: $found"
        ;;
      *.metadata\ \(*) ;;
      *'Downloading '*\(*)
        line=${line#*Downloading } file=${line%% *} size=${line##*\(}
        file=${file##*/} size=${size%\)*}
        now "downloading ${file%%-[0-9]*} ($size)"
        case $size in *[0-9][0-9].[0-9]' MB' | *GB) lasting "downloading ${file%%-[0-9]*} ($size)" ;; esac
        ;;
      'Progress '*' of '*)
        line=${line#Progress }
        ((${line#* of } > 0)) || continue
        now "downloading ${file%%-[0-9]*} ($size): $((100 * ${line% of *} / ${line#* of })) %"
        ;;
      'Installing collected packages: '*)
        packages=${line//[^,]/}
        lasting "unpacking $((${#packages} + 1)) packages"
        ;;
    esac
  done
  if [[ -t 1 ]]; then printf '\r\033[K'; fi
}

now() { if [[ -t 1 ]]; then printf '\r\033[K  %s' "$*"; fi; }
lasting() { if [[ -t 1 ]]; then now "$@"; else say "  $*"; fi; }

# --- the plugin ------------------------------------------------------------------------------------------------------

install_plugin() {
  local version
  version=$(ask "$python" 'from importlib.metadata import version; print(version("open-webui"))')
  is_supported "$python" || die "The plugin needs Python 3.11 or 3.12, and $python, which has Open WebUI, is neither."
  if is_current; then
    say "The plugin is already in Open WebUI $version ($python)."
    return
  fi
  is_writable || die "The environment of $python may not be written: run this as the user who installed Open WebUI."
  pins >"$work/pins"
  installer install --quiet --constraint "$work/pins" "$here" >"$log" 2>&1 || explain "The plugin"
  say "The plugin is installed in Open WebUI $version ($python)."
  is_tried "$version" ||
    say "It was tried with Open WebUI 0.6.18 to 0.12, not with this version: Open WebUI's log says at the start what is left out."
}

# What docs/versions.md says.
is_tried() {
  ask "$python" '
import re, sys
sys.exit(not (0, 6, 18) <= tuple(map(int, re.findall("[0-9]+", sys.argv[1])[:3])) < (0, 13))
' "$1"
}

# Whether what is installed was made from the very files of this directory: then a start needs no network.
is_current() {
  ask "$python" '
import sys
from base64 import urlsafe_b64encode
from hashlib import sha256
from importlib.metadata import files
from pathlib import Path

here, record = Path(sys.argv[1]), files("openwebui-usage")
source = [f for d in ("openwebui_usage", "functions") for f in (here / d).rglob("*") if f.is_file()]
wanted = {urlsafe_b64encode(sha256(f.read_bytes()).digest()).decode().rstrip("=")
          for f in source if f.parent.name != "__pycache__"}
there = {f.hash.value for f in record if f.hash and ".." not in f.parts and not f.parts[0].endswith(".dist-info")}
installed = next(f for f in record if f.name == "RECORD").locate().stat().st_mtime
sys.exit(wanted != there or installed < (here / "pyproject.toml").stat().st_mtime)
' "$here"
}

# pip takes the user's own packages directory where the environment's may not be written: fine if Open WebUI is there.
is_writable() {
  ask "$python" '
import os, site, sys, sysconfig
from importlib.metadata import distribution

places = {sysconfig.get_path("purelib")}
if site.ENABLE_USER_SITE and str(distribution("open-webui").locate_file("")) == site.getusersitepackages():
    places = {site.getusersitepackages()}
sys.exit(not all(os.access(place, os.W_OK) for place in places))
'
}

# What is installed, as constraints: what the plugin needs comes beside it, and nothing of Open WebUI moves.
pins() {
  ask "$python" '
import re
from importlib.metadata import distributions

for d in distributions():
    name, version = d.metadata["Name"], d.version
    if name and re.fullmatch(r"[0-9][\w.+!]*", version or "") and name.lower() != "openwebui-usage":
        print(f"{name}=={version}")
'
}

# The plugin, and what came with it and nobody else needs or asked for.
what_to_remove() {
  ask "$python" '
import re
from importlib.metadata import distributions

def name_of(requirement):
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]*", requirement)[0]).lower()

there = {name_of(d.metadata["Name"] or ""): d for d in distributions()}
needs = {name: {name_of(r) for r in d.requires or ()} for name, d in there.items()}
going, more = set(), {"openwebui-usage"}
while more:
    going |= more
    staying = there.keys() - going
    needed = {"open-webui", "pip"}.union(*(needs[name] for name in staying))
    brought = set().union(*(needs[name] for name in going)) & staying
    more = {name for name in brought - needed if there[name].read_text("REQUESTED") is None}
print("\n".join(sorted(going)))
'
}

uninstall() {
  [[ $python ]] || die "There is no Open WebUI here to remove the plugin from; name its Python with --python."
  if ! ask "$python" 'from importlib.metadata import version; version("openwebui-usage")'; then
    say "The plugin is not in the Open WebUI of $python: nothing to do."
    return
  fi
  is_writable || die "The environment of $python may not be written: run this as the user who installed Open WebUI."
  what_to_remove >"$work/remove"
  if ask "$python" 'import pip'; then set -- uninstall --yes; else set -- uninstall; fi
  installer "$@" -r "$work/remove" >"$log" 2>&1 || die "The plugin could not be removed: $(tail -n 1 "$log")"
  say "The plugin is removed from $python; Open WebUI and all data are as they were."
}

# --- what was asked for ----------------------------------------------------------------------------------------------

find_open_webui
if [[ $action == uninstall ]]; then
  uninstall
  exit
fi
[[ $python ]] || install_open_webui
install_plugin
if [[ $python == "$venv/bin/python" ]]; then cd "$here"; fi # Open WebUI keeps its secret key where it is started
if [[ $start == no ]]; then
  if [[ $python != "$python_wanted" ]]; then python_wanted=; fi
  say "Restart your Open WebUI if it is running, or start it with: $0 --start${python_wanted:+ --python $python_wanted}"
  exit
fi
rm -rf "$work"
exec "$python" -P -m openwebui_usage.cli serve --port "$port"
