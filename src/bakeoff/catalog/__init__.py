"""Cards of all that a study can name: model, method, loss, treatment, dataset, task, metric."""
