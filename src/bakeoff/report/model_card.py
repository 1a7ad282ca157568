"""The model card of an export: what it is, what is known of it, and what is not, as Markdown with the hub's metadata."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from bakeoff.analysis.model import Analysis, DataFacts, TaskAnalysis
from bakeoff.analysis.trial_model import TrialAnalysis
from bakeoff.catalog.cards import ModelCard
from bakeoff.catalog.registry import cards
from bakeoff.records.serving import Export, Form
from bakeoff.report import words

FORMS: dict[Form, str] = {
    "trained": "as its trial keeps it",
    "merged": "a whole model of transformers' own, in float32",
    "adapter": "an adapter in PEFT's format, to be loaded onto its pretrained model",
    "onnx": "an ONNX graph in float32",
    "onnx-int8": "an ONNX graph with weights in 8 bits",
}
CLASSES = {"sequence": "AutoModelForSequenceClassification", "token": "AutoModelForTokenClassification"}
QUESTIONS = "AutoModelForQuestionAnswering"
POOLING = {
    "mean": "(token_logits * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)",
    "first": "token_logits[:, 0]",
    "last": "token_logits[torch.arange(len(mask)), mask.sum(1) - 1]",
}
SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!~$])")


def model_card(export: Export, purpose: str, analysis: Analysis) -> str:
    """The card.

    Args:
        export: the export.
        purpose: which kind of class of transformers it is: `sequence`, `token` or `question`.
        analysis: of the run that it comes from.

    Returns:
        Markdown.
    """
    task = next(part for part in analysis.tasks if part.name == export.task.name)
    trial = next(one for one in analysis.trials if one.id == export.trial)
    sections = [
        _front(export, task),
        _what(export, analysis, task),
        _section("Use", _use(export, purpose)),
        _section("Verdict", _verdict(analysis, task, export)),
        _section("This model", _this(export, task, trial)),
        _section("Labels and thresholds", _labels(export, task.data)),
        _section("Data", _data(task.data)),
        _section("Limits", _limits(export, task, trial)),
        _section("Recipe", _recipe(export)),
        _section("How to make it again", _again(export, trial)),
    ]
    return "\n\n".join(sections) + "\n"


def plain(text: object) -> str:
    """A text that Markdown takes for itself: no markup, no HTML, one line.

    Args:
        text: anything; it is shown as `str` shows it.

    Returns:
        The text.
    """
    shown = "".join(letter if letter.isprintable() else " " for letter in str(text).encode("utf-8", "replace").decode("utf-8"))
    return SPECIAL.sub(r"\\\1", shown).replace("&", "&amp;")


def _section(title: str, lines: Iterable[str]) -> str:
    return f"## {title}\n\n" + "\n".join(lines)


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    body = ["| " + " | ".join(plain(cell) for cell in row) + " |" for row in rows]
    return ["| " + " | ".join(header) + " |", "|" + "---|" * len(header), *body]


def _front(export: Export, task: TaskAnalysis) -> str:
    kind = "question-answering" if export.task.kind == "qa" else "text-classification"
    library = {"adapter": "peft", "onnx": "onnx", "onnx-int8": "onnx"}.get(export.form, "transformers")
    facts: dict[str, Any] = {"library_name": library, "pipeline_tag": kind, "tags": ["bakeoff", export.task.kind]}
    if export.recipe.model is not None:
        facts["base_model"] = _hub_name(export.recipe.model.name)
    facts["datasets"], facts["metrics"] = [task.data.dataset], [task.bare_metric]
    return f"---\n{yaml.safe_dump(facts, sort_keys=False, allow_unicode=True).strip()}\n---"


def _hub_name(name: str) -> str:
    """What the hub calls a model of the catalog."""
    card = cards("model").get(name)
    return card.repository if isinstance(card, ModelCard) and card.repository else name


def _what(export: Export, analysis: Analysis, task: TaskAnalysis) -> str:
    base = export.recipe.model.name if export.recipe.model is not None else "nothing"
    return "\n".join(
        [
            f"# {plain(export.name)}",
            "",
            f"{plain(base)}, trained by the recipe {plain(export.recipe.name)} ({plain(export.recipe.method.name)}) on "
            f"{plain(task.data.dataset)}, seed {export.seed}: {FORMS[export.form]}.",
            f"Made by Bakeoff {plain(export.bakeoff)} from the study {plain(analysis.study)}"
            f"{f', profile {plain(analysis.profile)}' if analysis.profile else ''}.",
        ]
    )


def _use(export: Export, purpose: str) -> list[str]:
    lines = [
        "```bash",
        'bakeoff predict FOLDER "a text"        # labels by the thresholds below',
        "bakeoff serve FOLDER",
        "```",
        "",
    ]
    if export.form in ("onnx", "onnx-int8"):
        inputs = "`input_ids`, `attention_mask`" + (", `token_type_ids`" if export.pairs else "")
        return [*lines, f"`model.onnx` takes {inputs} as int64 [B, T], padded on the right, and gives `logits`."]
    kind = QUESTIONS if export.task.kind == "qa" else CLASSES[purpose]
    loading = [f'model = {kind}.from_pretrained("FOLDER").eval()']
    if export.form == "adapter":
        assert export.recipe.model is not None
        labels = "" if export.task.kind == "qa" else f", num_labels={len(export.decision.labels)}"
        loading = [
            f'base = {kind}.from_pretrained("{_hub_name(export.recipe.model.name)}"{labels})',
            'model = PeftModel.from_pretrained(base, "FOLDER").eval()',
        ]
    more = ["from peft import PeftModel"] if export.form == "adapter" else []
    code = [*more, f"import torch\nfrom transformers import {kind}, AutoTokenizer", *loading]
    code += ['tokenizer = AutoTokenizer.from_pretrained("FOLDER")']
    pair = ', ["the other text"]' if export.pairs else ""
    cut = '"only_second"' if export.task.kind == "qa" else "True"
    code += [f'given = tokenizer(["a text"]{pair}, truncation={cut}, max_length={export.task.max_length},']
    code += ['                  padding=True, return_tensors="pt")', "with torch.no_grad():"]
    if export.task.kind == "qa":
        code += ["    found = model(**given)                     # start_logits and end_logits of each token"]
    elif purpose == "sequence":
        code += ["    logits = model(**given).logits"]
    else:
        code += ["    token_logits, mask = model(**given).logits, given.attention_mask"]
        code += [f"    logits = {POOLING[export.recipe.pooling or 'mean']}"]
    note = (
        ["", "The head is linear, so pooling the logits of tokens is the same as pooling their vectors, as the recipe does."]
        if purpose == "token" and export.task.kind != "qa"
        else []
    )
    if export.task.kind == "qa" or (export.task.long_text or "truncate") != "truncate":
        note += ["", "This cuts off what is longer; `bakeoff predict` and `bakeoff serve` read it as the recipe does."]
    return [*lines, "```python", *code, "```", *note]


def _verdict(analysis: Analysis, task: TaskAnalysis, export: Export) -> list[str]:
    lines = []
    if analysis.conclusions is None:
        lines.append("There is none: trials of the study are still to run, and its test scores stay closed.")
    else:
        verdict = analysis.conclusions.verdict
        lines += [plain(verdict.paragraph), ""]
        lines += [
            f"- {plain(claim.text)}: **{claim.answer}**" for claim in analysis.conclusions.claims if claim.source == "claims"
        ]
        lines.append("")
    lines += [plain(words.headline(task)), ""]
    rows = [
        (
            entry.recipe + (" (this one)" if entry.recipe == export.recipe.name else ""),
            entry.rank or "–",
            words.summary(entry.score),
        )
        for entry in task.standings
    ]
    return [*lines, *_table(("recipe", "rank", f"{plain(task.metric)} on {task.split}, mean ± sd over seeds"), rows)]


def _this(export: Export, task: TaskAnalysis, trial: TrialAnalysis) -> list[str]:
    found = export.verification
    lines = []
    for split, scores in (("validation", trial.validation), ("test", trial.test)):
        if scores is not None:
            value = scores.scores.get(task.rule, {}).get(task.bare_metric)
            lines.append(
                f"- {plain(task.metric)} of this trial on {split}: {words.score(value)} ({scores.examples:,} examples)"
            )
    lines.append(
        f"- this export against the model that it was made of, in float32 on {found.examples:,} validation examples: largest "
        f"difference of an output {found.largest_difference:.1e} (largest output {found.largest_output:.3g}), "
        f"{found.changed:,} answers changed, {plain(found.metric)} {found.score:.4f} in place of {found.original:.4f}"
        f"{_span(found.low, found.high)}"
    )
    return lines


def _span(low: float, high: float) -> str:
    if not (low > float("-inf") and high < float("inf")):
        return ""
    return f" (95 % interval of the difference {100 * low:+.2f} to {100 * high:+.2f} points)"


def _labels(export: Export, data: DataFacts) -> list[str]:
    decision = export.decision
    if export.task.kind == "qa":
        shown = decision.thresholds[0] if decision.thresholds else 0.0
        return [f"No answer is given where its score is above that of the best answer by more than {shown:.4g}."]
    trained = data.positives.get("validation", [])
    rows = [
        (
            label,
            f"{decision.thresholds[place]:.4f}" if decision.thresholds else "the highest wins",
            trained[place] if place < len(trained) else "–",
        )
        for place, label in enumerate(decision.labels)
    ]
    fitted = "fitted on validation" if decision.rule in ("tuned", "per-label") else "as chosen"
    lines = [
        f"Rule: {plain(decision.rule)}, {fitted}. Temperature {decision.temperature:.4g}: logits are divided by it before they"
    ]
    lines += ["are shown as probabilities; it changes no decision.", ""]
    return [*lines, *_table(("label", "threshold", "positives in validation"), rows)]


def _data(data: DataFacts) -> list[str]:
    sizes = ", ".join(f"{count:,} {split}" for split, count in data.sizes.items())
    lines = [f"- {plain(data.dataset)}: {plain(data.summary or 'no card in the catalog')}", f"- rows used: {plain(sizes)}"]
    lines += [f"- source: {plain(data.source)}"] if data.source else []
    lines += [f"- terms: {plain(data.terms)}"] if data.terms else []
    return [*lines, f"- at most {data.max_length} tokens of a text were read", f"- fingerprint `{data.fingerprint}`"]


def _limits(export: Export, task: TaskAnalysis, trial: TrialAnalysis) -> list[str]:
    rare = [label for label, flag in zip(task.data.labels, task.data.rare.get("validation", []), strict=False) if flag]
    lines = [
        "- The scores hold for texts like those of the data above. What it says of other texts was not measured.",
        f"- The ranking is of recipes over seeds; this is one trained model of one of them (seed {export.seed}).",
    ]
    if rare:
        below = task.data.rare_below
        lines.append(
            f"- Labels with fewer than {below} positives in validation, of which little is known: {plain(', '.join(rare))}."
        )
    if export.task.kind == "multilabel":
        lines.append("- Thresholds were chosen on the validation examples; scores on these flatter.")
    lines += [f"- {plain(finding.text)} ({plain(finding.evidence)})" for finding in trial.findings]
    lines += [f"- The machine forced: {plain(deviation)}" for deviation in trial.deviations]
    return lines


def _recipe(export: Export) -> list[str]:
    body = export.recipe.model_dump(mode="json", exclude_none=True)
    return ["```yaml", yaml.safe_dump(body, sort_keys=False, allow_unicode=True).strip(), "```"]


def _again(export: Export, trial: TrialAnalysis) -> list[str]:
    packages = ", ".join(
        f"{key.removeprefix('packages.')} {value}"
        for key, value in sorted(trial.environment.items())
        if key.startswith("packages.")
    )
    target = shlex.quote(f"RUN:{export.recipe.name}")
    options = ["--task", shlex.quote(export.task.name), "--seed", str(export.seed), "--form", export.form]
    lines = [
        "```bash",
        f"bakeoff run study.yaml --only id={export.trial}      # study.yaml of the run folder",
        " ".join(["bakeoff export", target, *options]),
        "```",
        "",
        f"- trial `{export.trial}`",
    ]
    lines += [f"- made with {plain(packages)}"] if packages else []
    return [*lines, *(f"- `{name}`: SHA-256 `{entry.sha256}`" for name, entry in sorted(export.manifest.items()))]
