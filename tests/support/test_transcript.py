"""What a page shows of a terminal, read and compared."""

import pytest

from tests.support.transcript import File, PageError, Step, agrees, lines_of, steps

PAGE = """
Text.

```yaml title="role.yaml"
kind: FrameworkRole
```

```console
$ kubectl apply -f role.yaml
frameworkrole created
$ kubectl get \\
    frole
NAME
…
$ true
```

<!-- fails -->
```console
$ false
```

* in a list

    ```console
    $ echo 1
    1
    ```

```console-norun
$ reboot
```
"""


def test_a_page_is_read_in_order() -> None:
    assert steps(PAGE) == [
        File(4, "role.yaml", "kind: FrameworkRole\n"),
        Step(9, "kubectl apply -f role.yaml", ("frameworkrole created",)),
        Step(11, "kubectl get \\\n    frole", ("NAME", "…")),
        Step(15, "true", ()),
        Step(20, "false", (), fails=True),
        Step(26, "echo 1", ("1",)),
    ]


def test_a_transcript_begins_with_a_command() -> None:
    with pytest.raises(PageError, match="line 1: a console block must begin with"):
        steps("```console\noutput\n```\n")


AGREES: dict[str, tuple[str, str, bool]] = {
    "the same": ("a\nb", "a\nb", True),
    "nothing and nothing": ("", "", True),
    "something where nothing is shown": ("", "a", False),
    "a line less": ("a\nb", "a", False),
    "a line more": ("a", "a\nb", False),
    "another line": ("a\nb", "a\nc", False),
    "columns of other widths": ("NAME  AGE\nx     y", "NAME      AGE\nx         y", True),
    "blanks where there are none": ("a b", "ab", False),
    "another age at the end of a line": ("x  7s", "x  2m10s", True),
    "an age where there is none": ("x  7s", "x", False),
    "any characters": ("pod/a-… created", "pod/a-1x2 created", True),
    "no characters": ("a…b", "ab", True),
    "other characters around any": ("pod/a-… created", "pod/b-1 created", False),
    "signs that mean something in patterns": ("a.b (c)", "axb c", False),
    "any lines": ("a\n…\nd", "a\nb\nc\nd", True),
    "no lines": ("a\n…\nd", "a\nd", True),
    "any lines at the end": ("a\n…", "a\nb\nc", True),
    "any lines, and then another": ("a\n…\nd", "a\nb", False),
    "any lines twice": ("…\nb\n…", "a\nb\nb\nc", True),
}


@pytest.mark.parametrize(("want", "got", "result"), AGREES.values(), ids=AGREES)
def test_what_was_printed_is_what_is_shown(want: str, got: str, result: bool) -> None:
    assert agrees(lines_of(want), lines_of(got)) is result
