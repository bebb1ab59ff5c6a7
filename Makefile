.PHONY: check ci examples format lint types layers test slow docs results site links

check: lint types layers examples test

# What `make test` leaves out where no extra is installed, but for the longest tests of clusters.
ci: lint types layers examples
	python -m pytest -m "(slow or extra) and not gpu and not cluster" -rs --durations=60 tests

format:
	ruff format src tests benchmarks examples
	ruff check --fix src tests benchmarks examples

lint:
	ruff format --check src tests benchmarks examples
	ruff check --no-cache src tests benchmarks examples

types:
	mypy

layers:
	lint-imports

# Examples in docstrings; migrations run inside Alembic alone.
examples:
	python -m pytest -n 0 --doctest-modules --ignore src/stepladder/store/migrations src

test:
	python -m pytest

slow:
	python -m pytest -n 0 -m slow

docs:
	(echo '# Techniques'; echo; \
	 echo 'Made by `make docs` from the catalogue; `stepladder techniques` prints the same.'; echo; \
	 python -m stepladder techniques --format markdown) > docs/reference/techniques.md
	python benchmarks/keras_names.py --into src/stepladder/study/keras_names.json
	python benchmarks/reference_page.py --into docs/reference/study-file.md
	python benchmarks/names_page.py --into docs/reference/names.md
	python benchmarks/commands_page.py --into docs/reference/commands.md

# The runs are those of `stepladder run mnist`, `run mnist-fair`, `reproduce mnist-original` and
# `run mnist --design factorial --out runs/factorial`; nothing is trained here.
results:
	python benchmarks/results_page.py --fixed runs/mnist --fair runs/mnist-fair \
	 --factorial runs/factorial --table runs/mnist-original --into docs/measured/results.md \
	 --pictures docs/images

# The documentation, for a browser: site/index.html. Links and anchors inside it are checked.
site:
	python -m sphinx -q -W --keep-going -E -j auto -c docs . site
	@echo "site/index.html"

# Links to other sites, too; needs a network.
links:
	python -m sphinx -q -b linkcheck -c docs . build/links
