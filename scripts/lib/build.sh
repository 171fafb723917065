# Configuring and building a preset of CMakePresets.json. Sourced by bash scripts; wants `top` set.

build_jobs() { nproc; }

# build_preset PRESET [TARGET...]: everything when no target is named. Ninja shows the progress.
build_preset() {
  local preset=$1 started=$SECONDS target targets=(); shift
  for target; do targets+=(--target "$target"); done
  (cd "$top" && cmake --preset "$preset" >"$top/build/$preset.configure.log" 2>&1) || {
    cat "$top/build/$preset.configure.log" >&2
    return 1
  }
  (cd "$top" && NINJA_STATUS='[%f/%t %es] ' \
    cmake --build --preset "$preset" --parallel "$(build_jobs)" "${targets[@]}") || return 1
  printf 'built %s in %d s\n' "$preset" $((SECONDS - started))
}

mkdir -p "$top/build"
