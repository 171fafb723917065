# Configuring and building a preset of CMakePresets.json. Sourced by bash scripts; wants `top` set.

build_jobs() { nproc; }

# build_preset PRESET [TARGET...]: everything when no target is named. Ninja shows the progress.
# Two builds in one folder would write each other's precompiled headers: the second waits for the first.
build_preset() {
  local started=$SECONDS lock
  exec {lock}>"$top/build/$1.lock"
  flock --nonblock "$lock" || { printf 'waiting for another build of %s\n' "$1"; flock "$lock"; }
  configure_and_build "$@" || { exec {lock}>&-; return 1; }
  exec {lock}>&-
  printf 'built %s in %d s\n' "$1" $((SECONDS - started))
}

configure_and_build() {
  local preset=$1 target targets=(); shift
  for target; do targets+=(--target "$target"); done
  (cd "$top" && cmake --preset "$preset" >"$top/build/$preset.configure.log" 2>&1) || {
    cat "$top/build/$preset.configure.log" >&2
    return 1
  }
  (cd "$top" && NINJA_STATUS='[%f/%t %es] ' \
    cmake --build --preset "$preset" --parallel "$(build_jobs)" "${targets[@]}")
}

mkdir -p "$top/build"
