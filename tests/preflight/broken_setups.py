"""Broken set-ups: how each is broken, and what is found."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from preflight_setups import Setup
from safetensors.numpy import load_file, save_file

from bakeoff.data.dataset import write_dataset
from bakeoff.data.importing import import_dataset, packaged_folder
from bakeoff.data.rows import Import, Row
from bakeoff.data.store import find_dataset
from bakeoff.preflight.findings import Severity
from bakeoff.preflight.gpus import Gpu, Gpus, User
from bakeoff.preflight.machine import Package

GB = 10**9
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def missing_weights(setup: Setup) -> None:
    (setup.model / "model.safetensors").unlink()


def cut_weights(setup: Setup) -> None:
    path = setup.model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def missing_config(setup: Setup) -> None:
    (setup.model / "config.json").unlink()


def missing_tokenizer(setup: Setup) -> None:
    (setup.model / "tokenizer.json").unlink()


def torn_tokenizer(setup: Setup) -> None:
    (setup.model / "tokenizer.json").write_text("{}", encoding="utf8")


def torn_tokenizer_config(setup: Setup) -> None:
    (setup.model / "tokenizer_config.json").write_text("{", encoding="utf8")


def nonsense_config(setup: Setup) -> None:
    config(setup, num_hidden_layers="two", vocab_size=True, max_position_embeddings=[64], auto_map={}, pad_token_id="zero")


def config(setup: Setup, **changes: object) -> None:
    path = setup.model / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}), encoding="utf8")


def wrong_tokenizer(setup: Setup) -> None:
    path = setup.model / "tokenizer.json"
    body = json.loads(path.read_text(encoding="utf8"))
    body["model"]["vocab"] |= {f"strange{number}": number for number in range(1000, 1010)}
    path.write_text(json.dumps(body), encoding="utf8")


def without_sentencepiece(setup: Setup) -> None:
    (setup.model / "tokenizer.json").unlink()
    (setup.model / "spm.model").write_bytes(b"pieces")
    lost = Package("sentencepiece", "", ">=0.2", False)
    setup.machine = dataclasses.replace(setup.machine, packages={**setup.machine.packages, "sentencepiece": lost})


def torn_sentencepiece(setup: Setup) -> None:
    (setup.model / "tokenizer.json").unlink()
    (setup.model / "spm.model").write_bytes(b"no pieces")


def pooler_missing(setup: Setup) -> None:
    path = setup.model / "model.safetensors"
    save_file({name: tensor for name, tensor in load_file(path).items() if "pooler" not in name}, path)
    setup.change("bce: {loss: bce}", "bce: {loss: bce, pooling: pooler}")


def other_vocabulary(setup: Setup) -> None:
    path = setup.model / "model.safetensors"
    tensors = load_file(path)
    name = next(name for name in tensors if name.endswith("word_embeddings.weight"))
    save_file({**tensors, name: tensors[name][:-7].copy()}, path)


def unknown_architecture(setup: Setup) -> None:
    config(setup, model_type="sorcerer")


def encoder_decoder(setup: Setup) -> None:
    config(setup, is_encoder_decoder=True)


def dataset_missing(setup: Setup) -> None:
    setup.change("dataset: demo", "dataset: goemotions")


def demo_rows(setup: Setup) -> dict[str, list[Row]]:
    dataset = import_dataset(setup.home, "demo", packaged_folder("demo"))
    rows = {}
    for split in dataset.splits:
        targets = dataset.targets(split)
        labels = [tuple(int(position) for position in line.nonzero()[0]) for line in targets]
        rows[split] = [Row(*row) for row in zip(dataset.ids(split), dataset.texts(split), labels, strict=True)]
    return rows


def stored(setup: Setup, name: str, rows: dict[str, list[Row]], labels: tuple[str, ...] | None = None) -> None:
    """Store rows under a name, as a reader without the published counts would."""
    found = labels or find_dataset(setup.home, "demo").labels
    write_dataset(setup.home, Import(name, found, rows))
    setup.change("dataset: demo", f"dataset: {name}")


def one_row_short(setup: Setup) -> None:
    path = find_dataset(setup.home, "demo").folder / "train.ids.i64"
    path.write_bytes(path.read_bytes()[:-8])


def byte_flipped(setup: Setup) -> None:
    rows = demo_rows(setup)
    stored(setup, "goemotions", rows)
    path = find_dataset(setup.home, "goemotions").folder / "test.texts.utf8"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(bytes(content))


def fewer_rows_than_published(setup: Setup) -> None:
    stored(setup, "goemotions", demo_rows(setup))


def other_labels(setup: Setup) -> None:
    rows = demo_rows(setup)
    labels = find_dataset(setup.home, "demo").labels
    stored(setup, "goemotions", rows, ("wonder", *labels[1:]))


def no_test_split(setup: Setup) -> None:
    rows = demo_rows(setup)
    stored(setup, "goemotions", {"train": rows["train"], "validation": rows["validation"]})


def leaked_test(setup: Setup) -> None:
    rows = demo_rows(setup)
    again = [Row(f"test-{row.id}", row.text.upper() + " ", row.labels) for row in rows["train"][:80]]
    stored(setup, "goemotions", {**rows, "test": again})


def no_disk(setup: Setup) -> None:
    setup.run_dir = setup.folder / "elsewhere"
    setup.machine = dataclasses.replace(setup.machine, free_disks={setup.run_dir.absolute(): 1000})


def home_without_disk(setup: Setup) -> None:
    setup.machine = dataclasses.replace(setup.machine, free_disks={setup.home.root: 10})


def run_folder_unwritable(setup: Setup) -> None:
    setup.run_dir = Path("/proc/bakeoff")


def run_folder_is_file(setup: Setup) -> None:
    (setup.folder / "runs").write_text("", encoding="utf8")


def little_memory(setup: Setup) -> None:
    """A batch that makes up most of the memory, and enough for an eighth of it at a time."""
    large = (*setup.overrides, "defaults.training.batch_size=4096")
    setup.overrides = (*large, "defaults.training.micro_batch_size=512")
    enough = setup.subject().forecast.peak_bytes.expected
    setup.overrides = large
    setup.machine = dataclasses.replace(setup.machine, memory_free=round(enough))


def context_too_long(setup: Setup) -> None:
    setup.change("max_length: 60", "max_length: 65")


def most_texts_cut(setup: Setup) -> None:
    setup.change("max_length: 60", "max_length: 8")


def with_gpus(setup: Setup, *gpus: Gpu, **facts: object) -> None:
    found = dataclasses.replace(Gpus(tuple(gpus), "580.1", (13, 0)), **facts)  # type: ignore[arg-type]
    setup.machine = dataclasses.replace(setup.machine, gpus=found, torch_cuda="13.0")


def two_devices_on_one_gpu(setup: Setup) -> None:
    with_gpus(setup, Gpu(0, "H200", 140 * GB, 139 * GB))
    setup.change("bce: {loss: bce}", "bce: {loss: bce, devices: 2}")


def fp16_without_gpu(setup: Setup) -> None:
    setup.change("precision: fp32", "precision: fp16")


def gpu_in_use(setup: Setup) -> None:
    with_gpus(setup, Gpu(0, "H200", 140 * GB, 100 * GB, (User(77, "python", 40 * GB),)))


def torch_without_cuda(setup: Setup) -> None:
    with_gpus(setup, Gpu(0, "H200", 140 * GB, 139 * GB))
    setup.machine = dataclasses.replace(setup.machine, torch_cuda="")


def old_driver(setup: Setup) -> None:
    with_gpus(setup, Gpu(0, "T4", 16 * GB, 16 * GB), driver="470.1", driver_cuda=(11, 4))


def silent_gpus(setup: Setup) -> None:
    problem = "2 GPUs are there, and nothing can tell their memory, users or driver"
    setup.machine = dataclasses.replace(setup.machine, gpus=Gpus(problem=problem, remedy="pip install nvidia-ml-py"))


def fp16_deberta(setup: Setup) -> None:
    from bakeoff.testing.models import make_tiny_model

    shutil.rmtree(setup.model)
    make_tiny_model(setup.model, "deberta-v2")
    with_gpus(setup, Gpu(0, "H200", 140 * GB, 139 * GB))
    setup.change("precision: fp32", "precision: fp16")


def one_seed(setup: Setup) -> None:
    setup.change("seeds: [1, 2, 3, 4, 5]", "seeds: [1]")


def obsolete_nccl(setup: Setup) -> None:
    setup.with_environment(NCCL_ASYNC_ERROR_HANDLING="1")


def obsolete_cache(setup: Setup) -> None:
    setup.with_environment(TRANSFORMERS_CACHE="/models")


def dangerous_tf32(setup: Setup) -> None:
    setup.with_environment(NVIDIA_TF32_OVERRIDE="1")


def pinned_threads(setup: Setup) -> None:
    setup.with_environment(GOMP_CPU_AFFINITY="0")


def offline_with_missing_data(setup: Setup) -> None:
    dataset_missing(setup)
    setup.with_environment(HF_HUB_OFFLINE="1")


def old_package(setup: Setup) -> None:
    old = Package("transformers", "4.57.0", ">=5.4", False)
    setup.machine = dataclasses.replace(setup.machine, packages={**setup.machine.packages, "transformers": old})


def clock_never_set(setup: Setup) -> None:
    setup.machine = dataclasses.replace(setup.machine, now=12.0)


def unknown_key(setup: Setup) -> None:
    setup.change("seeds:", "sedes:")


def hub_model_missing(setup: Setup) -> None:
    setup.change("model: ./model", f"model: acme/encoder@{COMMIT}")


E, W = Severity.ERROR, Severity.WARNING
BROKEN: dict[str, tuple[Callable[[Setup], None], Severity, str, str, str]] = {
    "missing weights": (missing_weights, E, "models", "no model.safetensors", "name the folder of a whole model"),
    "cut safetensors": (cut_weights, E, "models", "not a whole safetensors file", "fetch or export the model again"),
    "missing configuration": (missing_config, E, "models", "no config.json", "name the folder of a whole model"),
    "missing tokenizer": (missing_tokenizer, E, "models", "no tokenizer", "save the tokenizer beside the model"),
    "torn tokenizer": (torn_tokenizer, E, "model-tokenizers", "cannot be read", "fetch or export"),
    "torn tokenizer settings": (torn_tokenizer_config, E, "model-tokenizers", "not valid JSON", "fetch or export"),
    "nonsense in the configuration": (nonsense_config, E, "model-weights", "no whole number for vocab_size", "fetch or export"),
    "wrong tokenizer": (wrong_tokenizer, E, "model-tokenizers", "is another model's", "that the model was trained with"),
    "missing SentencePiece": (without_sentencepiece, E, "model-tokenizers", "not installed", "pip install sentencepiece"),
    "torn SentencePiece": (torn_sentencepiece, E, "model-tokenizers", "cannot be read", "fetch or export"),
    "weights of another shape": (other_vocabulary, E, "model-weights", "rows of token vectors", "fetch or export"),
    "a pooler missing": (pooler_missing, E, "model-heads", "its weights have none", "--set recipes.bce.pooling=mean"),
    "unknown architecture": (unknown_architecture, E, "model-architecture", "sorcerer", "upgrade transformers"),
    "encoder and decoder": (encoder_decoder, E, "model-architecture", "with a decoder", "choose an encoder"),
    "model not fetched": (hub_model_missing, E, "models", "acme/encoder", "bakeoff model fetch acme/encoder --revision"),
    "dataset not here": (dataset_missing, E, "datasets", "goemotions is not here", "bakeoff fetch "),
    "a byte flipped": (byte_flipped, E, "datasets", "was changed", "bakeoff data import goemotions FOLDER"),
    "fewer rows than published": (fewer_rows_than_published, E, "dataset-rows", "train of goemotions", "bakeoff data fetch"),
    "another label set": (other_labels, E, "dataset-labels", "not known: wonder", "bakeoff data fetch goemotions"),
    "no test split": (no_test_split, E, "dataset-rows", "test of goemotions has 0 rows", "bakeoff data fetch goemotions"),
    "a leaked test file": (leaked_test, E, "dataset-leaks", "stand in train", "drop those rows"),
    "no disk for the run": (no_disk, E, "disk", "only 0.0 GB are free", "free some space, name another disk"),
    "no disk for the home": (home_without_disk, E, "disk", "will be written", "set BAKEOFF_HOME"),
    "a read-only run folder": (run_folder_unwritable, E, "permissions", "the run folder cannot be written", "--run-dir"),
    "a file for a folder": (run_folder_is_file, E, "permissions", "runs is no folder", "--run-dir"),
    "little memory": (little_memory, E, "memory", "needs about", "micro_batch_size=512"),
    "context too long": (context_too_long, E, "model-context", "more than the 64 tokens", "--set tasks.demo.max_length=64"),
    "most texts cut": (most_texts_cut, W, "text-lengths", "max_length 8 cuts", "--set tasks.demo.max_length="),
    "two devices on one GPU": (two_devices_on_one_gpu, E, "gpus", "among 2 GPUs, and 1 is there", "recipes.bce.devices=1"),
    "a GPU asked for": (
        fp16_without_gpu,
        E,
        "gpus",
        "needs a GPU, and there is none",
        "--set recipes.bce.training.precision=auto",
    ),
    "a GPU in use": (gpu_in_use, W, "gpus", "used by process 77 python", "CUDA_VISIBLE_DEVICES"),
    "a torch without CUDA": (torch_without_cuda, W, "gpus", "build without CUDA", "pip install"),
    "an old driver": (old_driver, E, "gpus", "CUDA 11.4 at most", "install a newer driver"),
    "silent GPUs": (silent_gpus, W, "gpus", "nothing can tell", "pip install nvidia-ml-py"),
    "fp16 on a DeBERTa": (fp16_deberta, E, "study", "overflows in fp16", "write bf16, fp32, auto"),
    "one seed only": (one_seed, W, "seeds", "one seed shows nothing of chance", "--set 'seeds=[42, 1337, 2024, 7, 99]'"),
    "obsolete NCCL names": (obsolete_nccl, W, "obsolete-variables", "NCCL_ASYNC_ERROR_HANDLING", "unset NCCL_ASYNC"),
    "obsolete cache": (obsolete_cache, W, "obsolete-variables", "TRANSFORMERS_CACHE", "export HF_HOME=/models"),
    "TF32 forced": (dangerous_tf32, W, "dangerous-variables", "NVIDIA_TF32_OVERRIDE", "unset NVIDIA_TF32_OVERRIDE"),
    "threads pinned": (pinned_threads, W, "thread-variables", "GOMP_CPU_AFFINITY", "unset GOMP_CPU_AFFINITY"),
    "offline, data missing": (
        offline_with_missing_data,
        W,
        "offline-variables",
        "1 of what is needed is missing",
        "unset HF_HUB_OFFLINE",
    ),
    "an old package": (old_package, E, "packages", "transformers is too old", "pip install 'transformers>=5.4'"),
    "a clock never set": (clock_never_set, W, "clock", "1970-01-01", "timedatectl set-ntp true"),
    "an unknown key": (unknown_key, E, "study", "sedes", "write seeds"),
}
