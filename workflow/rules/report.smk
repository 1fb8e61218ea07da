# Counts and histories -> tables, figures, and the report. All of these are quick: local rules.


localrules:
    table,
    figure,
    report,


rule table:
    input:
        lambda wc: LOOK.table_inputs(wc.study, wc.table),
    output:
        report(
            "results/tables/{study}/{table}.csv",
            caption="../report/table.rst",
            category="{study}",
            subcategory="Tables",
            labels={"table": "{table}"},
        ),
        "results/tables/{study}/{table}.html",
    log:
        "logs/tables/{study}/{table}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        table=lambda wc: LOOK.table_settings(wc.study, wc.table),
        sources=lambda wc: LOOK.table_sources(wc.study, wc.table),
        preset=CONFIG.preset,
        code=stage_code("tables"),
    message:
        "Table {wildcards.table} of {wildcards.study}"
    script:
        "../../scripts/table.py"


rule figure:
    input:
        unpack(lambda wc: LOOK.figure_inputs(wc.study, wc.figure)),
    output:
        report(
            "results/figures/{study}/{figure}.svg",
            caption="../report/figure.rst",
            category="{study}",
            subcategory="Figures",
            labels={"figure": "{figure}"},
        ),
        multiext("results/figures/{study}/{figure}", ".png", ".csv"),
    log:
        "logs/figures/{study}/{figure}.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        figure=lambda wc: LOOK.figure_settings(wc.study, wc.figure),
        code=stage_code("figures"),
    message:
        "Figure {wildcards.figure} of {wildcards.study}"
    script:
        "../../scripts/figure.py"


rule report:
    input:
        [path for study in CONFIG.selected for path in LOOK.report_inputs(study)],
    output:
        "results/report/index.html",
    log:
        "logs/report.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        studies=LOOK.report_settings(),
        preset=CONFIG.preset,
        benchmarks="results/benchmarks",
        captions=files_hash(SOURCE / "workflow" / "report"),
        code=stage_code("report"),
    message:
        "Writing the report"
    script:
        "../../scripts/report.py"
