# The book's commands; `make` alone lists them. On Windows, run them in Git Bash.
PYTHON ?= $(if $(filter Windows_NT,$(OS)),python,python3)
# What goes into .venv: the lock, unless you say otherwise.
INSTALL ?= --requirement requirements.txt

BIN := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
PY := .venv/$(BIN)/python
BUILD := .venv/$(BIN)/jupyter-book build . --nitpick --warningiserror --keep-going
LIVE := tools/live/node_modules/.package-lock.json
LIGHTHOUSE := tests/lighthouse/node_modules/.package-lock.json
SOURCES := $(wildcard _config.yml _toc.yml intro.md notebooks/*.ipynb pages/*.ipynb pages/*.md \
	pages/*.bib pages/images/* helpers/*.py helpers/*/*.py helpers/*.mplstyle helpers/_explorers/* \
	tools/theme/*/*.* tools/theme/static/fonts/* tools/benchmarks/results.json \
	tools/benchmarks/programs.json tools/variants.json \
	tools/solutions.py tools/student.py tools/live/exceptions.json)

# A page and a stored notebook have no place for progress bars; a reader's own session shows them.
export TQDM_DISABLE := 1

# Two tests at a time, on a core each. What a file holds stays together: cells of a notebook share a
# kernel, and tests of a module its fixtures.
PYTEST := BOOK_DATA=twin OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PY) -m pytest -rs --nbval \
	--nbval-current-env --nbval-sanitize-with tests/nbval_sanitise.cfg \
	--numprocesses 2 --dist loadfile --no-loadscope-reorder

# Of one chapter, CHAPTER=04: its notebook, its exercises and its formulas.
NOTEBOOK := $(wildcard notebooks/$(CHAPTER)_*.ipynb)
EXERCISES := $(shell sed -n 's/.*from helpers.exercises import \([a-z_]*\).*/\1/p' $(NOTEBOOK) /dev/null)
OF_THE_CHAPTER := $(wildcard tests/test_exercises_$(EXERCISES).py tests/test_formulas_$(CHAPTER).py)

.PHONY: help book draft test test-all tested-chapter lint hooks lighthouse pdf zip serve real twin \
	benchmark coursework course marks student coursework-check quiz variants lock clean

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' Makefile

book: _build/made ## build the book on the simulated twin
	@echo "The book: _build/html/index.html"

draft: .venv/made .live/assets/manifest.json | twin ## build the pages anew, but run only notebooks whose code has changed
	BOOK_DATA=twin .venv/$(BIN)/jupyter-book build . --path-output _build_draft
	@echo "The draft: _build_draft/_build/html/index.html"

ifdef CHAPTER
test: lint tested-chapter
else
# nbval runs every notebook, and the build takes the outputs that it has compared: see
# tests/keep_executed.py. The page about the real brain needs a download, and keeps its outputs.
test: lint .live/assets/manifest.json | twin ## check what a change can break; CHAPTER=04 checks one chapter
	rm -rf _build
	PYTHONPATH=tests $(PYTEST) -p keep_executed --cache-executed _build/.jupyter_cache \
		--ignore pages/real_brain.ipynb notebooks pages
	BOOK_DATA=twin $(BUILD)
	@touch _build/made
	$(PYTEST) -m "not slow" tests
endif

test-all: test ## check everything that a release needs (an hour)
	$(PYTEST) -m slow tests
	$(MAKE) lighthouse coursework-check pdf

tested-chapter: .venv/made | twin
	@test -n "$(NOTEBOOK)" || { echo "No notebook is notebooks/$(CHAPTER)_*.ipynb: say CHAPTER=04, for instance"; exit 2; }
	$(PYTEST) -m "not slow" $(NOTEBOOK) $(OF_THE_CHAPTER) tests/test_notebooks.py \
		-k "$(basename $(notdir $(NOTEBOOK))) or test_exercises or test_formulas"

lint: .venv/made ## check style and layout of modules and notebooks
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

hooks: .venv/made ## check style and tidy notebooks at every commit
	.venv/$(BIN)/pre-commit install --config .github/pre-commit.yaml

# Pages to measure, without suffix: PAGES="intro search"; all, if none is named.
lighthouse: $(LIGHTHOUSE) _build/made ## measure accessibility and good practice of pages (needs Node.js)
	node tests/lighthouse/measure.mjs $(PAGES)

pdf: _build/made ## print the built book as one PDF (needs Chromium or Chrome)
	$(PY) tools/pdf.py

zip: _build/made ## pack the book into a zip that opens, and runs, without a network
	$(PY) tools/offline.py

# Another folder of pages, the students' for instance: SITE=_build_student/_build/html
serve: SITE ?= _build/html
serve: _build/made ## show the built book in a browser
	@echo "The book: http://localhost:8000 (stop with Ctrl+C)"
	$(PY) -m http.server --bind localhost --directory $(SITE) 8000

real: .venv/made .live/assets/manifest.json ## build the book on the real recording (downloads 153 MB)
	$(PY) -c "import sys; sys.tracebacklimit = 0; from helpers.data import load; load('real')"
	rm -rf _build_real
	BOOK_DATA=real $(BUILD) --path-output _build_real
	@echo "The book on the real recording: _build_real/_build/html/index.html"

live: .live/assets/manifest.json ## make what the pages need to run themselves

twin: .venv/made ## make the simulated twin
	$(PY) -m helpers.twin

benchmark: .venv/made ## measure speed and memory anew (40 minutes; let nothing else run)
	cd tools && ../$(PY) -m benchmarks
	cd tools && ../$(PY) -m benchmarks --programs
	@echo "Three pages show them, 13_scaling_up, further_why_it_is_fast and further_prf_speed: run and store them with tools/execute.py."

variants: .venv/made ## compute the book's headlines on every variant of the twin (20 minutes)
	$(PY) tools/variants.py
	@echo "pages/what_depends_on_the_simulator shows them: run and store it with tools/execute.py."

coursework: .venv/made ## write the assignments for students, without solutions
	$(PY) tools/coursework/course.py release --root tools/coursework
	@echo "For students: tools/coursework/release"

# Of your own, outside this repository; without ROOT it is the folder `course` beside the roster.
course: .venv/made ## make a private course: ROSTER=class.csv ROOT=~/courses/spring
	@test -n "$(ROSTER)" || { echo "Who is in it? make course ROSTER=class.csv ROOT=~/courses/spring"; exit 2; }
	$(PY) tools/coursework/course.py course "$(ROSTER)" $(if $(ROOT),--root "$(ROOT)")

marks: .venv/made ## grade hand-ins: ROOT=~/courses/spring ASSIGNMENT=assignment_a FILES=archive.zip
	@test -n "$(ROOT)" -a -n "$(ASSIGNMENT)" || { echo "Which? make marks ROOT=~/courses/spring ASSIGNMENT=assignment_a FILES=archive.zip"; exit 2; }
	$(PY) tools/coursework/course.py marks "$(ASSIGNMENT)" $(FILES) --root "$(ROOT)"

# With ROOT, the assignments are those of this course: its pages go to any website.
student: $(if $(ROOT),,coursework) _build/made ## write what students get: assignments, and chapters without solutions; ROOT=
	$(PY) tools/student.py $(if $(ROOT),--root "$(ROOT)")
	rm -rf _build_student
	BOOK_FOR=students $(BUILD) --path-output _build_student
	@echo "The students' pages: _build_student/_build/html/index.html"

coursework-check: .venv/made ## grade made-up students: right, wrong and hostile hand-ins
	$(PY) tools/coursework/checking.py

quiz: .venv/made ## write the chapters' questions for Moodle, Canvas and Blackboard
	$(PY) tools/coursework/quiz.py

lock: ## pin the newest versions of what pyproject.toml asks for
	$(PYTHON) -m venv .lock
	.lock/$(BIN)/python -m pip install --quiet uv
	echo "--editable .[bids,book,dask,test]" | .lock/$(BIN)/uv pip compile - --quiet \
		--universal --python-version 3.11 --upgrade --no-annotate \
		--custom-compile-command "make lock" --output-file requirements.txt
	@echo "The lock: requirements.txt"

clean: ## remove all that these commands make, except the real recording
	rm -rf .venv .lock .live _build _build_draft _build_real _build_student student assignments data/twin data/cache *.egg-info .pytest_cache .ruff_cache
	rm -rf tests/lighthouse/node_modules tools/live/node_modules tools/benchmarks/.peers
	rm -rf $(addprefix tools/coursework/,release submitted graded feedback written upload handout downloaded twins quiz course.json *.csv)

# The stamps below are written last, so that an interrupted step is done again.
# Again whenever something that it packs has changed.
.live/assets/manifest.json: .venv/made $(LIVE) $(wildcard helpers/*.py helpers/*/*.* tools/live/*.* \
	tools/live/python/* tools/live/src/* tools/variants.json tools/benchmarks/*.json)
	$(PY) tools/live/build.py

$(LIVE): tools/live/package-lock.json .venv/made
	cd tools/live && ../../.venv/$(BIN)/npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.venv/made: requirements.txt pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and \
		'Python 3.11 or newer is needed: say make PYTHON=python3.12, for instance')"
	$(PYTHON) -m venv .venv
	@echo "Installing into .venv: a minute or two"
	$(PY) -m pip install --quiet --no-compile $(INSTALL)
	@$(PY) -W ignore -m compileall -qq -j 0 .venv || true # on all cores; templates are no Python
	@touch $@

$(LIGHTHOUSE): tests/lighthouse/package-lock.json
	cd tests/lighthouse && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# Every page anew: neither Sphinx nor its cache knows that a helper which a notebook calls has changed.
_build/made: $(SOURCES) .live/assets/manifest.json .venv/made | twin
	rm -rf _build
	BOOK_DATA=twin $(BUILD)
	@touch $@
