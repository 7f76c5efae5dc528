#!/usr/bin/env bash
# Makes build/wheel: the built wheel in a clean environment (env), and beside it, in run, what the browser tests read.
# The environment is kept while the wheel and the lock file are the same; a wheel of the same files is the same wheel.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
place=build/wheel
pip=("$place/env/bin/python" -m pip --disable-pip-version-check -qq)

mkdir -p "$place"
rm -rf "$place/run" "$place"/*.whl
# The times in it would differ, and with them the wheel.
SOURCE_DATE_EPOCH=1700000000 .venv/bin/python -m pip --disable-pip-version-check -qq wheel --no-deps --wheel-dir "$place" .
wheel=$(echo "$place"/*.whl)
made_of=$(cat "$wheel" requirements.lock pyproject.toml <("$python" --version) | sha256sum)

if [ "$(cat "$place/made_of" 2>/dev/null)" != "$made_of" ]; then
  rm -rf "$place/env" "$place/made_of"
  "$python" -m venv "$place/env"
  "${pip[@]}" install --upgrade 'pip>=25.1'
  "${pip[@]}" install --constraint requirements.lock --group test "$wheel[local,data,docker,autogen]"
  echo "$made_of" >"$place/made_of"
fi

mkdir "$place/run"
cp -r pyproject.toml tests notebooks "$place/run"
