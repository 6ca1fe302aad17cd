# Needs python3 (3.11 or newer), make and the network. Uses uv where it is on PATH.
# Every target works as an unprivileged user, and from a folder whose path has a space.

PYTHON ?= python3
ARGS ?=
export PYTHON

bin := .venv/bin
generated := tests/doors/test_schemathesis.py $(addprefix tests/engine/,test_agreement.py \
	test_contacts_generated.py test_standing.py test_undo.py::TestStateBefore)
# In the order of tests/conftest.py, not those files first that have many tests.
at_once := --dist loadscope --no-loadscope-reorder
rooms_with_a_database := $(wildcard tests/store tests/engine tests/doors tests/e2e)

# A .venv that was copied along with its folder would run the other folder's code.
ifneq "$(shell cat .venv/.folder 2>/dev/null)" "$(CURDIR)"
.PHONY: .venv/.ready .venv/.ready-dev
endif

.PHONY: help demo setup counterparts test coverage bench cases kills screenshots lint format lock clean
help:
	@echo 'make demo     a sample vendor, its customers synced into accounts, then changed and synced again'
	@echo 'make setup    everything for development, in .venv'
	@echo 'make counterparts  servers of others that tests talk to, in .venv-counterparts'
	@echo 'make test     all tests on SQLite, and the rooms with a database on PostgreSQL (ARGS="-k words")'
	@echo 'make coverage fails where a branch of core or sources is not tried by their own tests'
	@echo 'make bench    speed, beside a bare floor and others (ARGS="--rounds 1 --only sqlite")'
	@echo 'make cases    dry run, undo, syncs and calls in 1,000 generated cases each, on both databases (an hour)'
	@echo 'make kills    kill -9 at 100 moments of long runs, and 100 of a server that is pushed to, half of them on each'
	@echo '              database (KILLS=50 SEED=1)'
	@echo 'make lint     style, types, and which room may import which'
	@echo 'make screenshots  every page, wide and narrow, light and dark, into screenshots/ (needs Chromium)'
	@echo 'make format   puts the style right'
	@echo 'make lock     resolves the dependencies anew (needs uv)'

demo: .venv/.ready
	$(bin)/ropewalk demo $(ARGS)

setup: .venv/.ready-dev

.venv/.ready: pyproject.toml requirements.lock tools/setup
	@tools/setup requirements.lock
	@touch $@

.venv/.ready-dev: pyproject.toml requirements-dev.lock tools/setup
	@tools/setup requirements-dev.lock
	@touch $@ .venv/.ready

