"""The public Python face: what the commands do, as functions. Everything is imported when it is first used.

from bakeoff import api
summary = api.run("demo")
print(api.analyse(summary.run.root).tasks[0].leader)
"""

from __future__ import annotations

from bakeoff.api.benchmarking import BenchOptions, bench
from bakeoff.api.drifting import DriftOptions, drift
from bakeoff.api.exports import Exported, ExportOptions, export
from bakeoff.api.losses import draw_losses, inspect_losses
from bakeoff.api.own_data import Imported, import_data
from bakeoff.api.predicted_files import FileOptions, open_source, predict_file, predict_path
from bakeoff.api.predicting import Prediction, Predictor
from bakeoff.api.provisions import fetch, fetch_model, pack, unpack
from bakeoff.api.quality import audit, dataset_cards, drawn_labels
from bakeoff.api.reading import analyse, compare, example_texts, report, verdict, write_report
from bakeoff.api.runs import RunOptions, cancel, choose_folder, clean, find_run, retry, run, run_command, runs, status
from bakeoff.api.served import Choice, find_served
from bakeoff.api.served_http import ServeOptions, serve
from bakeoff.api.sharing import Sharding, merge, shard
from bakeoff.api.studies import PlannedStudy, begin, check, estimate, explain, plan, stored_study
from bakeoff.api.together import adapters

__all__ = [
    "BenchOptions",
    "Choice",
    "DriftOptions",
    "ExportOptions",
    "Exported",
    "FileOptions",
    "Imported",
    "PlannedStudy",
    "Prediction",
    "Predictor",
    "RunOptions",
    "ServeOptions",
    "Sharding",
    "adapters",
    "analyse",
    "audit",
    "begin",
    "bench",
    "cancel",
    "check",
    "choose_folder",
    "clean",
    "compare",
    "dataset_cards",
    "draw_losses",
    "drawn_labels",
    "drift",
    "estimate",
    "example_texts",
    "explain",
    "export",
    "fetch",
    "fetch_model",
    "find_run",
    "find_served",
    "import_data",
    "inspect_losses",
    "merge",
    "open_source",
    "pack",
    "plan",
    "predict_file",
    "predict_path",
    "report",
    "retry",
    "run",
    "run_command",
    "runs",
    "serve",
    "shard",
    "status",
    "stored_study",
    "unpack",
    "verdict",
    "write_report",
]
