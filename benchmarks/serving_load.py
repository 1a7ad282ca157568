"""What micro-batching is worth under load: `bakeoff serve` with it and without, asked by 32 clients at once.

    bakeoff run demo --only recipe=bce,seed=42
    bakeoff export runs/demo-default:bce
    python benchmarks/serving_load.py runs/demo-default/exports/demo-bce-s42 [--pairs 7] [--requests 1000]

Two servers stand side by side, one that answers requests together and one that answers one text after another
(`--batch-rows 1`); they are asked in turn. Each client waits for its answer before it asks again, one short comment of
GoEmotions a request, on a connection that it keeps. Both have one thread for the model, and neither refuses what has to wait.
Latencies are those that clients see.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from measuring import keep, median_with_interval
from prediction_speed import percentiles, texts_of

CLIENTS = 32
SIDES = {"batch 1": "1", "micro-batching": "256"}


@contextmanager
def server(model: str, batch_rows: str) -> Iterator[int]:
    """A server; its port."""
    command = [sys.executable, "-m", "bakeoff", "serve", model, "--port", "0", "--threads", "1"]
    command += ["--batch-rows", batch_rows, "--queue-seconds", "60"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        port = next(int(found.group(1)) for line in lines if (found := re.search(r"http://127\.0\.0\.1:(\d+)/", line)))
        while '"ok"' not in fetch(port, "health"):
            time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait()


def fetch(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=60) as answer:
        return str(answer.read().decode())


def batches(port: int) -> tuple[float, float]:
    """Rows and batches that the server has answered."""
    text = fetch(port, "metrics")
    rows, count = (re.search(rf"^bakeoff_batch_rows_{name} (\S+)$", text, re.M) for name in ("sum", "count"))
    return (float(rows.group(1)), float(count.group(1))) if rows and count else (0.0, 0.0)


async def client(port: int, texts: Iterator[str], spent: list[float], statuses: list[int]) -> None:
    """Asks one text after another."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for text in texts:
        body = json.dumps({"texts": [text]}).encode()
        kind = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        began = time.perf_counter()
        writer.write(f"POST /predict HTTP/1.1\r\nhost: localhost\r\n{kind}".encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", answer)
        assert length is not None, answer
        found = await reader.readexactly(int(length.group(1)))
        spent.append(1000 * (time.perf_counter() - began))
        statuses.append(int(answer[9:12]))
        assert answer[9:12] != b"200" or b'"predictions"' in found
    writer.close()


def load(port: int, texts: list[str]) -> dict[str, Any]:
    """All clients at once."""
    spent: list[float] = []
    statuses: list[int] = []
    before, left = batches(port), iter(texts)

    async def crowd() -> None:
        await asyncio.gather(*(client(port, left, spent, statuses) for _ in range(CLIENTS)))

    began = time.perf_counter()
    asyncio.run(crowd())
    seconds = time.perf_counter() - began
    after = batches(port)
    return {
        "requests_per_second": round(statuses.count(200) / seconds, 1),
        **percentiles(spent),
        "refused": len(statuses) - statuses.count(200),
        "rows_a_batch": round((after[0] - before[0]) / max(after[1] - before[1], 1), 1),
    }


def main() -> None:
    """Ask both in turn and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--form", default="merged")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--requests", type=int, default=1000)
    options = parser.parse_args()
    model, texts = str(Path(options.folder) / options.form), texts_of(options.requests)
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    with ExitStack() as stack:
        ports = {side: stack.enter_context(server(model, rows)) for side, rows in SIDES.items()}
        for port in ports.values():
            load(port, texts[:100])
        for _ in range(options.pairs):
            for side, port in ports.items():
                runs[side].append(load(port, texts))
                print(side, runs[side][-1], flush=True)
    pairs = list(zip(runs["micro-batching"], runs["batch 1"], strict=True))
    body = {
        "clients": CLIENTS,
        "times_as_many_requests": median_with_interval(
            [one["requests_per_second"] / other["requests_per_second"] for one, other in pairs]
        ),
        "median": {
            side: {key: statistics.median(one[key] for one in found) for key in found[0]} for side, found in runs.items()
        },
        "runs": runs,
    }
    print(json.dumps({key: value for key, value in body.items() if key != "runs"}, indent=1))
    keep("serving_load", f"python benchmarks/serving_load.py {' '.join(sys.argv[1:])}", body)


if __name__ == "__main__":
    main()
