#!/bin/sh
# Puts Node and the libraries that it needs into a folder, so that it runs there whatever else the file system holds.
# usage: pack-node.sh FOLDER, the place at which the folder will be found (an ELF program names its loader absolutely)
set -eu
place=$1
node=$(command -v node)
mkdir -p "$place/lib"
cp "$node" "$place/node"
# The symbols, a sixth of it.
strip "$place/node"
ldd "$node" | grep -o '/[^ ]*' | while read -r library; do cp -L "$library" "$place/lib/"; done
loader=$(basename "$(patchelf --print-interpreter "$node")")
# DT_RPATH and not DT_RUNPATH: it goes before LD_LIBRARY_PATH, and holds for the libraries of libraries.
patchelf --set-interpreter "$place/lib/$loader" --force-rpath --set-rpath "$place/lib" "$place/node"
