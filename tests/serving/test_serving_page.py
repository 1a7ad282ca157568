"""The page to try models by hand, in a browser, with thirty payloads as names, labels, texts and answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asking import every_kind, running, wait_for
from bakeoff.records.serving import Served, ServeOrder
from bakeoff.serving.deciding import Said
from bakeoff.serving.rows import Texts
from chromium import CHROMIUM, MISSING, Chromium
from kept import Kept
from payloads import PAYLOADS

READY = "typeof part === 'function' && part('model').options.length === 2"
ASK = """new Promise(done => {
  const told = () => part('result').hidden || done(part('result').innerText);
  new MutationObserver(told).observe(part('result'), {attributes: true});
  part('text').value = %r; part('second').value = %r; part('ask').requestSubmit();
})"""
CHOOSE = "part('model').selectedIndex = {0}; part('model').dispatchEvent(new Event('change')); part('facts').innerText"


class Answering:
    """Gives every label to a text, and answers questions by their context."""

    def __init__(self, served: Served) -> None:
        self.served = served

    def predict(self, texts: Texts) -> Said:
        rows, labels = len(texts.first), len(self.served.decision.labels)
        if self.served.task.kind == "qa":
            return Said(np.ones((rows, 1)), [], list(texts.second or ()))
        return Said(np.full((rows, labels), 0.5), [list(range(labels))] * rows)


def hostile(order: ServeOrder) -> ServeOrder:
    """Models of texts and of questions, every name and label of which is a payload."""
    texts, questions = order.models[0], order.models[3]
    decision = texts.decision.model_copy(update={"labels": list(PAYLOADS), "thresholds": [0.5] * len(PAYLOADS)})
    models = [
        texts.model_copy(update={"name": PAYLOADS[0], "trial": PAYLOADS[1], "decision": decision}),
        questions.model_copy(update={"name": PAYLOADS[5], "trial": PAYLOADS[20]}),
    ]
    return order.model_copy(update={"models": models})


@pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
def test_no_name_label_text_or_answer_becomes_more_than_text(kept: Kept, tmp_path: Path) -> None:
    order = hostile(every_kind(kept))
    answering = [Answering(served) for served in order.models]
    with running(order, lambda: answering) as client, Chromium(tmp_path / "profile") as browser:  # type: ignore[arg-type, return-value]
        address = f"http://127.0.0.1:{client.port}/"
        browser.open(address, unguarded=True)
        wait_for(lambda: browser.evaluate(READY))
        assert PAYLOADS[1] in browser.evaluate(CHOOSE.format(0))
        shown = browser.evaluate(ASK % (PAYLOADS[2], ""))
        assert all(payload in shown for payload in PAYLOADS)
        assert PAYLOADS[20] in browser.evaluate(CHOOSE.format(1))
        for payload in PAYLOADS[::7]:
            assert payload in browser.evaluate(ASK % (payload, payload))
            browser.evaluate("part('result').hidden = true")
        assert browser.evaluate("[...part('model').options].map(one => one.text)") == [PAYLOADS[0], PAYLOADS[5]]
        assert browser.evaluate("document.documentElement.hasAttribute('data-ran')") is False
        assert browser.evaluate("document.querySelectorAll('script, iframe, img, object, base, svg').length") == 1
        assert [one for one in browser.requests if not one.startswith((address, "data:"))] == []
