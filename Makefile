# Every target sets itself up in .venv. Needs Python >= 3.11 with venv, a C++20 compiler and make; nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NATIVE := build/native
SANITIZED := build/sanitized
CMAKE := $(BIN)/cmake -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) -DFLOWROI_BUILD_PYTHON=OFF -DFLOWROI_BUILD_TESTS=ON
CPP := $(wildcard cpp/include/flowroi/*.hpp cpp/src/*.cpp cpp/src/*.hpp cpp/bindings/*)
JOBS := $(shell nproc 2>/dev/null || echo 2)
# Addresses at random can meet the sanitizers' own on newer kernels, which then complain for ever.
FUZZ := timeout 1200 $(shell setarch $$(uname -m) -R true 2>/dev/null && echo setarch $$(uname -m) -R) $(SANITIZED)/fuzz_encoder
STUBGEN := $(BIN)/python -m nanobind.stubgen -q -m flowroi._core

.PHONY: demo browser test test-python test-native test-slow trust test-cellpose3 test-cellpose-sam test-recipes lint bench docs fuzz stubs lock clean

demo: $(VENV)/installed
	$(BIN)/flowroi demo --output demo --overwrite

test: test-native test-python

# Tests and doctests in one run, so that the last line counts all of them.
test-python: $(VENV)/developed browser
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow" --doctest-modules tests src

test-slow: $(VENV)/developed
	$(BIN)/python -m pytest -n $(JOBS) -m slow tests

# The promises of the archives under many more faults than in `make test`: hours; leaves the table in build/trust.md.
trust: $(VENV)/developed
	mkdir -p build
	$(BIN)/python -m pytest -n $(JOBS) --timeout=14400 --trust=long --trust-table=build/trust.md tests/trust

# The networks, each with the Cellpose that it needs, in an environment of its own; slow ones, too.
test-cellpose3: $(VENV)-cellpose3/installed
	$(VENV)-cellpose3/bin/python -m pytest -m cellpose3 tests/segmenters

test-cellpose-sam: $(VENV)-cellpose-sam/installed
	$(VENV)-cellpose-sam/bin/python -m pytest -m cellpose_sam tests/segmenters

# The recipes for workflow managers, run by these.
test-recipes: $(VENV)-recipes/installed
	$(VENV)-recipes/bin/python -m pytest -m recipes tests/recipes

# The C++ tests, and a hundred thousand executions of the fuzzer under AddressSanitizer and UndefinedBehaviorSanitizer.
test-native: $(VENV)/developed
	$(CMAKE) -S . -B $(NATIVE) >/dev/null && $(BIN)/cmake --build $(NATIVE) && $(BIN)/ctest --test-dir $(NATIVE) --output-on-failure
	$(CMAKE) -S . -B $(SANITIZED) -DFLOWROI_SANITIZE=ON >/dev/null && $(BIN)/cmake --build $(SANITIZED)
	$(FUZZ) 50000 1 & first=$$!; $(FUZZ) 50000 2 && wait $$first

# Tests look at the report in a browser. As root on a Debian-like system it is installed; elsewhere they skip, and say so.
browser:
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium; } >/dev/null \
	  || echo "chromium could not be installed: the tests that look at the report will skip"; \
	fi

lint: $(VENV)/developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@$(BIN)/clang-format --dry-run --Werror $(CPP) cpp/tests/* cpp/fuzz/*
	@$(STUBGEN) -o build/_core.pyi && cmp build/_core.pyi src/flowroi/_core.pyi || { echo "the stub is out of date: make stubs"; exit 1; }

bench: $(VENV)/developed
	$(BIN)/flowroi bench

# Not --quiet: it would hide the warnings that --strict counts.
docs: $(VENV)/developed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --site-dir site

# The long run: a million executions, each seed its own inputs.
fuzz: test-native
	for seed in 1 2 3 4 5 6 7 8 9 10; do $(FUZZ) 100000 $$seed || exit 1; done

stubs: $(VENV)/developed
	$(STUBGEN) -o src/flowroi/_core.pyi

lock: $(VENV)/developed
	$(BIN)/uv pip compile pyproject.toml --extra video --extra evaluation --group build --group test --group lint --group docs --universal \
	  --python-version 3.11 --no-annotate --no-header --no-emit-index-url --upgrade -o requirements/dev.lock -q
	$(BIN)/uv pip compile requirements/recipes.in pyproject.toml --universal \
	  --python-version 3.11 --no-annotate --no-header --no-emit-index-url --upgrade -o requirements/recipes.txt -q

clean:
	rm -rf build site demo $(VENV) $(VENV)-cellpose3 $(VENV)-cellpose-sam $(VENV)-recipes

$(VENV)/created:
	$(PYTHON) -c 'import sys; sys.exit("Python >= 3.11 is needed; this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	touch $@

# The package in place (Python changes need no reinstall; C++ changes do).
$(VENV)/installed: $(VENV)/created pyproject.toml CMakeLists.txt $(CPP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements/dev.lock -e '.[evaluation]'
	touch $@

$(VENV)-recipes/installed: requirements/recipes.txt pyproject.toml CMakeLists.txt $(CPP)
	$(PYTHON) -m venv $(VENV)-recipes
	$(VENV)-recipes/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $< -e .
	touch $@

# torch first, so that the extra takes the one that is there.
$(VENV)-%/installed: requirements/%.txt pyproject.toml CMakeLists.txt $(CPP)
	$(PYTHON) -m venv $(VENV)-$*
	$(VENV)-$*/bin/python -m pip install --quiet --disable-pip-version-check $$(grep '^torch' $<)
	$(VENV)-$*/bin/python -m pip install --quiet --disable-pip-version-check -r $< -e '.[evaluation,$*]'
	$(if $(filter cellpose3,$*),$(VENV)-$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps mmv-h4tracks==1.3.0)
	touch $@

$(VENV)/developed: $(VENV)/installed requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.lock
	touch $@
