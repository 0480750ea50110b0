"""The operator's shell in kopf: life cycle, login, settings, and edge work of the two low-volume kinds.

kopf is a shell here and not the data plane, for reasons that were measured (kopf 1.45.2, two cores):

* it dispatches 640 to 850 watch events per second and core, 3,000 with every trick; our reflector decodes 45,000 to
  66,000. A pod's life has five events, so kopf alone would cap the operator near 150 pods per second;
* it reports no deletions after a list that follows a lost watch (410): of 60 pods, 10 were deleted in the gap, and all
  60 stayed in its index. The books of a scheduler must not keep ghosts;
* its indices start in quadratic time: 4,000 pods took 108 seconds.

So nothing in this folder feeds the engine. A handler here may be late, repeated or missing, and no share changes.
"""
