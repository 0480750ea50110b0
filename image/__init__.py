"""The operator's image, built without a daemon, a registry or root: the same bits for the same inputs."""