# Each lives apart: they don't agree on what they need, and it is not for us to depend on.
counterparts := $(patsubst tests/fakes/counterparts/%.txt,.venv-counterparts/%/.ready,$(wildcard tests/fakes/counterparts/*.txt))
counterparts: $(counterparts)
.venv-counterparts/%/.ready: tests/fakes/counterparts/%.txt
	@echo "Installing $* into $(@D) …" >&2
	@rm -rf "$(@D)" && mkdir -p .venv-counterparts
	@if command -v uv >/dev/null 2>&1; then \
	    uv venv --quiet --python $(PYTHON) "$(@D)" && uv pip install --quiet --python "$(@D)/bin/python" -r $<; \
	else \
	    $(PYTHON) -m venv "$(@D)" && "$(@D)/bin/python" -m pip install -qq --disable-pip-version-check -r $<; \
	fi
	@touch $@

# Both parts at once: each waits a good deal, for servers that start and for pages that are drawn. What the second one
# says comes when the first one has said all.
test: .venv/.ready-dev $(counterparts)
	@status=0; second=; said=$$(mktemp); \
	trap 'kill $$second 2>/dev/null; rm -f "$$said"' EXIT; trap 'exit 130' INT TERM; \
	if [ -n "$(rooms_with_a_database)" ]; then \
	    $(bin)/python -m pytest -n 2 $(at_once) -m "not any_database" --db postgres -o cache_dir=.pytest_cache/postgres \
	        $(rooms_with_a_database) $(ARGS) >"$$said" 2>&1 & second=$$!; \
	fi; \
	$(bin)/python -m pytest -n 4 $(at_once) $(ARGS) || status=$$?; \
	if [ -n "$$second" ]; then wait $$second || status=$$?; cat "$$said"; second=; fi; \
	exit $$status

# Apart from `make test`: to be watched, these tests take twice as long. Always the same examples, so that what has been
# found to be tried stays so.
coverage: export TRY_CASES = 100
coverage: .venv/.ready-dev
	@$(bin)/python -m pytest -n 2 --dist loadscope --hypothesis-seed=0 tests/core tests/sources \
	    --cov=ropewalk.core --cov=ropewalk.sources --cov-branch --cov-report=term-missing:skip-covered \
	    --cov-fail-under=100 $(ARGS)

# The others live apart: what they need is not for us to depend on.
.venv-bench/.ready: bench/requirements.txt
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install -qq --disable-pip-version-check -r bench/requirements.txt
	@touch $@

bench: .venv/.ready-dev .venv-bench/.ready
	@$(bin)/python -m bench $(ARGS)

cases: export TRY_CASES = 1000
cases: .venv/.ready-dev
	@status=0; \
	for database in sqlite postgres; do \
	    $(bin)/python -m pytest -n 2 --dist load --db $$database $(generated) $(ARGS) || status=$$?; \
	done; \
	exit $$status

# All at once, and in ten minutes or not at all.
kills: export KILLS ?= 50
kills: export SEED ?= $(shell shuf -i 1-999999 -n 1)
kills: .venv/.ready-dev
	@pytest='timeout 600 $(bin)/python -m pytest'; status=0; pids=; \
	$$pytest tests/e2e/at_length.py $(ARGS) & pids="$$pids $$!"; \
	$$pytest --db postgres tests/e2e/at_length.py $(ARGS) & pids="$$pids $$!"; \
	$$pytest --db postgres tests/e2e/leases_at_length.py $(ARGS) & pids="$$pids $$!"; \
	$$pytest tests/e2e/pushed_at_length.py $(ARGS) & pids="$$pids $$!"; \
	$$pytest --db postgres tests/e2e/pushed_at_length.py $(ARGS) & pids="$$pids $$!"; \
	for pid in $$pids; do wait $$pid || status=$$?; done; \
	exit $$status

screenshots: .venv/.ready-dev
	@$(bin)/python -m pytest -q tests/browser/screenshots.py $(ARGS)

# The types of Django's models come from the settings, which want a place and a key.
lint: export ROPEWALK_DATA_DIR = .mypy_cache/data
lint: export ROPEWALK_SECRET_KEY = only-for-types-only-for-types-only-for-types
lint: .venv/.ready-dev
	@status=0; \
	$(bin)/ruff check || status=$$?; \
	$(bin)/ruff format --check || status=$$?; \
	$(bin)/mypy || status=$$?; \
	$(bin)/lint-imports || status=$$?; \
	find src -name '*.py' ! -path '*/migrations/*' -exec wc -l {} + | awk '$$1 > 400 && $$2 != "total" \
	    {print "over 400 lines, is it still one thing? " $$2 ": " $$1}'; \
	exit $$status

format: .venv/.ready-dev
	$(bin)/ruff check --fix
	$(bin)/ruff format

# From uv's default index, whatever configuration files lie about; the locks name no index.
compile = uv pip compile --no-config --no-emit-index-url --universal \
	--python-version 3.11 --only-binary :all: --generate-hashes --no-annotate --quiet \
	--custom-compile-command 'make lock' $(ARGS) pyproject.toml --extra build
# All extras together first: an installation may add any of them to what it has.
lock:
	$(compile) --extra dev --extra bigquery --extra snowflake --extra s3 --output-file requirements-dev.lock
	$(compile) --constraint requirements-dev.lock --output-file requirements.lock

clean:
	rm -rf .venv .venv-bench .venv-counterparts .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
