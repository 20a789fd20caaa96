# Everything a person or a machine does with the project. `make help` lists it.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
# Development data (labelled pages); only train, eval and some tests need it.
DATA ?= ../shared
export PYTHONHASHSEED := 0

.DEFAULT_GOAL := help
.PHONY: help venv demo nightly lint types test docs screenshots eval errors eval-clusters pages sites bench lite bench-clusters scale train \
	layout schemas downstream soak fuzz audit wheel image image-check wheel-check check clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

venv: $(VENV)/.installed  ## an environment with the product and its test tools, at pinned versions

$(VENV)/.installed: setup.py constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "copydesk needs Python 3.11 or newer; name one with PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt pip setuptools wheel
	$(BIN)/python -m pip install -q -c constraints.txt torch
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[test]'
	touch $@

demo: venv  ## the whole product over the demo pages: HTML, text, JSONL, a WARC and a broken file
	$(BIN)/copydesk run tests/data/demo -o demo-out --overwrite
	@echo
	@echo "The tables are in demo-out/, the report is demo-out/report.html. One page, line by line:"
	@echo "  $(BIN)/copydesk explain tests/data/demo/archive/ferry-passengers.txt"

DESK ?= .
RUN_DATE ?= $(shell date +%F)
nightly: venv  ## one run over what is new in DESK/inbox, into DESK/out/run_date=RUN_DATE, with DESK/state
	$(BIN)/copydesk run $(DESK)/inbox -o $(DESK)/out/run_date=$(RUN_DATE) --state $(DESK)/state --config nightly \
	  --set run.date=$(RUN_DATE) $(RUN_FLAGS)

lint: venv  ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: venv  ## static types
	$(BIN)/mypy pipeline transforms

test: venv  ## lint, types and all tests
	$(BIN)/ruff check .
	$(BIN)/mypy pipeline transforms
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

docs: venv  ## the documents as a site in build/docs/; a broken link or reference is an error
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[docs]'
	$(BIN)/python -m sphinx -W --keep-going -q -c docs . build/docs
	@echo "The site begins at build/docs/docs/index.html"

screenshots: venv  ## the pictures in docs/images/, of the demo pages, with Chromium
	PYTHONPATH=. $(BIN)/python docs/build_screenshots.py

eval: venv build/folds/done $(VENV)-peers/.installed  ## the quality tables, beside the peers, into benchmarks/results/
	$(BIN)/python -m benchmarks.evaluate --data $(DATA) --folds build/folds --peers $(VENV)-peers/bin/python

errors: venv build/folds/done  ## which roles are given for which, and which words of stories are lost or added
	$(BIN)/python -m benchmarks.errors --data $(DATA) --folds build/folds

eval-clusters: venv $(VENV)-peers/.installed  ## duplicates, events, topics and links, beside peers, into benchmarks/results/
	$(BIN)/python -m benchmarks.clusters --data $(DATA) --peers $(VENV)-peers/bin/python --out benchmarks/results

READS := $(addprefix transforms/core/,characters.py coherence.py dates.py dom.py dom_features.py encoding.py features.py \
	json_ld.py lexicon.py lines.py metadata.py page_title.py people.py role_model.py words.py)
