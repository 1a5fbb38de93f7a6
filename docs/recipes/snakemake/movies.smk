"""A folder of movies, a job a movie: compress it, verify it. Snakemake knows of the reports only; see Snakefile."""

import re
from pathlib import Path

configfile: "config.yaml"

OUT = config["out"]
MOVIES = {}
for path in sorted(Path(config["movies"]).iterdir()):
    name = path.name if path.is_dir() else path.stem.removesuffix(".ome")
    if name.startswith("."):
        continue
    if name in MOVIES:
        raise WorkflowError(f"{path} and {MOVIES[name]} would become the same archive: rename one of them")
    MOVIES[name] = str(path)


wildcard_constraints:
    movie="|".join(map(re.escape, MOVIES)),


localrules:
    all,


def raw(wildcards):
    return MOVIES[wildcards.movie]


def target(wildcards):
    return f"{OUT}/{wildcards.movie}.ome.tif"


rule all:
    input:
        expand(f"{OUT}/reports/{{movie}}/verified.json", movie=MOVIES),


rule movie:
    input:
        raw,
    output:
        f"{OUT}/reports/{{movie}}/compressed.json",
    log:
        f"{OUT}/reports/{{movie}}/compressed.log",
    params:
        target=target,
        options=f"{config['reading']} {config['settings']}",
    threads: config["threads"]
    resources:
        mem_mb=config["mem_mb"],
        runtime=config["runtime"],
    shell:
        "flowroi compress {input:q} -o {params.target:q} {params.options}"
        " --workers {threads} --json > {output:q} 2> {log:q}"


rule verify:
    input:
        f"{OUT}/reports/{{movie}}/compressed.json",
    output:
        f"{OUT}/reports/{{movie}}/verified.json",
    log:
        f"{OUT}/reports/{{movie}}/verified.log",
    params:
        target=target,
    threads: config["threads"]
    resources:
        mem_mb=config["mem_mb"],
        runtime=config["runtime"],
    shell:
        "flowroi verify {params.target:q} --workers {threads} --json > {output:q} 2> {log:q}"
