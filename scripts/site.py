"""A hook of mkdocs: links of a page that lead to other files of the repository.

The pages are read in two places. In the repository a link such as `../../helm/entresol/README.md` leads somewhere; on
the site there is only what is in docs/. With `extra.source` set to where the repository can be browsed, the link leads
there; otherwise its text stays, and the name of the file behind it.
"""

import re
from pathlib import Path
from typing import Any

_LINK = re.compile(r"\[([^\]\n]+)\]\(((?:\.\./)+[^)#\s]+)(#[^)\s]*)?\)")
_CODE = re.compile(r"^(?:```|~~~).*?^(?:```|~~~)", re.MULTILINE | re.DOTALL)


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Called by mkdocs for every page."""
    docs = Path(config["docs_dir"])
    source = str((config["extra"] or {}).get("source", "")).rstrip("/")
    here = docs / Path(page.file.src_uri).parent

    def led(found: re.Match[str]) -> str:
        text, path, anchor = found[1], found[2], found[3] or ""
        target = (here / path).resolve()
        if target.is_relative_to(docs.resolve()):
            return found[0]
        name = target.relative_to(docs.resolve().parent).as_posix()
        if source:
            return f"[{text}]({source}/{name}{anchor})"
        return text if name in text else f"{text} (`{name}`)"

    return _outside_code(markdown, led)


def _outside_code(markdown: str, led: Any) -> str:
    parts, last = [], 0
    for block in _CODE.finditer(markdown):
        parts += [_LINK.sub(led, markdown[last : block.start()]), block[0]]
        last = block.end()
    return "".join([*parts, _LINK.sub(led, markdown[last:])])
