#!/usr/bin/env bash
# Everything that only a machine with an NVIDIA GPU can confirm: build, tests, sanitizer, benchmark.
#
#   benchmarks/gpu_check.sh [build] [test] [sanitize] [bench]     default: all of them
#
# Logs and JSON go to $OUT, or build/gpu/results. Nothing is fetched: it takes nvcc, CMake, ninja and
# a python3 with the packages below. A step that fails does not keep the others from running. On 16
# cores `build test` and `build sanitize bench` take less than ten minutes each; what is built
# already is not built again.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-python3}
build=$PWD/build/gpu
out=${OUT:-$build/results}
packages=(numpy cupy torch ml_dtypes pytest pybind11 h5py cv2 rich typer)
mkdir -p "$out"
export PYTHONPATH=$build/site${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1

check_packages() {
  local missing=()
  for package in "${packages[@]}"; do
    "$python" -c "import $package" 2>/dev/null || missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    echo "$python cannot import: ${missing[*]}"
    return 1
  fi
}

step_build() {
  check_packages || return 1
  local chip
  chip=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)
  if [ "$chip" = 90 ]; then chip=90a; fi
  cmake -G Ninja -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DFASTRNN_CUDA=ON \
    -DFASTRNN_CUDA_ARCHITECTURES="$chip-real" \
    -DPython_EXECUTABLE="$(command -v "$python")" \
    -Dpybind11_DIR="$("$python" -m pybind11 --cmakedir)" &&
    ninja -C "$build" &&
    mkdir -p "$build/site" && cp -r python/fastrnn "$build/site/" &&
    cmake --install "$build" --prefix "$build/site" || return 1
  "$python" -m fastrnn doctor || true # what it finds apart from the GPU does not matter here
}

step_test() {
  local parallel=()
  if "$python" -c 'import xdist' 2>/dev/null; then parallel=(-n 4); fi
  timeout 420 "$python" -m pytest -q -W default -p no:cacheprovider -m cuda "${parallel[@]}" \
    --junitxml="$out/tests.xml" tests/test_cuda_*.py
}

# Two cells there and back, by every tier, in float32 and on tensor cores.
step_sanitize() {
  local tool status=0
  for tool in memcheck racecheck synccheck; do
    echo "-- $tool"
    FASTRNN_NO_POOL=1 timeout 150 compute-sanitizer --tool "$tool" --error-exitcode 9 \
      --report-api-errors no --log-file "$out/$tool.txt" \
      "$python" -m pytest -q -W default -p no:cacheprovider -m cuda tests/test_cuda_recurrent.py \
      -k 'every_tier and (peephole-37 or gru-7) and (float32 or bfloat16)' || status=1
    tail -n 3 "$out/$tool.txt"
  done
  return $status
}

step_bench() {
  local gpu
  gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1 | tr 'A-Z -' 'a-z__')
  timeout 300 "$python" benchmarks/bench_recurrent.py --device cuda --cells lstm,gru --rounds 7 \
    --json "$out/recurrent_$gpu.json" || return 1
  timeout 60 "$python" benchmarks/bench_recurrent.py --device cuda --cells rnn --quick \
    --json "$out/recurrent_rnn_$gpu.json"
}

steps=("$@")
if [ ${#steps[@]} = 0 ]; then steps=(build test sanitize bench); fi
report=()
failed=0
for step in "${steps[@]}"; do
  printf '\n== %s\n' "$step"
  started=$SECONDS
  if "step_$step" > >(tee "$out/$step.log") 2>&1; then verdict=passed; else verdict=FAILED failed=1; fi
  report+=("$step $verdict, $((SECONDS - started)) s")
  if [ "$step" = build ] && [ $verdict = FAILED ]; then break; fi
done
printf '\n%s\n' "$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader)"
printf '%s\n' "${report[@]}"
exit $failed
