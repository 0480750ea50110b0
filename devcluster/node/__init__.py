"""Real Kubernetes nodes: containerd and a kubelet each, with real containers, beside simulated ones.

Everything runs inside namespaces of its own (`sandbox`), whose end is the clean-up. Linux and root are needed;
the packages are Debian's.
"""
