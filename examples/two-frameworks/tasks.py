"""Print the Tasks of both frameworks as YAML, for `kubectl create -f -`.

All Tasks have one shape, 1 CPU and 2Gi, which divides nodes of 8 CPU and 16Gi evenly: nothing is left over on a node,
so shares can come as close to what is due as one task. They run 4 to 8 seconds, in an order that is the same each time.
The Tasks of the two frameworks alternate, so that neither has a head start.
"""

import argparse
import sys

FRAMEWORKS = (("analytics", "reports"), ("training", "models"))
SHORTEST, LONGEST = 4, 8

TASK = """\
apiVersion: entresol.dev/v1alpha1
kind: Task
metadata:
  name: {framework}-{number:04d}
  namespace: {namespace}
spec:
  frameworkRef:
    name: {framework}
  expectedRuntimeSeconds: {seconds}
  template:
    metadata:
      annotations:
        devcluster.entresol.dev/run-seconds: "{seconds}"   # tells a simulated kubelet what `sleep` tells a real one
    spec:
      containers:
        - name: main
          image: busybox:1.37
          command: [sleep, "{seconds}"]
          resources:
            requests: {{cpu: "1", memory: 2Gi}}
"""


def manifests(tasks: int) -> str:
    """All Tasks as one YAML stream: `tasks` for each framework, numbered from 0."""
    documents = []
    for number in range(tasks):
        seconds = SHORTEST + number * 3 % (LONGEST - SHORTEST + 1)
        for namespace, framework in FRAMEWORKS:
            documents.append(TASK.format(namespace=namespace, framework=framework, number=number, seconds=seconds))
    return "---\n".join(documents)


def main() -> None:
    """Read the number of Tasks from the command line."""
    parser = argparse.ArgumentParser(description="Print the Tasks of both frameworks as YAML.")
    parser.add_argument("--tasks", type=int, default=240, help="Tasks of each framework (default: %(default)s)")
    sys.stdout.write(manifests(parser.parse_args().tasks))


if __name__ == "__main__":
    main()
