"""Who works on what and when: the reconciler's decisions, the doorbell of the service, the driver of local mode."""
