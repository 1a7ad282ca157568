"""Files from outside: model files located and checked, files of the hub downloaded and verified."""
