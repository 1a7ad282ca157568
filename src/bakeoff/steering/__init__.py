"""What runs next, from results so far: phases and sweeps. They read results and write the next plan; test stays closed."""
