# Every target makes the virtual environment it needs, by itself.
# lab: copy the notebooks to student/, without solutions, and open them (TORCH=cpu or cuda: which build of torch)
# edit: open the notebooks themselves · instructor: copy them to instructor/, with solutions
# app: the explorers as a page without code, for a projector
# test: run every test · test-without-torch: those that need no torch, where it is not installed
# quick: ruff and the fast tests, about a minute, to run before a commit
# notebooks: run all notebooks at full size · bench: speed against peers
# bench-gpu: the tables that need a GPU, in build/bench-gpu.md
# site: the explorers and a tour of them as static pages, in build/site
# book: notebooks, results and every function as a site, in build/book
# test-oldest: the tests with the lowest versions that pyproject.toml allows, in .venv-oldest
# test-latex: whether LaTeX takes what is written for it; needs pdflatex and booktabs
# soak: for an hour or two, whether anything grows or slows
# fuzz: hostile input by the hundred thousand (docs/RELIABILITY.md); FUZZ_OPTIONS=--help
# screenshots: pictures of all notebooks · constraints: write down the installed versions

PYTHON ?= python3
# threads of torch sleep while they wait, in notebooks that import torch before emdviz as well
export OMP_WAIT_POLICY ?= PASSIVE
BIN := .venv/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
  --constraint constraints.txt
# pip compiles on one core, and tests of other packages as well
COMPILE = $(BIN)/python -W ignore -m compileall -qq -j 0 -x 'site-packages/.*/tests/' \
  $(abspath $(BIN)/../lib) || true
# files that take long come first (tests/conftest.py), so that no core is idle at the end
PYTEST = $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder
# containers run as root, where JupyterLab wants to be told so
LAB_OPTIONS ?= $(shell test "`id -u`" = 0 && echo --allow-root)
# links lead out of the notebooks' folder, to pages and data
# what a kernel says reaches a figure at once: emdviz/_sockets.py
SOCKETS = --ServerApp.kernel_websocket_connection_class=emdviz._sockets.SocketAtOnce
LAB = $(BIN)/jupyter-lab $(LAB_OPTIONS) $(SOCKETS) --ServerApp.root_dir=.

.PHONY: lab edit instructor app quick test test-without-torch test-oldest test-latex notebooks soak bench bench-gpu fuzz \
  site book screenshots picture constraints clean

lab: .venv/installed-lab
	$(BIN)/python scripts/copy_notebooks.py student
	$(LAB) student/01_why_order_matters.ipynb

edit: .venv/installed-lab
	$(LAB) notebooks/01_why_order_matters.ipynb

instructor: .venv/installed-lab
	$(BIN)/python scripts/copy_notebooks.py instructor --solutions

# without torch; APP_OPTIONS=--share serves it to the network
app: .venv/installed
	$(BIN)/python app/show.py $(APP_OPTIONS)

quick: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(PYTEST) tests --quiet --ignore tests/browser --ignore tests/soak \
	  --hypothesis-profile quick -m "not (slow or browser or notebook)"

test: .venv/installed-test test-without-torch
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(PYTEST)

WITHOUT_TORCH := $(addprefix emdviz.,distributions distances ground_distance transport metrics beliefs \
  propriety published plots explorers.kit site losses.loss losses.descent) \
  $(patsubst %,tests/test_%.py,without_torch distributions distances ground_distance transport metrics \
  beliefs propriety descent style plots ground_distance_plots explorers gradient_explorer \
  propriety_explorer sinkhorn_explorer transport_explorer site)

test-without-torch: .venv-without-torch/installed
	.venv-without-torch/bin/python -m pytest --numprocesses 2 --pyargs $(WITHOUT_TORCH) \
	  --ignore emdviz/propriety/search.py

test-oldest: .venv-oldest/installed
	.venv-oldest/bin/python -m pytest --numprocesses 2 --dist loadfile

test-latex: .venv/installed-test
	$(BIN)/python -m pytest tests/test_latex.py

notebooks: .venv/installed-test
	EMDVIZ_FAST=0 $(BIN)/python -m pytest tests/test_notebooks.py -k test_runs --durations 0

bench: .venv/installed-bench
	$(BIN)/python -m benchmarks

bench-gpu: .venv/installed-lab
	$(BIN)/python -m benchmarks.gpu

site: .venv/installed
	$(BIN)/python -m emdviz.site $(SITE)

book: .venv/installed-book
	$(BIN)/python scripts/book.py $(BOOK_OPTIONS)

soak: .venv/installed-test
	EMDVIZ_SOAK=1 $(BIN)/python -m pytest -m soak -s -p no:xdist

fuzz: .venv/installed-test
	$(BIN)/python -m fuzz $(FUZZ_OPTIONS)

screenshots: .venv/installed-test
	$(BIN)/python scripts/screenshots.py

picture: .venv/installed-test
	$(BIN)/python scripts/readme_picture.py

# after `make test` passed with newer versions: install without constraints, then this
constraints: .venv/installed-test
	$(BIN)/python scripts/constraints.py

.venv/bin/python .venv-without-torch/bin/python .venv-oldest/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "emdviz needs Python 3.11 or newer; try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@# what venv leaves behind when it fails looks like an environment, but has no pip
	@$(PYTHON) -m venv $(@D:/bin=) || { rm -rf $(@D:/bin=); \
	  echo "no virtual environment could be made; on Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }

# each in one call of pip, and with it what it holds
EXTRAS_lab := lab
EXTRAS_book := lab,book
EXTRAS_test := lab,cluster,book,test
EXTRAS_bench := lab,cluster,book,test,bench

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing emdviz (700 MB, a minute, once) ..."
	$(PIP) --editable .
	$(COMPILE)
	@touch $@

.venv/installed-%: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing what is needed (2 GB, with CUDA 6 GB; a few minutes, once) ..."
	$(BIN)/python scripts/install_torch.py $(TORCH)
	$(PIP) --editable '.[$(EXTRAS_$*)]'
	$(COMPILE)
	@touch .venv/installed .venv/installed-lab $@

.venv-without-torch/installed: BIN = .venv-without-torch/bin
.venv-without-torch/installed: pyproject.toml constraints.txt | .venv-without-torch/bin/python
	$(PIP) --editable . hypothesis pytest pytest-timeout pytest-xdist scikit-learn \
	  scoringrules
	$(COMPILE)
	@touch $@

.venv-oldest/installed: pyproject.toml scripts/oldest.py | .venv-oldest/bin/python
	.venv-oldest/bin/python scripts/oldest.py > .venv-oldest/constraints.txt
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check \
	  --constraint .venv-oldest/constraints.txt --editable '.[lab,cluster,book,test]'
	@touch $@

clean:
	rm -rf .venv .venv-without-torch .venv-oldest build
