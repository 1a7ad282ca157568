"use strict";
// Texts of users and names of labels reach the page as text alone: nothing here makes markup of them.

const part = (id) => document.getElementById(id);
let models = [];

function headers() {
  const token = part("token").value;
  return token ? { authorization: `Bearer ${token}` } : {};
}

function complain(text) {
  part("problem").textContent = text;
  part("problem").hidden = !text;
}

async function fetchModels() {
  const answer = await fetch("models", { headers: headers() });
  if (answer.status === 401) {
    part("token-row").hidden = false;
    complain(part("token").value ? "This token is not the right one." : "This server asks for a token.");
    return;
  }
  if (!answer.ok) {
    complain((await answer.json()).detail);
    return;
  }
  complain("");
  models = await answer.json();
  part("model").replaceChildren(...models.map((model) => new Option(model.name, model.name)));
  show();
}

function chosen() {
  return models.find((model) => model.name === part("model").value);
}

function show() {
  const model = chosen();
  if (!model) return;
  const questions = model.kind === "qa";
  part("facts").textContent = `${model.kind}, ${model.form}, trial ${model.trial}`;
  part("second-row").hidden = !model.pairs;
  part("text-name").textContent = questions ? "Question" : "Text";
  part("second-name").textContent = questions ? "Context" : "Second text";
  part("result").hidden = true;
}

function row(label, score, threshold, given) {
  const line = document.createElement("tr");
  line.className = given ? "given" : "";
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.value = score;
  bar.setAttribute("aria-label", label);
  for (const content of [label, score.toFixed(3), bar, threshold === undefined ? "" : threshold.toFixed(3)]) {
    const cell = line.insertCell();
    if (content === bar) cell.className = "bar";
    cell.append(content);
  }
  return line;
}

function tell(model, prediction, milliseconds) {
  const answers = prediction.answer !== null;
  const labels = prediction.labels.length ? prediction.labels.join(", ") : "none of the labels";
  part("said").textContent = answers ? prediction.answer || "no answer in this context" : labels;
  part("timing").textContent = `${milliseconds.toFixed(0)} ms, the way there and back included`;
  const rows = model.labels
    .map((label, place) => [label, prediction.scores[label], model.thresholds[place], prediction.labels.includes(label)])
    .sort((one, other) => other[1] - one[1]);
  part("scores").replaceChildren(...(answers ? [] : rows.map((values) => row(...values))));
  part("scores").parentElement.hidden = answers;
  part("result").hidden = false;
}

async function ask(event) {
  event.preventDefault();
  const model = chosen();
  if (!model) {
    await fetchModels();
    return;
  }
  const button = document.querySelector("button");
  button.disabled = true;
  const began = performance.now();
  try {
    const body = { model: model.name };
    if (model.pairs) body.pairs = [[part("text").value, part("second").value]];
    else body.texts = [part("text").value];
    const answer = await fetch("predict", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers() },
      body: JSON.stringify(body),
    });
    const found = await answer.json();
    complain(answer.ok ? "" : found.detail);
    if (answer.ok) tell(model, found.predictions[0], performance.now() - began);
  } catch {
    complain("The server does not answer.");
  } finally {
    button.disabled = false;
  }
}

part("ask").addEventListener("submit", ask);
part("model").addEventListener("change", show);
part("token").addEventListener("change", fetchModels);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey && event.key === "Enter") part("ask").requestSubmit();
});
fetchModels().catch(() => complain("The server does not answer."));