FITS := $(filter-out training/kinds.py training/layout.py,$(wildcard training/*.py))
build/folds/done: $(FITS) transforms/types.py $(READS) | venv
	rm -f build/folds/*.npz
	export OMP_NUM_THREADS=1; \
	$(BIN)/python -m training.train --data $(DATA) --folds build/folds --only 0 1 2 & first=$$!; \
	$(BIN)/python -m training.train --data $(DATA) --folds build/folds --only 3 4 && wait $$first
	OMP_NUM_THREADS=1 $(BIN)/python -m training.layout --data $(DATA) --folds build/folds
	touch $@

$(VENV)-peers/.installed: benchmarks/peers.txt
	$(PYTHON) -m venv $(VENV)-peers
	$(VENV)-peers/bin/python -m pip install -q -c constraints.txt pip
	$(VENV)-peers/bin/python -m pip install -q -r benchmarks/peers.txt
	touch $@

pages: venv $(VENV)-peers/.installed  ## metadata beside trafilatura's, and page kinds by site folds
	$(BIN)/python -m benchmarks.metadata --data $(DATA) --peers $(VENV)-peers/bin/python --json benchmarks/results/metadata.json
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.kinds --data $(DATA) --json benchmarks/results/kinds.json

sites: venv build/folds/done  ## what site profiles gain, by the pages known of a site, and what they cost
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.sites --data $(DATA) --json benchmarks/results/sites.json

bench: venv $(VENV)-peers/.installed  ## speed, beside trafilatura and the machine's limits, into benchmarks/results/; for an idle machine
	OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false $(BIN)/python -m benchmarks.speed --data $(DATA) --peers $(VENV)-peers/bin/python

scale: venv  ## what a billion pages would take, into docs/scale.md
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.scale --measure --data $(DATA)

bench-clusters: venv  ## processor time and memory of clustering 20,000 to 200,000 vectors; takes an hour
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.scale_clusters --data $(DATA) --out benchmarks/results

train: venv  ## rebuild the role model and the page-kind model from DATA, with fixed seeds and deterministic kernels
	OMP_NUM_THREADS=1 $(BIN)/python -m training.train --data $(DATA) --out transforms/models/roles.npz
	OMP_NUM_THREADS=1 $(BIN)/python -m training.kinds --data $(DATA) --out transforms/models/kinds.json

lite: venv  ## rebuild the lite encoder from DATA and the packaged MiniLM
	OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false $(BIN)/python -m training.lite --data $(DATA) --out transforms/models/lite.npz

layout: venv build/folds/done  ## rebuild the layout weights, from what the models fitted by site folds get wrong
	OMP_NUM_THREADS=1 $(BIN)/python -m training.layout --data $(DATA) --folds build/folds --out transforms/models/layout.json

wheel: venv  ## dist/copydesk-VERSION-py3-none-any.whl
	rm -rf build
	$(BIN)/python -m build --no-isolation --wheel .

IMAGE ?= copydesk:0.1.0
DOCKER ?= docker
image: wheel  ## the workers' image for Flink, Spark and Dataflow; IMAGE names it
	$(DOCKER) build $(BUILD_FLAGS) -f deploy/Dockerfile -t $(IMAGE) .

image-check: wheel  ## the steps of that image without a container engine, in a scratch environment
	$(BIN)/python deploy/image_check.py

$(VENV)-airflow/.installed:
	$(PYTHON) -m venv $(VENV)-airflow
	$(VENV)-airflow/bin/python -m pip install -q apache-airflow==3.3.2 apache-airflow-providers-apache-beam==6.3.1 \
	  apache-airflow-providers-google
	touch $@

# html5lib-tests come with the source distribution of html5lib, which only an older setuptools can unpack.
build/html5lib/.unpacked:
	mkdir -p $(@D)
	echo 'setuptools<80' > $(@D)/constraints.txt
	PIP_CONSTRAINT=$(abspath $(@D))/constraints.txt $(PYTHON) -m pip download -q --no-deps --no-binary html5lib -d $(@D) html5lib==1.1
	tar xzf $(@D)/html5lib-1.1.tar.gz -C $(@D)
	touch $@

# How long kills and mutants may take, each; a table that had too little time says so.
SOAK_MINUTES ?= 600
soak: venv $(VENV)-airflow/.installed build/html5lib/.unpacked  ## the tests that take long, then every attack at its full count, as a table in docs/soak.md
	AIRFLOW=$(abspath $(VENV)-airflow)/bin/airflow $(BIN)/python -m pytest -q -m soak
	$(BIN)/python -m tests.soak --data $(DATA) --trees build/html5lib --minutes $(SOAK_MINUTES) --out docs/soak.md

$(VENV)-fuzz/.installed: tests/fuzz/requirements.txt setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)-fuzz
	$(VENV)-fuzz/bin/python -m pip install -q -c constraints.txt pip torch
	$(VENV)-fuzz/bin/python -m pip install -q -c constraints.txt -e .
	$(VENV)-fuzz/bin/python -m pip install -q -r tests/fuzz/requirements.txt
	touch $@

# How long each fuzzer tries.
FUZZ_SECONDS ?= 600
FUZZ = $(VENV)-fuzz/bin/python -m tests.fuzz.$(1) -max_total_time=$(FUZZ_SECONDS) -max_len=16384 -timeout=60 \
	-rss_limit_mb=4096 -artifact_prefix=build/fuzz/$(1)- build/fuzz/$(1)
fuzz: $(VENV)-fuzz/.installed  ## coverage-guided fuzzing of pages and of readers; what is found lies in build/fuzz/
	$(VENV)-fuzz/bin/python -m tests.fuzz.seeds build/fuzz
	$(call FUZZ,fuzz_pages)
	$(call FUZZ,fuzz_readers)

audit: venv  ## known vulnerabilities of the pinned versions; needs a package index
	sh tests/audit.sh $(VENV) $(PYTHON)

schemas: venv  ## write docs/schemas/ from the source
	$(BIN)/python docs/build_schemas.py

$(VENV)-dolma/.installed:
	$(PYTHON) -m venv $(VENV)-dolma
	$(VENV)-dolma/bin/python -m pip install -q dolma==1.2.1
	touch $@

downstream: venv $(VENV)-dolma/.installed  ## an export goes through the Dolma toolkit, in an environment of its own
	DOLMA=$(abspath $(VENV)-dolma)/bin/dolma $(BIN)/python -m pytest -q tests/e2e/test_downstream.py tests/e2e/test_export.py

wheel-check: venv  ## build the wheel, install it elsewhere, run it from another directory
	sh tests/e2e/wheel_check.sh $(PYTHON)

check: test wheel-check audit  ## all that CI runs, the wheel, and the audit of what it depends on

clean:  ## remove environments and everything built
	rm -rf $(VENV) $(VENV)-peers $(VENV)-dolma $(VENV)-airflow $(VENV)-fuzz $(VENV)-audit build dist demo-out *.egg-info .pytest_cache .mypy_cache .ruff_cache
