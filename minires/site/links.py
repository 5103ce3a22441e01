"""Makes links of what a text mentions, "lesson 12", arXiv:1512.03385, `F.relu_forward`, and links back."""

import collections
import importlib
import re

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform

LESSONS = re.compile(r"\b[Ll]essons? \d+(?:(?:,? (?:and|to|or) |, )\d+)*")
LESSON = re.compile(r"(?:[Ll]essons? )?(\d+)")
PAPER = re.compile(r"\barXiv:(\d{4}\.\d{4,5})")
NAME = re.compile(r"[A-Za-z_][\w.]*(?=(\(\))?$)")
PROPER = re.compile(r"[A-Z]|\w_\w")  # in a name that is meant wherever it stands by itself
# Within these nothing becomes a link.
LEFT = (nodes.reference, nodes.title, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw)
LEFT += (addnodes.pending_xref, addnodes.desc_signature, addnodes.toctree, nodes.literal)


class Links(SphinxPostTransform):
    """Puts links around mentions in texts, not in headings."""

    default_priority = 5  # before Sphinx resolves references

    def run(self, **kwargs):
        found = [(re.fullmatch(r"lessons/(\d\d)_.*", name), name) for name in self.env.found_docs]
        lessons = {int(match[1]): name for match, name in found if match}
        for code in [code for code in self.document.findall(nodes.literal) if not _is_left(code)]:
            match = NAME.match(code.astext())
            entry = match and names(self.env).get(match[0])
            if entry:
                uri = f"{self._uri(entry.docname)}#{entry.node_id}"
                link = nodes.reference("", "", code.deepcopy(), internal=True, refuri=uri)
                code.parent.replace(code, link)
        for text in [text for text in self.document.findall(nodes.Text) if not _is_left(text)]:
            links = sorted([*self._mentions(text, lessons), *_papers(text)])
            if links:
                text.parent.replace(text, _with_links(text, links))

    def _uri(self, document):
        return self.app.builder.get_relative_uri(self.env.docname, document)

    def _mentions(self, text, lessons):
        """Yield (start, end, address) of each lesson that is mentioned, this one apart."""
        for match in LESSONS.finditer(text):
            for one in LESSON.finditer(text, *match.span()):
                document = lessons.get(int(one[1]))
                if document and document != self.env.docname:
                    yield *one.span(), self._uri(document)


def _papers(text):
    return [(*match.span(), f"https://arxiv.org/abs/{match[1]}") for match in PAPER.finditer(text)]


def _with_links(text, links):
    """Return the nodes for a text with links, which are [(start, end, address)] in their order."""
    found, after = [], 0
    for start, end, address in links:
        internal = not address.startswith("https:")
        found += [nodes.Text(text[after:start])] if start > after else []
        found.append(nodes.reference("", text[start:end], refuri=address, internal=internal))
        after = end
    return found + ([nodes.Text(text[after:])] if text[after:] else [])


def _is_left(node):
    """Return whether a node is part of what stays as it is."""
    while node.parent is not None:
        node = node.parent
        if isinstance(node, LEFT):
            return True
    return False


def add_uses(app, doctree, document):
    """Say below each function and class of the reference which lessons and pages use it."""
    uses = _uses(app.env)
    for described in list(doctree.findall(addnodes.desc)):
        users = [user for name in described[0]["ids"] for user in uses.get(name, ())]
        if users:
            paragraph = nodes.paragraph("", "Used in ", classes=["uses"])
            for number, (user, title) in enumerate(users):
                uri = app.builder.get_relative_uri(document, user)
                paragraph += [nodes.Text(", ")] if number else []
                paragraph += nodes.reference("", title, refuri=uri, internal=True)
            described[-1] += paragraph


def _uses(env):
    """Return {full name: [(document, title)]} of what code uses it, as sphinx-codeautolink has found."""
    if not hasattr(env, "minires_uses"):
        env.minires_uses = {}
        for document, blocks in sorted(env.sphinx_codeautolink_transforms.items()):
            number = re.fullmatch(r"lessons/(\d\d)_.*", document)
            title = f"lesson {int(number[1])}" if number else env.titles[document].astext()
            used = {name.resolved_location for block in blocks for name in block.names}
            for name in sorted(used) if not document.startswith("api/") else ():
                env.minires_uses.setdefault(name, []).append((document, title))
    return env.minires_uses


def names(env):
    """Return {name: what Sphinx knows of it} of all that is documented, by every name that people use:
    `minires.functional.relu_forward`, `functional.relu_forward`, `F.relu_forward`, `relu_forward`."""
    if hasattr(env, "minires_names"):
        return env.minires_names
    entries = dict(env.domains["py"].objects)
    found, short = dict(entries), collections.defaultdict(set)
    for module in [name for name, entry in entries.items() if entry.objtype == "module"]:
        for name, value in vars(importlib.import_module(module)).items():
            entry = entries.get(f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}")
            if entry:
                found.setdefault(f"{module}.{name}", entry)
                short[name].add(entry)
    for name, meant in short.items():
        if len(meant) == 1 and PROPER.search(name):
            found.setdefault(name, *meant)
    for name, entry in list(found.items()):
        found.setdefault(name.removeprefix("minires."), entry)
        found.setdefault(name.replace("minires.functional.", "F."), entry)
    env.minires_names = found
    return found
