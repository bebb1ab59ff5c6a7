.PHONY: check format lint types layers test slow docs

check: lint types layers test

format:
	ruff format src tests benchmarks
	ruff check --fix src tests benchmarks

lint:
	ruff format --check src tests benchmarks
	ruff check src tests benchmarks

types:
	mypy

layers:
	lint-imports

test:
	python -m pytest

slow:
	python -m pytest -m slow

docs:
	(echo '# Techniques'; echo; \
	 echo 'Made by `make docs` from the catalogue; `stepladder techniques` prints the same.'; echo; \
	 python -m stepladder techniques --format markdown) > docs/techniques.md
