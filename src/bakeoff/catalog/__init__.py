"""Cards of all that a study can name: model, method, loss, sampling, augmentation, dataset, task, metric."""
